#!/usr/bin/env bash
# JAX: once its compilation cache has been used, neither another folder, nor none, nor turning it off has an effect.
#
# One would guess that `jax.config` means what it says when the next program is compiled: a library could use a cache
# of its own for a while and put the user's settings back. But the first program that meets a folder opens the
# cache, and JAX keeps it: with another folder, with None, and with `jax_enable_compilation_cache` false, programs
# are still written to the first folder, while `jax.config` shows the new value.
# What to do: call `reset_cache()` after each change of the folder, and set the folder to None to turn it off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.experimental.compilation_cache import compilation_cache

print("JAX", jax.__version__)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
sizes = iter(range(3, 20))


def new_files(what: str) -> tuple[int, int]:
    """Compile a program that was never compiled; return how many files each folder gains."""
    before = [len(list(Path(name).glob("*"))) for name in ("first", "second")]
    size = next(sizes)
    jax.jit(lambda x: jnp.sin(x) * size)(jnp.ones(size)).block_until_ready()
    after = [len(list(Path(name).glob("*"))) for name in ("first", "second")]
    gained = after[0] - before[0], after[1] - before[1]
    print(f"{what}: {gained[0]} new files in the first folder, {gained[1]} in the second")
    return gained


jax.config.update("jax_compilation_cache_dir", "first")
assert new_files("the first folder is set")[0] > 0
jax.config.update("jax_compilation_cache_dir", "second")
first, second = new_files("the second folder is set")
assert first > 0 and second == 0
jax.config.update("jax_compilation_cache_dir", None)
assert new_files("no folder is set")[0] > 0
jax.config.update("jax_compilation_cache_dir", "second")
compilation_cache.reset_cache()
first, second = new_files("the second folder is set, and the cache reset")
assert first == 0 and second > 0
jax.config.update("jax_enable_compilation_cache", False)
assert new_files("the cache is disabled")[1] > 0
print("as described: the cache that was opened first is kept")
PYTHON
