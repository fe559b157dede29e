import numpy as np
import onnx
import pytest

import mnistry
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import int8


@pytest.fixture(scope="module")
def content(finished_run) -> bytes:
    return finished_run.onnx_path.read_bytes()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return mnistry.load("sample").train.images


@pytest.fixture(scope="module")
def found(content, images) -> int8.Quantized:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "MOST_CHANGED", 1)
        return int8.quantize(content, images[:500], images[500:], "model.onnx")


def test_the_figures_are_those_of_both_networks(found, content, images) -> None:
    before, after = (
        onnx_session.probabilities(onnx_session.open_session(one), images[500:])
        for one in (content, found.content)
    )
    changed = (before.argmax(axis=1) != after.argmax(axis=1)).sum()
    assert (found.changed, found.count) == (changed, 3500)
    assert changed < 0.01 * 3500
    assert abs(before - after).max() > 1e-6  # it is another network
    assert found.speed > 0


def test_an_answer_does_not_depend_on_the_batch(found, images) -> None:
    session = onnx_session.open_session(found.content)
    together = onnx_session.probabilities(session, images[:100])
    alone = onnx_session.probabilities(session, images[:100], batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_operators_are_quantized_in_the_form_qdq_and_the_softmax_is_not(found) -> None:
    graph = onnx.load_from_string(found.content).graph
    kinds = {node.op_type for node in graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Gemm"} <= kinds
    assert not [kind for kind in kinds if kind.startswith("QLinear") or "Dynamic" in kind]
    (softmax,) = (node for node in graph.node if node.op_type == "Softmax")
    (before,) = (node for node in graph.node if softmax.input[0] in node.output)
    assert before.op_type == "Gemm"  # the last layer stays as it was
    assert softmax.output[0] == "probabilities"
    assert {t.data_type for t in graph.initializer} >= {onnx.TensorProto.INT8}


def test_more_than_one_in_a_thousand_changed_is_refused(content, images, monkeypatch) -> None:
    monkeypatch.setattr(int8, "_quantized", lambda model, _: _with_other_answers(model))
    with pytest.raises(ModelError, match=r"answers \d+ of 4,000 held-out .* differently") as caught:
        int8.quantize(content, images[:500], images, "model.onnx")
    assert "at most 0.1 %" in str(caught.value)


def _with_other_answers(model: onnx.ModelProto) -> bytes:
    bias = onnx.numpy_helper.to_array(model.graph.initializer[-1]).copy()
    bias[3] += 1
    model.graph.initializer[-1].CopyFrom(
        onnx.numpy_helper.from_array(bias, model.graph.initializer[-1].name)
    )
    return model.SerializeToString()


def test_nothing_is_printed(content, images, capfd, monkeypatch) -> None:
    monkeypatch.setattr(int8, "MOST_CHANGED", 1)
    int8.quantize(content, images[:50], images[:50], "model.onnx")
    assert capfd.readouterr() == ("", "")
