"""The number of processor cores that this process computes on."""

import contextlib
import os

_MOST_PARTS = 4  # the most devices that a training is divided among: more were never measured


def cores() -> int:
    """Return how many processor cores this process may use: at most ``NPROC``, if that is set."""
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    most = os.environ.get("NPROC", "")
    return min(available, int(most)) if most.isdecimal() and int(most) else available


def divide_processor() -> None:
    """Make JAX see the processor as up to four devices, among which a training can be divided.

    Called whenever a model is made, loaded or trained. Does nothing if Keras has another backend,
    if JAX has computed something before, or if its settings or ``XLA_FLAGS`` set the number of
    devices.
    """
    import keras

    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.config.jax_num_cpu_devices > 0:  # -1: not set
        return
    # The largest power of two that the cores allow: it divides the units of most layers.
    parts = 1 << (min(cores(), _MOST_PARTS).bit_length() - 1)
    if parts > 1 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # JAX has made its devices already
            jax.config.update("jax_num_cpu_devices", parts)


def use_cores(count: int) -> None:
    """Make JAX compute on `count` processor cores, as one device, and on no accelerator.

    Call it before JAX is imported.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    given, one = os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=1"
    if one not in given.split():
        os.environ["XLA_FLAGS"] = f"{given} {one}".lstrip()
    os.environ["NPROC"] = str(count)  # read by XLA and by `cores`
