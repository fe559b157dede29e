"""Tensor parallelism on one processor: each core keeps its own part of a dense network's units.

A unit's weights, their gradients and what the optimizer remembers of them stay in one core's own
cache, and all that passes between cores in a step is the sums that the next layer takes over all
units. Knows nothing of training.

M. Shoeybi and others: Megatron-LM, 2019, section 3.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    from jax.sharding import Mesh, NamedSharding

# More were never measured.
_MOST_PARTS = 4
# Weights of the largest layer in each part: with fewer, waiting for each other costs more than
# the parts save.
_LEAST_WEIGHTS = 50_000
# A side with fewer rows or columns in each part stays whole.
_LEAST_UNITS = 64


def cores() -> int:
    """Tell how many of the processor's cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def divide_processor() -> None:
    """Let JAX see the processor as up to four devices; for processes of our own.

    Does nothing where JAX computes already, or where ``XLA_FLAGS`` says how many devices there are.
    """
    import jax

    parts = 1 << (min(cores(), _MOST_PARTS).bit_length() - 1)  # a power of two divides most layers
    if parts > 1 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # it has its devices
            jax.config.update("jax_num_cpu_devices", parts)


def mesh_for(model: keras.Model) -> Mesh | None:
    """Give the devices that share a model's units, or None where it is better left in one piece.

    Shared are networks for which it `pays`, where JAX has several devices of the processor in this
    process and Keras distributes nothing itself.

    Parameters
    ----------
    model
        Built, on Keras's JAX backend.
    """
    import jax
    import keras
    from jax.sharding import Mesh

    devices = jax.local_devices()
    if (
        devices[0].platform != "cpu"
        or jax.process_count() > 1
        or keras.distribution.distribution() is not None
        or not pays([tuple(variable.shape) for variable in model.trainable_variables], len(devices))
    ):
        return None
    return Mesh(np.array(devices), ("units",))


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


def sharding(mesh: Mesh, shape: tuple[int, ...]) -> NamedSharding:
    """Say which part of an array of weights, or of what is remembered of them, lies where."""
    from jax.sharding import NamedSharding, PartitionSpec

    axis = shared_axis(shape, mesh.size)
    names = ["units" if number == axis else None for number in range(len(shape))]
    return NamedSharding(mesh, PartitionSpec(*names))


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
