"""How many of the processor's cores this process computes on."""

import contextlib
import os

# More were never measured.
_MOST_PARTS = 4


def cores() -> int:
    """Tell how many of the processor's cores this process may use: ``NPROC`` at most, if set."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    most = os.environ.get("NPROC", "")
    return min(there, int(most)) if most.isdecimal() and int(most) else there


def divide_processor() -> None:
    """Let JAX see the processor as up to four devices, so that a training can be divided.

    Called wherever a model is made, loaded or trained. Does nothing on another backend of Keras,
    where JAX has computed something before, or where its settings or ``XLA_FLAGS`` say how many
    devices there are.
    """
    import keras

    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.config.jax_num_cpu_devices > 0:  # -1 unless it was set
        return
    parts = 1 << (min(cores(), _MOST_PARTS).bit_length() - 1)  # a power of two divides most layers
    if parts > 1 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # it has its devices
            jax.config.update("jax_num_cpu_devices", parts)


def use_cores(count: int) -> None:
    """Let this process compute on so many of the processor's cores, as one device, and no other.

    To be called before JAX is imported.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    given, one = os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=1"
    if one not in given.split():
        os.environ["XLA_FLAGS"] = f"{given} {one}".lstrip()
    os.environ["NPROC"] = str(count)  # XLA takes it for the number of cores, and so does `cores`
