"""What all tests share: real MNIST where there is one, empty caches, and no skip unnoticed."""

import atexit
import gc
import hashlib
import itertools
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.doctest import DoctestModule

import mnistry  # chooses Keras's backend before anything imports Keras; JAX and NumPy come later
from mnistry.system.files import cache_dir
from tests import compiling

if TYPE_CHECKING:
    import numpy as np

# With CI=true a test may be skipped only for one of these reasons.
ALLOWED_SKIPS = {
    "no MNIST in the cache": "the data is not ours to ship; .ci/run copies it in if it finds it",
    "no MNISTRY_HANDWRITING": "the images are not ours to ship; .ci/run names their folder",
    "this user may not hide /proc": "many containers forbid it",
}

# Looked up before any test points the cache elsewhere.
_MNIST_PLACES = (
    cache_dir() / "datasets" / "mnist.npz",
    Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets" / "mnist.npz",
)
_skipped: list[str] = []

# Tests, and the commands that they start, train the same small networks again and again: what JAX
# has compiled once is kept until the tests end. The folder has no limit of size: with one, JAX 0.10
# looks at every entry whenever it adds one, and there are thousands.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.mkdtemp(prefix="mnistry-compiled-")
    atexit.register(shutil.rmtree, COMPILED, ignore_errors=True)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": COMPILED,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

# Most trainings of tests are so short that compiling takes longer. Without LLVM's optimisation the
# same programs are compiled in half of the processor time, and without XLA's newer way to fuse
# operations in a tenth of that; the numbers are the same to the last bit. `optimized` tests have
# LLVM's optimisation.
if os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1") == "1":
    os.environ.setdefault("XLA_FLAGS", compiling.QUICK)

# Several processes share the cores: more threads in each would wait for each other in busy loops.
for name in ("OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(name, "1")

# Collect garbage less often than by default: each full collection looks at everything that the
# tests have imported and compiled.
gc.set_threshold(50_000)

# If a shell starts the tests in the background, they and their processes ignore Ctrl-C: undo that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let each of pytest's workers import Keras as our commands do, in a quarter of the time.

    Collecting all tests would import it with packages that few tests need.
    """
    if hasattr(config, "workerinput"):
        from mnistry.training import startup

        startup.import_keras()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for no examples in tests' docstrings: there are none, and each worker would look."""
    found = yield
    return [one for one in found if not isinstance(one, DoctestModule)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give one of pytest's workers all files that share a Ray cluster, and other files whole."""
    from xdist.scheduler import LoadFileScheduling

    class ByCluster(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = "tests/cluster/"
            return folder if nodeid.startswith(folder) else super()._split_scope(nodeid)

    return ByCluster(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses a Ray cluster as slow, and run files with slow tests first.

    pytest's workers take whole files: the longest must not be the last.
    """
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New folders for caches. `mktemp` would look through all earlier ones each time."""
    place = tmp_path_factory.mktemp("caches")
    return (place / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def empty_caches(caches: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test empty caches, so that nothing on the machine can help or harm it."""
    for name in ("MNISTRY_HOME", "KERAS_HOME"):
        folder = next(caches)
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))


@pytest.fixture
def optimized() -> Iterator[None]:
    """Compile as for a user. It must come before the test's own trainings."""
    with compiling.optimized():
        yield


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every origin at a port that nobody listens on: no test reaches the network."""
    from mnistry import datasets

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(datasets.mnist, "ORIGINS", ("http://127.0.0.1:9/mnist.npz",))
    monkeypatch.setattr(datasets.fashion, "ORIGINS", ("http://127.0.0.1:9/",))


@pytest.fixture(autouse=True, scope="session")
def each_page_prepared_once() -> Iterator[None]:
    """Prepare a blank page of a form, and find a picture's features, once: tests share pages."""
    from mnistry.forms import alignment

    with pytest.MonkeyPatch.context() as patch:
        for name in ("prepare", "_features"):
            patch.setattr(alignment, name, _once(getattr(alignment, name)))
        yield


def _once(function: Callable[..., object]) -> Callable[..., object]:
    """Keep the last results of a function of a picture."""
    kept: dict[tuple[bytes, str], object] = {}

    def call(grey: "np.ndarray", *rest: object, **named: object) -> object:
        key = hashlib.sha256(grey.tobytes()).digest(), repr((grey.shape, rest, named))
        if key not in kept:
            if len(kept) == 24:
                del kept[next(iter(kept))]
            kept[key] = function(grey, *rest, **named)
        return kept[key]

    return call


@pytest.fixture(autouse=True, scope="session")
def ray_token() -> Iterator[None]:
    """Give Ray a token, so that the tests neither need nor write one in the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="session")
def mnist_path() -> Path:
    """The real MNIST as ``mnist.npz``."""
    for path in _MNIST_PLACES:
        if path.is_file():
            return path
    pytest.skip("no MNIST in the cache")


@pytest.fixture(scope="session")
def mnist(mnist_path: Path) -> "dict[str, np.ndarray]":
    """The real arrays by Keras's names."""
    import numpy as np

    with np.load(mnist_path) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture
def mnist_home(mnist_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own in which the real MNIST lies."""
    home = tmp_path / "home"
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "mnist.npz").symlink_to(mnist_path)
    monkeypatch.setenv("MNISTRY_HOME", str(home))
    return home


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note every skip whose reason is not on the list."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ")  # type: ignore[index]
        if reason not in ALLOWED_SKIPS:
            _skipped.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI if a test was skipped for a reason that is not on the list."""
    if os.environ.get("CI") == "true" and _skipped:
        print("skipped for a reason that is not allowed:", *_skipped, sep="\n  ")  # noqa: T201
        session.exitstatus = 1


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> "mnistry.Run":
    """A small run on the sample: 32 hidden units, two epochs, a tenth set aside."""
    from mnistry.datasets import Origin
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs import experiment

    return experiment.run_experiment(
        Experiment(mnistry.Recipe("small", units=32, epochs=2, validation=0.1), Origin("sample")),
        mnistry.load("sample"),
        path=tmp_path_factory.mktemp("runs") / "small",
    )
