"""Compile as for a user."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def optimized() -> Iterator[None]:
    """Compile as for a user, in this process and those that it starts: long trainings are quicker.

    Trainings that were compiled before stay as they are.
    """
    name = "JAX_DISABLE_MOST_OPTIMIZATIONS"
    before = os.environ[name] == "1"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(name)
        if jax := sys.modules.get("jax"):
            jax.config.update(name.lower(), False)
        try:
            yield
        finally:
            if jax := sys.modules.get("jax"):
                jax.config.update(name.lower(), before)
