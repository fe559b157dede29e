"""The last layer of our own ONNX graphs is found, and a graph with two views computes both."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import mnistry
from mnistry.concepts import softmax
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import onnx_graph, onnx_wrap, two_views
from mnistry.networks.two_views import TeachableOnnx
from mnistry.reading.built_in import SHIPPED
from mnistry.training.teach import DOUBT, Bend, Taught


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return mnistry.load("sample").test.images[:40]


def built(name: str) -> bytes:
    return onnx_graph.to_onnx(mnistry.build(name)).SerializeToString()


@pytest.mark.parametrize("network", ["the built-in one", "dense", "strided"])
def test_features_and_last_layer_give_the_networks_own_answers(
    network: str, images: np.ndarray
) -> None:
    content = SHIPPED.read_bytes() if network == "the built-in one" else built(network)
    start = TeachableOnnx(content, network)
    logits = start.features(images.astype(np.float32)) @ start.kernel + start.bias
    expected = onnx_session.probabilities(onnx_session.open_session(content), images)
    assert abs(softmax(logits) - expected).max() < 1e-5


def test_batches_that_threads_share_come_in_order(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_views, "_BATCH", 7)
    pixels = images.astype(np.float32)
    alone, shared = (
        TeachableOnnx(SHIPPED.read_bytes(), "it", threads).features(pixels) for threads in (1, 3)
    )
    assert (alone == shared).all()
    assert np.allclose(
        alone[33], TeachableOnnx(SHIPPED.read_bytes(), "it").features(pixels[33:34])[0], atol=1e-4
    )


def test_a_graph_with_two_views_answers_as_computed_and_shares_the_weights(
    images: np.ndarray,
) -> None:
    content = SHIPPED.read_bytes()
    start = TeachableOnnx(content, "start")
    rows, columns = (axis.ravel().astype(np.float32) for axis in np.mgrid[:28, :28])
    bend = Bend.of(columns + 0.2 * (rows - 13.5), rows)
    random = np.random.default_rng(0)
    size = len(start.kernel)
    kernel = random.normal(0, 0.05, (2 * size, 20)).astype(np.float32)
    bias = random.normal(0, 1, 20).astype(np.float32)
    taught = Taught(bend, kernel, bias)
    made = start.with_bent_view(bend.places, bend.shares, kernel, bias, DOUBT)
    found = onnx_session.probabilities(onnx_session.open_session(made), images)
    expected = taught.probabilities(taught.views(start, images.astype(np.float32)))
    assert abs(found - expected).max() < 1e-5
    assert len(made) < len(content) + 4 * 20 * 2 * size + 40_000
    alone = onnx_session.probabilities(onnx_session.open_session(made), images[3:4])
    assert abs(alone - found[3]).max() < 1e-5


def test_a_network_that_was_taught_already_cannot_be_a_start() -> None:
    start = TeachableOnnx(built("linear"), "start")
    rows, columns = (axis.ravel().astype(np.float32) for axis in np.mgrid[:28, :28])
    bend = Bend.of(columns, rows)
    kernel, bias = np.zeros((2 * len(start.kernel), 20), np.float32), np.zeros(20, np.float32)
    taught = start.with_bent_view(bend.places, bend.shares, kernel, bias, DOUBT)
    with pytest.raises(ModelError, match=r"taught already.*with all examples together"):
        TeachableOnnx(taught, "a run")


def test_a_graph_that_does_not_end_in_a_dense_layer_is_refused() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels"], ["rows"], axes=[2], keepdims=0),
            helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "other",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.zeros((28, 10), np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = onnx_wrap.serialised(model)
    onnx_session.open_session(content)
    with pytest.raises(ModelError, match="its last layer is not a dense layer"):
        TeachableOnnx(content, "other.onnx")
