"""The processes that train one network together. Knows nothing of what they compute."""

import sys
from typing import Any


def process_count() -> int:
    """Tell in how many processes JAX computes this together."""
    jax = sys.modules.get("jax")
    return 1 if jax is None else int(jax.process_count())


def is_main_process() -> bool:
    """Say whether this is the first of the processes that compute together: the one that writes."""
    return process_count() == 1 or bool(sys.modules["jax"].process_index() == 0)


def broadcast(numbers: Any) -> Any:
    """Give the first process's numbers, in all that compute together; each must ask.

    What depends on a clock, or on the last bit of a sum, must not differ between them.

    Examples
    --------
    >>> broadcast({"loss": 0.5, "step": 3})
    {'loss': 0.5, 'step': 3}
    """
    if process_count() == 1:
        return numbers
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(numbers)
