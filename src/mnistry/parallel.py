"""How a training is divided over devices: a network's units in one process, or images over several.

**Units** (tensor parallelism): each core keeps its own part of a dense network's units. A unit's
weights, their gradients and what the optimizer remembers of them stay in one core's own cache, and
all that passes between cores in a step is the sums that the next layer takes over all units.
M. Shoeybi and others: Megatron-LM, 2019, section 3.

**Images** (data parallelism): each process computes the gradients of its own part of every batch,
and all of them keep the same weights, moved by the sum. What is computed is what one process would
compute, but for the order of the sums.

Knows nothing of training.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras
    from jax.sharding import Mesh

# More were never measured.
_MOST_PARTS = 4
# Weights of the largest layer in each part: with fewer, waiting for each other costs more than
# the parts save.
_LEAST_WEIGHTS = 50_000
# A side with fewer rows or columns in each part stays whole.
_LEAST_UNITS = 64


def cores() -> int:
    """Tell how many of the processor's cores this process may use: ``NPROC`` at most, if set."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    most = os.environ.get("NPROC", "")
    return min(there, int(most)) if most.isdecimal() and int(most) else there


def divide_processor() -> None:
    """Let JAX see the processor as up to four devices; for processes of our own.

    Does nothing where JAX computes already, or where ``XLA_FLAGS`` says how many devices there are.
    """
    import jax

    parts = 1 << (min(cores(), _MOST_PARTS).bit_length() - 1)  # a power of two divides most layers
    if parts > 1 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # it has its devices
            jax.config.update("jax_num_cpu_devices", parts)


class Division(Protocol):
    """Where the arrays of a training lie, and who computes what."""

    def put(self, array: Any, shape: tuple[int, ...]) -> Any:
        """Lay an array where weights of this shape, or what is remembered of them, have a place."""

    def share(self, rows: Any) -> Any:
        """Give each device its part of a batch, in what JAX traces."""


def division_for(model: keras.Model) -> Division | None:
    """Say how a model's training is divided; None if it is not.

    Images are, where JAX computes in several processes. Units are, where it has several devices of
    the processor in this one, Keras distributes nothing itself, and it `pays`.

    Parameters
    ----------
    model
        Built, on Keras's JAX backend.
    """
    import jax
    import keras
    from jax.sharding import Mesh

    if processes() > 1:
        return ByImages(keras.distribution.DataParallel(auto_shard_dataset=False))
    devices = jax.local_devices()
    if (
        devices[0].platform != "cpu"
        or keras.distribution.distribution() is not None
        or not pays([tuple(variable.shape) for variable in model.trainable_variables], len(devices))
    ):
        return None
    return ByUnits(Mesh(np.array(devices), ("units",)))


@dataclass(frozen=True)
class ByUnits:
    """Each device of this process has a part of the units."""

    mesh: Mesh

    def put(self, array: Any, shape: tuple[int, ...]) -> Any:
        """See `Division`."""
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        axis = shared_axis(shape, self.mesh.size)
        names = ["units" if number == axis else None for number in range(len(shape))]
        return jax.device_put(array, NamedSharding(self.mesh, PartitionSpec(*names)))

    def share(self, rows: Any) -> Any:
        """Every unit sees the whole batch."""
        return rows


@dataclass(frozen=True)
class ByImages:
    """Each process has a part of every batch; the state is the same in all."""

    distribution: keras.distribution.DataParallel

    def put(self, array: Any, shape: tuple[int, ...]) -> Any:  # noqa: ARG002
        """See `Division`; every process must give the same array."""
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        whole = NamedSharding(self.distribution.device_mesh.backend_mesh, PartitionSpec())
        return jax.make_array_from_process_local_data(whole, np.asarray(array))

    def share(self, rows: Any) -> Any:
        """See `Division`; parts need not be equal, and there may be fewer rows than processes."""
        import jax

        layout = self.distribution.get_data_layout(rows.shape).backend_layout
        return jax.lax.with_sharding_constraint(rows, layout)


def pays(shapes: Sequence[tuple[int, ...]], parts: int) -> bool:
    """Say whether a network with weights of these shapes is quicker in so many parts.

    Its layers must be dense, and the units of the largest must come out even and be many.

    Examples
    --------
    >>> pays([(784, 512), (512,), (512, 10), (10,)], parts=4), pays([(784, 10), (10,)], parts=4)
    (True, False)
    """
    kernels = [shape for shape in shapes if len(shape) == 2]
    if parts == 1 or not kernels or any(len(shape) > 2 for shape in shapes):
        return False
    largest = max(kernels, key=math.prod)
    return shared_axis(largest, parts) == 1 and math.prod(largest) >= _LEAST_WEIGHTS * parts


def shared_axis(shape: tuple[int, ...], parts: int) -> int | None:
    """Give the last axis of an array that can be shared, or None where it stays whole.

    Examples
    --------
    >>> shared_axis((784, 512), 4), shared_axis((512, 10), 4), shared_axis((10,), 4)
    (1, 0, None)
    """
    for axis in reversed(range(len(shape))):
        if shape[axis] % parts == 0 and shape[axis] >= _LEAST_UNITS * parts:
            return axis
    return None


def processes() -> int:
    """Tell in how many processes JAX computes this together."""
    jax = sys.modules.get("jax")
    return 1 if jax is None else int(jax.process_count())


def leads() -> bool:
    """Say whether this is the first of the processes that compute together: the one that writes."""
    return processes() == 1 or bool(sys.modules["jax"].process_index() == 0)


def agreed(numbers: Any) -> Any:
    """Give the first process's numbers, in all that compute together; each must ask.

    What depends on a clock, or on the last bit of a sum, must not differ between them.

    Examples
    --------
    >>> agreed({"loss": 0.5, "step": 3})
    {'loss': 0.5, 'step': 3}
    """
    if processes() == 1:
        return numbers
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(numbers)


def use_cores(count: int) -> None:
    """Let this process compute on so many of the processor's cores, as one device, and no other.

    To be called before JAX is imported.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    given, one = os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=1"
    if one not in given.split():
        os.environ["XLA_FLAGS"] = f"{given} {one}".lstrip()
    os.environ["NPROC"] = str(count)  # XLA takes it for the number of cores, and so does `cores`
