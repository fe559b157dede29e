"""The processes that train one network together; knows nothing of what they compute."""

import sys
from typing import Any


def process_count() -> int:
    """Return the number of processes in which JAX computes together."""
    jax = sys.modules.get("jax")
    return 1 if jax is None else int(jax.process_count())


def is_main_process() -> bool:
    """Return whether this is process 0, the one that writes files."""
    return process_count() == 1 or bool(sys.modules["jax"].process_index() == 0)


def broadcast(numbers: Any) -> Any:
    """Broadcast process 0's numbers. Collective: every process must call it.

    Numbers that depend on a clock, or on the last bit of a sum, would differ between processes.

    Examples
    --------
    >>> broadcast({"loss": 0.5, "step": 3})
    {'loss': 0.5, 'step': 3}
    """
    if process_count() == 1:
        return numbers
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(numbers)
