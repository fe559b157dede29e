#!/usr/bin/env bash
# JAX's compilation cache: a damaged entry is never replaced.
#
# One would guess that a cache heals itself: a damaged entry is a miss, the program is compiled, and the new result
# takes the place of the old one. JAX warns, compiles, and leaves the damaged file where it is, because an entry
# that exists is not written again. So a file that was cut short once, by a full disk say, costs the compile time
# at every start for ever, with a warning each time.
# What to do: check entries before JAX is imported and delete damaged ones; a digest stored beside each is enough.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    jax==0.10.2 numpy==2.4.6
cd "$folder"
cat > compile.py <<'PYTHON'
import sys
import warnings

import jax
import jax.numpy as jnp

with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    jax.jit(lambda x: jnp.tanh(x @ x).sum())(jnp.ones((64, 64))).block_until_ready()
damaged = [str(w.message)[:90] for w in seen if "cache" in str(w.message)]
print(sys.argv[1], "jax", jax.__version__, "- warnings of the cache:", len(damaged), *damaged[:1])
PYTHON
export JAX_COMPILATION_CACHE_DIR=$folder/cache JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 JAX_PLATFORMS=cpu
python=$folder/venv/bin/python
"$python" compile.py "first start: "
for entry in cache/*-cache; do head -c 100 "$entry" > cut && cp cut "$entry"; done
before=$(cat cache/*-cache | sha256sum)
"$python" compile.py "second start:" | tee second
"$python" compile.py "third start: " | tee third
after=$(cat cache/*-cache | sha256sum)
grep -q 'cache: [1-9]' second && grep -q 'cache: [1-9]' third
[ "$before" = "$after" ]
echo "as described: the entries are still the damaged ones"
