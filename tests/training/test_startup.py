import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnistry.training import startup

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def no_shared_programs() -> Iterator[None]:
    """Take away the folder of compiled programs that the other tests share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("JAX_COMPIL", "JAX_PERSIST"))]:
            patch.delenv(name)
        yield


# Compile one function with the cache on; a warning is an error.
COMPILE = """
import warnings
warnings.simplefilter("error")
from mnistry.training import startup
with startup.compiled_programs():
    import jax
    print(jax.jit(lambda x: x * 2 + 1)(3.0))
"""


@pytest.fixture(scope="module")
def compiled(no_shared_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cache folder, in which a process has compiled a program, and of its copy."""
    place = tmp_path_factory.mktemp("compiled")
    compile_in_a_process(MNISTRY_HOME=str(place / "home"))
    shutil.copytree(place / "home", place / "copy")
    return place


@pytest.fixture
def programs_of_another(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache folder be the one in which another process has compiled a program.

    For JAX, a program in a folder of another name would be another program.
    """
    shutil.rmtree(compiled / "home")
    shutil.copytree(compiled / "copy", compiled / "home")
    monkeypatch.setenv("MNISTRY_HOME", str(compiled / "home"))


def compile_in_a_process(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMPILE], env=os.environ | environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def programs() -> list[Path]:
    return sorted(Path(os.environ["MNISTRY_HOME"]).glob("compiled/*/*-cache"))


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in programs()}


def test_truncated_programs_are_written_anew_in_silence_and_found_by_the_next_process(
    programs_of_another: None,
) -> None:
    whole = contents()
    assert whole
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
def test_a_program_without_one_of_its_companions_is_dropped(
    programs_of_another: None, companion: str
) -> None:
    # JAX cannot evict what has no time of use; a process may be killed before it writes digests.
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
        "from mnistry.training import startup\n"
        # As if they were not installed: that is quicker.
        "sys.modules |= dict.fromkeys({*startup._EXTRAS} - {'cv2'})\n"
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


# One process imports Keras, and says what the tests below look at.
IMPORT = """
import gc, json, sys
from mnistry.training import startup
startup.import_keras()
loaded = sorted(sys.modules)
frozen = [gc.get_freeze_count()]
kept = [[] for _ in range(1000)]
startup.import_keras()
frozen.append(gc.get_freeze_count())
from keras.src.backend.jax import nn
mask = nn.splash_attention_mask.CausalMask((2, 2))[:2, :2].tolist()
import jax.numpy as jnp
from jax.experimental import sparse
two = sparse.BCSR.fromdense(2 * jnp.eye(3))
solved = sparse.linalg.spsolve(two.data, two.indices, two.indptr, jnp.ones(3)).tolist()
import matplotlib.figure
print(json.dumps([loaded, frozen, gc.isenabled(), mask, solved]))
"""


@pytest.fixture(scope="module")
def imported() -> list[Any]:
    """The modules loaded, the objects frozen by a first and a second import, and more."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def test_keras_is_imported_without_its_extras_which_stay_importable(imported: list[Any]) -> None:
    assert "keras" in imported[0]
    assert not {*startup._EXTRAS} & set(imported[0])


def test_parts_for_sparse_matrices_and_tpus_are_imported_when_something_in_them_is_used(
    imported: list[Any],
) -> None:
    loaded, _, _, mask, solved = imported
    assert not {"scipy.sparse", "jax.experimental.pallas"} & set(loaded)
    assert mask == [[1, 0], [1, 1]]
    assert solved == [0.5, 0.5, 0.5]


def test_what_is_imported_is_not_searched_for_garbage_what_comes_later_is(
    imported: list[Any],
) -> None:
    _, frozen, is_enabled, *_ = imported
    assert frozen[0] > 100_000
    assert is_enabled


def test_a_second_call_freezes_no_more_objects(imported: list[Any]) -> None:
    first, second = imported[1]
    assert second <= first


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
