#!/usr/bin/env bash
# JAX: a compilation cache with a limit of size, far from full, reads one file for each of its entries at every write.
#
# One would guess that `jax_compilation_cache_max_size` costs something only when the limit is near: a sum of sizes
# is easily kept. But before each new entry JAX adds up the folder anew, and for every entry it opens a second file,
# which holds when the entry was last used; all that under a lock that stops the other processes. The work grows with
# the square of the number of programs: 2,000 small ones cost more than a million opened files. Without a limit no
# file is opened, and there is no lock.
# What to do: where many processes fill one cache, as test suites do, set no limit, and delete the folder by its age.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 filelock==3.20.0
cd "$folder"
cat >count.py <<'PYTHON'
import pathlib
import sys

import jax
import jax.numpy as jnp

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_compilation_cache_max_size", int(sys.argv[2]))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
given = jnp.ones(3)
read: list[str] = []
read_bytes = pathlib.Path.read_bytes


def counted(path: pathlib.Path) -> bytes:
    read.append(path.name)
    return read_bytes(path)


pathlib.Path.read_bytes = counted
for entries in range(1, 101):
    read.clear()
    jax.jit(lambda x, number=entries: jnp.sin(x) * number)(given).block_until_ready()
    if entries in (25, 50, 100):
        print(f"limit {sys.argv[2]}: one more program opens {len(read)} files, of {entries} programs so far")
        at_end = len(read)
assert at_end >= 95 if int(sys.argv[2]) > 0 else at_end == 0, at_end
PYTHON
export JAX_PLATFORMS=cpu
"$folder/venv/bin/python" -c 'import jax; print("JAX", jax.__version__)'
"$folder/venv/bin/python" count.py limited 1000000000
"$folder/venv/bin/python" count.py unlimited -1
echo "as described: with a limit, far from reached, every entry is read at each write"
