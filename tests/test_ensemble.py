"""Networks joined into one file answer as the mean of their logits does."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mnistry
from mnistry.inference import onnx_session
from mnistry.networks import export
from tests.scripts import load

ENSEMBLE = Path(__file__).parents[1] / "benchmarks" / "ensemble.py"


@pytest.fixture(scope="module")
def ensemble() -> ModuleType:
    return load(ENSEMBLE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return mnistry.load("sample").train.images[:64]


@pytest.fixture(scope="module")
def members(images, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    paths = [folder / f"{seed}.onnx" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        export.export(mnistry.build("dense", units=32, seed=seed), path, images)
    return paths


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_answer_is_the_softmax_of_the_mean_logits(
    ensemble, members, images, temperature: float, tmp_path: Path
) -> None:
    ensemble.join(members, tmp_path / "joined.onnx", temperature=temperature)
    answers = [answer(path, images) for path in members]
    # The logarithms are the logits, each row shifted by a constant that softmax removes.
    logits = np.mean([np.log(one) for one in answers], axis=0) / temperature
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    joined = answer(tmp_path / "joined.onnx", images)
    assert abs(joined - expected).max() < 2e-3  # weights are rounded to 16 bits
    assert abs(joined - answers[0]).max() > 0.01


def test_weights_take_half_the_room(ensemble, members, tmp_path: Path) -> None:
    ensemble.join(members, tmp_path / "joined.onnx")
    whole = sum(path.stat().st_size for path in members)
    assert (tmp_path / "joined.onnx").stat().st_size < 0.6 * whole


def test_a_network_that_does_not_end_with_a_softmax_is_refused(
    ensemble, members, tmp_path: Path
) -> None:
    import onnx

    model = onnx.load(members[0])
    last = model.graph.node[-1]
    model.graph.node.append(onnx.helper.make_node("Identity", last.output, ["more"]))
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="ends with Identity"):
        ensemble.join([tmp_path / "other.onnx"], tmp_path / "joined.onnx")
    assert not (tmp_path / "joined.onnx").exists()


def answer(path: Path, images: np.ndarray) -> np.ndarray:
    return onnx_session.probabilities(onnx_session.open_session(path), images)
