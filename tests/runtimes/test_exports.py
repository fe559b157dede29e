"""Exported networks give the same answers in other runtimes, each in an environment of its own.

``make runtimes-test`` makes the environments in ``.runtimes`` and runs these tests.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mnistry
from mnistry.inference import onnx_session
from mnistry.networks import adopt, export, int8
from mnistry.reading.built_in import SHIPPED
from tests.networks import test_adopt
from tests.networks.test_adopt import regression, sample

__all__ = ["regression", "sample"]

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
PLACES = HERE.parents[1] / ".runtimes"
# OpenVINO computes in bfloat16 on processors that have it, unless it is told otherwise.
EXACT = "INFERENCE_PRECISION_HINT=f32"


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    return mnistry.load("sample").test.images


@pytest.fixture(scope="module", params=["dense", "convnet", "int8", "pytorch", "shipped"])
def exported(request, regression, sample, images, tmp_path_factory) -> Path:
    """A network as `mnistry export` writes it: of ours, in eight bits, adopted, and built in."""
    path = tmp_path_factory.mktemp("exported") / f"{request.param}.onnx"
    if request.param == "shipped":
        path.write_bytes(SHIPPED.read_bytes())
    elif request.param == "pytorch":
        # Pixels v as PyTorch's examples normalise them: (v - 0.1307) / 0.3081.
        test_adopt.torch_like(path, regression, batch=1, reshape=True, scale=(1 / 0.3081, -0.4242))
        path.write_bytes(adopt.adopt(adopt.open_network(path), sample).onnx)
    else:
        model = mnistry.build("convnet") if request.param == "convnet" else mnistry.build(units=64)
        mnistry.train(model, *sample, epochs=2)
        export.export(model, path, images)
        if request.param == "int8":
            path.write_bytes(_in_eight_bits(path, sample.images))
    return path


def _in_eight_bits(path: Path, images: NDArray[np.uint8]) -> bytes:
    most, int8.MOST_CHANGED = int8.MOST_CHANGED, 0.02  # of a network that has seen little
    try:
        return int8.quantize(path.read_bytes(), images[:500], images[500:], "dense").content
    finally:
        int8.MOST_CHANGED = most


def with_python(name: str, *hints: str) -> Callable[[Path, NDArray[np.uint8], Path], NDArray]:
    """Make a function that runs a network in an environment of Python."""

    def run(model: Path, images: NDArray[np.uint8], folder: Path) -> NDArray:
        python = PLACES / name / "bin" / "python"
        np.save(folder / "images.npy", images)
        files = (model, folder / "images.npy", folder / "out.npy")
        start(python, HERE / "answers.py", *files, *hints)
        return np.load(folder / "out.npy")

    return run


def with_node(model: Path, images: NDArray[np.uint8], folder: Path) -> NDArray:
    (folder / "images").write_bytes(images.tobytes())
    script = HERE / "answers.mjs"
    start("node", script, PLACES / "web", model, folder / "images", len(images), folder / "out")
    return np.fromfile(folder / "out", "<f4").reshape(len(images), -1)


def start(*command: object) -> None:
    if not (PLACES / "done").exists():
        pytest.skip("no environments: make runtimes-test makes them")
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def expected(model: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return onnx_session.probabilities(onnx_session.open_session(model), images)


@pytest.mark.parametrize(
    "run",
    [with_python("onnxruntime"), with_python("openvino", EXACT), with_node],
    ids=["onnxruntime", "openvino", "web"],
)
def test_every_runtime_gives_the_same_answers(exported, run, images, tmp_path) -> None:
    known, found = expected(exported, images), run(exported, images, tmp_path)
    difference = abs(known - found).max()
    # In eight bits a sum that lies between two steps may be rounded to either.
    assert difference < (0.05 if exported.stem == "int8" else 1e-5)
    second, first = np.partition(known, -2)[:, -2:].T
    is_clear = first - second > 2 * difference
    assert is_clear.mean() > 0.9
    assert (known.argmax(axis=1) == found.argmax(axis=1))[is_clear].all()
