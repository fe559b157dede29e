"""Compile as for a user."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# A flag of XLA as of JAX 0.10; an XLA that does not know the flag ends its process and says so.
QUICK = "--xla_cpu_use_fusion_emitters=false"


@contextmanager
def optimized() -> Iterator[None]:
    """Compile as for a user, in this process and those that it starts: long trainings are quicker.

    Trainings that were compiled before stay as they are. `QUICK` stays: XLA reads it once.
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
