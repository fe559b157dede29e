"""How a training is divided: units or whole networks among cores, or images among processes.

**Tensor parallelism**: each core keeps its own part of a dense network's units. A unit's weights,
their gradients and the optimizer's state for them stay in one core's cache. In a step the cores
exchange only the next layer's sums over all units. M. Shoeybi and others: Megatron-LM, 2019,
section 3.

**Model parallelism**: of several networks that are trained at once, each core has some, and the
cores exchange nothing.

**Data parallelism**: each process computes the gradients of its own part of every batch. All keep
the same weights, and apply the sum of the gradients. The result equals that of one process, except
for the order of floating-point sums.

This module does not train: it decides on the division and places arrays on devices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistry.training.processes import process_count

if TYPE_CHECKING:
    import keras
    from jax.sharding import Mesh

# Each part must have at least this many of the largest layer's weights: with fewer, cores lose
# more time by waiting for each other than they save.
_LEAST_WEIGHTS = 50_000
# An axis with fewer rows or columns in each part is not divided.
_LEAST_UNITS = 64


def division_for(
    model: keras.Model, count: int = 1
) -> TensorParallel | ModelParallel | DataParallel | None:
    """Return how to divide the training of a model, or of several; None if it is not divided.

    Images are divided if JAX computes in several processes. Units are divided if JAX has several
    CPU devices in this process, Keras distributes nothing itself, and the division `is_worthwhile`.
    If only the last condition fails, several models are divided.

    Parameters
    ----------
    model
        Built, on Keras's JAX backend.
    count
        How many models with its layers are trained at once.
    """
    import jax
    import keras
    from jax.sharding import Mesh

    if process_count() > 1:
        return DataParallel(keras.distribution.DataParallel(auto_shard_dataset=False))
    devices = jax.local_devices()
    if devices[0].platform != "cpu" or keras.distribution.distribution() is not None:
        return None
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    if is_worthwhile(shapes, len(devices)):
        return TensorParallel(Mesh(np.array(devices), ("units",)))
    if count > 1 and len(devices) > 1:
        return ModelParallel(Mesh(np.array(devices), ("models",)))
    return None


@dataclass(frozen=True)
class TensorParallel:
    """Each device of this process has a part of the units."""

    mesh: Mesh

    def put(self, array: Any, shape: tuple[int, ...], of_models: bool) -> Any:
        """Put an array on the devices, divided like weights of this shape and their state.

        With `of_models` the array has a row of that shape for each of several models.
        """
        axis = shared_axis(shape, self.mesh.size)
        names = ["units" if number == axis else None for number in range(len(shape))]
        return _put(array, self.mesh, *([None] if of_models else []), *names)

    def share(self, rows: Any) -> Any:
        """Give each device the whole batch."""
        return rows


@dataclass(frozen=True)
class ModelParallel:
    """Each device of this process has some of the models."""

    mesh: Mesh

    def put(self, array: Any, shape: tuple[int, ...], of_models: bool) -> Any:  # noqa: ARG002
        """Put an array on the devices: divided if it has a row for each model."""
        return _put(array, self.mesh, *(["models"] if of_models else []))

    def share(self, rows: Any) -> Any:
        """Give each device the whole batches of its models."""
        return rows


@dataclass(frozen=True)
class DataParallel:
    """Each process has a part of every batch; the state is the same in all."""

    distribution: keras.distribution.DataParallel

    def put(self, array: Any, shape: tuple[int, ...], of_models: bool) -> Any:  # noqa: ARG002
        """Put an array, the same in every process, on the devices, undivided."""
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        whole = NamedSharding(self.distribution.device_mesh.backend_mesh, PartitionSpec())
        return jax.make_array_from_process_local_data(whole, np.asarray(array))

    def share(self, rows: Any) -> Any:
        """Give each device its part of a batch, which may be empty; for use in traced code."""
        import jax

        layout = self.distribution.get_data_layout(rows.shape).backend_layout
        return jax.lax.with_sharding_constraint(rows, layout)


def _put(array: Any, mesh: Mesh, *names: str | None) -> Any:
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    return jax.device_put(array, NamedSharding(mesh, PartitionSpec(*names)))


def is_worthwhile(shapes: Sequence[tuple[int, ...]], parts: int) -> bool:
    """Return whether a network with weights of these shapes trains faster in `parts` parts.

    Its layers must be dense, and its largest layer must have many units, divisible by `parts`.

    Examples
    --------
    >>> is_worthwhile([(784, 512), (512,), (512, 10), (10,)], parts=4)
    True
    >>> is_worthwhile([(784, 10), (10,)], parts=4)
    False
    """
    kernels = [shape for shape in shapes if len(shape) == 2]
    if parts == 1 or not kernels or any(len(shape) > 2 for shape in shapes):
        return False
    largest = max(kernels, key=math.prod)
    return shared_axis(largest, parts) == 1 and math.prod(largest) >= _LEAST_WEIGHTS * parts


def shared_axis(shape: tuple[int, ...], parts: int) -> int | None:
    """Return the last axis of an array that can be divided, or None if the array stays whole.

    Examples
    --------
    >>> shared_axis((784, 512), 4), shared_axis((512, 10), 4), shared_axis((10,), 4)
    (1, 0, None)
    """
    for axis in reversed(range(len(shape))):
        if shape[axis] % parts == 0 and shape[axis] >= _LEAST_UNITS * parts:
            return axis
    return None
