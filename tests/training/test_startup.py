import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnistry.training import startup

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_shared_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the folder of compiled programs that the other tests share."""
    for name in [name for name in os.environ if name.startswith(("JAX_COMPIL", "JAX_PERSIST"))]:
        monkeypatch.delenv(name)


# Compile one function with the cache on; a warning is an error.
COMPILE = """
import warnings
warnings.simplefilter("error")
from mnistry.training import startup
with startup.compiled_programs():
    import jax
    print(jax.jit(lambda x: x * 2 + 1)(3.0))
"""


def compile_in_a_process() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True
    )


def programs() -> list[Path]:
    return sorted(Path(os.environ["MNISTRY_HOME"]).glob("compiled/*/*-cache"))


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in programs()}


def test_a_second_process_finds_the_programs_of_the_first() -> None:
    compile_in_a_process()
    first = {path: path.stat().st_mtime_ns for path in programs()}
    assert first
    assert compile_in_a_process().stderr == ""
    assert first == {path: path.stat().st_mtime_ns for path in programs()}


def test_truncated_programs_are_written_anew_in_silence() -> None:
    compile_in_a_process()
    whole = contents()
    for path in programs():
        path.write_bytes(path.read_bytes()[:10])
    second = compile_in_a_process()
    assert second.stderr == ""
    assert contents().keys() == whole.keys()
    assert all(len(content) > 10 for content in contents().values())
    written = {path: path.stat().st_mtime_ns for path in programs()}
    assert compile_in_a_process().stderr == ""
    assert written == {path: path.stat().st_mtime_ns for path in programs()}


@pytest.mark.parametrize("companion", ["-atime", "-sha256"])
def test_a_program_without_one_of_its_companions_is_dropped(companion: str) -> None:
    # JAX cannot evict what has no time of use; a process may be killed before it writes digests.
    compile_in_a_process()
    for path in programs():
        path.with_name(path.name.removesuffix("-cache") + companion).unlink()
    folder = programs()[0].parent
    startup._drop_damaged(folder)
    assert not [
        path for path in folder.iterdir() if path.name.endswith(("-cache", "-atime", "-sha256"))
    ]


def test_a_folder_of_the_users_own_is_left_to_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    compile_in_a_process()
    assert not programs()


def test_settings_that_the_user_made_are_theirs_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", "123456789")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "7")
    code = (
        "import os; from mnistry.training import startup; before = dict(os.environ)\n"
        "with startup.compiled_programs():\n"
        "    assert os.environ['JAX_COMPILATION_CACHE_MAX_SIZE'] != '123456789'\n"
        "assert dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cache_that_cannot_be_written_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MNISTRY_HOME", str(tmp_path / "file"))
    assert compile_in_a_process().stderr == ""


def test_a_training_in_python_finds_the_compiled_programs_and_leaves_jax_as_it_was() -> None:
    code = (
        "import mnistry, numpy as np, jax, sys\n"
        "before = {n: getattr(jax.config, n) for n in dir(jax.config) if 'cache' in n}\n"
        "x, y = np.zeros((64, 28, 28), np.uint8) + 90, np.arange(64) % 10\n"
        "mnistry.train(mnistry.build('linear'), x, y, epochs=1, batch_size=32)\n"
        "assert before == {n: getattr(jax.config, n) for n in before}\n"
        "jax.jit(lambda v: v * 3.25 - 7)(2.0)\n"  # the program's own
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], check=True)
        names = {path.name.rpartition("-")[0].rpartition("-")[0] for path in programs()}
        assert "jit_steps" in names
        assert "jit__lambda_" not in names
        times = {path: path.stat().st_mtime_ns for path in programs()}
    assert times == {path: path.stat().st_mtime_ns for path in programs()}


def test_keras_is_imported_without_its_extras_which_stay_importable() -> None:
    code = (
        "import sys; from mnistry.training import startup; startup.import_keras()\n"
        "assert 'keras' in sys.modules\n"
        "assert not {'matplotlib', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "import matplotlib.figure, pandas, sklearn"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_parts_for_sparse_matrices_and_tpus_are_imported_when_something_in_them_is_used() -> None:
    code = (
        "import sys; from mnistry.training import startup; startup.import_keras()\n"
        "assert not {'scipy.sparse', 'jax.experimental.pallas'} & set(sys.modules)\n"
        "from keras.src.backend.jax import nn\n"
        "assert nn.splash_attention_mask.CausalMask((2, 2))[:2, :2].tolist() == [[1, 0], [1, 1]]\n"
        "import jax.numpy as jnp\n"
        "from jax.experimental import sparse\n"
        "two = sparse.BCSR.fromdense(2 * jnp.eye(3))\n"
        "solved = sparse.linalg.spsolve(two.data, two.indices, two.indptr, jnp.ones(3))\n"
        "assert solved.tolist() == [0.5, 0.5, 0.5]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_imported_is_not_searched_for_garbage_what_comes_later_is() -> None:
    code = (
        "import gc; from mnistry.training import startup; startup.import_keras()\n"
        "assert gc.get_freeze_count() > 100_000\n"
        "assert gc.isenabled()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_second_call_freezes_no_more_objects() -> None:
    code = (
        "import gc; from mnistry.training import startup; startup.import_keras()\n"
        "before = gc.get_freeze_count(); kept = [[] for _ in range(1000)]\n"
        "startup.import_keras(); assert gc.get_freeze_count() <= before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_backend_that_keras_does_not_know_is_refused_in_one_line() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mnistry", "train", "--data", "sample"],
        env=os.environ | {"KERAS_BACKEND": "abacus"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "KERAS_BACKEND is 'abacus'" in result.stderr


# Eight threads take memory at the same time; glibc then lists its pools.
POOLS = """
import ctypes, sys, threading
from mnistry.training import startup
startup.import_keras()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)
def take():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def test_threads_take_memory_from_one_pool(tmp_path: Path) -> None:
    listed = tmp_path / "pools.xml"
    subprocess.run([sys.executable, "-c", POOLS, listed], check=True)
    assert listed.read_text().count("<heap nr=") == 1
