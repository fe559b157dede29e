"""Networks as the studio's JavaScript computes them answer as ONNX Runtime does."""

import base64
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import mnistry
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import javascript, onnx_graph, onnx_wrap
from mnistry.networks.form import InputFormat, Trial
from mnistry.networks.two_views import TeachableOnnx
from mnistry.reading.built_in import SHIPPED
from mnistry.training.teach import Bend

_driver = pytest.importorskip(
    "playwright._impl._driver", reason="the browser's tests need: pip install playwright"
)
STATIC = Path(mnistry.__file__).parent / "studio" / "static"


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return mnistry.load("sample").test.images[:30]


def as_json(network: javascript.PageNetwork, images: NDArray[np.uint8]) -> dict[str, object]:
    """Return what answers.js reads."""
    content, pixels = (
        base64.b64encode(part).decode() for part in (network.content, images.tobytes())
    )
    return {"network": network.description, "content": content, "images": pixels}


def in_node(network: javascript.PageNetwork, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return JavaScript's probabilities."""
    node, _ = _driver.compute_driver_executable()
    script = Path(__file__).with_name("pure") / "answers.js"
    given = json.dumps(as_json(network, images))
    done = subprocess.run(
        [node, str(script)], input=given, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return np.array(json.loads(done.stdout))


def by_onnx_runtime(content: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return onnx_session.probabilities(onnx_session.open_session(content), images)


def exported(model: object) -> bytes:
    content: bytes = onnx_graph.to_onnx(model).SerializeToString()
    return content


def taught(content: bytes) -> bytes:
    """Return a network with two views, as one that was taught has."""
    start = TeachableOnnx(content, "start")
    rows, columns = (axis.ravel().astype(np.float32) for axis in np.mgrid[:28, :28])
    bend = Bend.of(columns + 0.2 * (rows - 13.5), rows + 0.1 * (columns - 13.5))
    random, size = np.random.default_rng(0), len(start.kernel)
    kernel = random.normal(0, 0.05, (2 * size, 20)).astype(np.float32)
    return start.with_bent_view(
        bend.places, bend.shares, kernel, np.zeros(20, np.float32), doubt=0.1
    )


def every_layer() -> object:
    """Return a model with the layers that none of our networks has, with random weights."""
    import keras
    from keras import layers

    inputs = keras.Input((28, 28), dtype="uint8")
    values = layers.Rescaling(1 / 128, offset=-1)(inputs)
    values = layers.Permute((2, 1))(values)
    values = layers.Reshape((28, 28, 1))(values)
    values = layers.Conv2D(6, 3, strides=2, padding="same", activation="elu")(values)
    values = layers.BatchNormalization(
        moving_mean_initializer=keras.initializers.RandomNormal(seed=1),
        moving_variance_initializer=keras.initializers.RandomUniform(0.5, 2, seed=2),
        gamma_initializer=keras.initializers.RandomNormal(1, seed=3),
    )(values)
    values = layers.AveragePooling2D(3, strides=2, padding="same")(values)
    values = layers.MaxPooling2D(2, padding="same")(values)
    sides = [
        layers.Conv2D(3, 2, activation=name, name=name)(values) for name in ("sigmoid", "tanh")
    ]
    values = layers.Add()(sides)
    flat = layers.Dense(7, activation="relu")(layers.Flatten()(values))
    values = layers.Dense(7, use_bias=False)(layers.GlobalAveragePooling2D()(values))
    values = layers.Add()([flat, values])
    return keras.Model(inputs, layers.Dense(10, "softmax")(values))


def adopted() -> bytes:
    """Return a network as PyTorch exports one, channel first and with logits, adopted."""
    random = np.random.default_rng(0)
    # 864 = 6 feature maps of 12 x 12: 28 - 5 + 1 = 24 on each side, halved by pooling.
    sizes = {"k": (6, 1, 5, 5), "b": (6,), "kernel": (10, 864), "bias": (10,)}
    weights = {name: random.normal(0, 0.1, size).astype("f4") for name, size in sizes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "k", "b"], ["sums"], kernel_shape=[5, 5]),
        helper.make_node("Relu", ["sums"], ["positive"]),
        helper.make_node("MaxPool", ["positive"], ["less"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Constant", [], ["flat shape"], value_ints=[-1, 864]),
        helper.make_node("Reshape", ["less", "flat shape"], ["flat"]),
        helper.make_node("Identity", ["flat"], ["dropped"]),  # what is exported of a dropout
        helper.make_node("Gemm", ["dropped", "kernel", "bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    opset = [helper.make_opsetid("", onnx_wrap.OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=onnx_wrap.IR_VERSION)
    given = InputFormat("mean 0, deviation 1", inverted=True, transposed=False, shape=(1, 28, 28))
    trial = Trial(given, "y", "scores", count=0, accuracy=0.0, loss=0.0)
    return onnx_wrap.wrap(model, "x", trial, np.dtype(np.float32), None)


@pytest.mark.parametrize(
    "network", ["linear", "dense", "convnet", "strided", "taught", "adopted", "every layer"]
)
def test_javascript_answers_as_onnx_runtime_does(network: str, images: NDArray[np.uint8]) -> None:
    if network == "every layer":
        content = exported(every_layer())
    elif network == "adopted":
        content = adopted()
    elif network == "taught":
        content = taught(exported(mnistry.build("dense", units=40)))
    else:
        content = exported(mnistry.build(network))
    translated = javascript.translate(content, images, network)
    found, expected = in_node(translated, images), by_onnx_runtime(content, images)
    assert translated.bits == 16
    assert abs(found - expected).max() < 1e-3
    assert np.ptp(expected, axis=0).max() > 0.01  # the answers depend on the images


def test_the_built_in_network_has_eight_bits_and_answers_nearly_the_same(
    images: NDArray[np.uint8],
) -> None:
    content = SHIPPED.read_bytes()
    translated = javascript.translate(content, images, "built in")
    found, expected = in_node(translated, images), by_onnx_runtime(content, images)
    assert (translated.bits, translated.changed, translated.count) == (8, 0, len(images))
    assert 0 < abs(found - expected).max() < 0.03
    # What is measured in Python is what JavaScript computes.
    assert abs(abs(found - expected).max() - translated.difference) < 1e-4


def test_sixteen_bits_are_used_where_eight_would_change_answers(
    images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(javascript, "MOST_DIFFERENT", 1e-6)
    translated = javascript.translate(SHIPPED.read_bytes(), images, "built in")
    assert translated.bits == 16
    assert translated.difference == 0  # its weights have 16 bits


def test_small_weights_of_a_first_layer_keep_their_bits(images: NDArray[np.uint8]) -> None:
    model = mnistry.build("dense")
    hidden, last = (layer for layer in model.layers if layer.weights)
    for layer, factor in ((hidden, 1e-3), (last, 1e3)):
        layer.kernel.assign(factor * layer.kernel)
    content = exported(model)
    found = in_node(javascript.translate(content, images, "small"), images)
    # Divided by 255, most weights of the hidden layer are below the least normal number of 16 bits.
    assert abs(found - by_onnx_runtime(content, images)).max() < 1e-3


def test_the_operators_are_those_of_the_script() -> None:
    script = (STATIC / "pure" / "operators.js").read_text("utf-8")
    _, _, table = script.partition("export const OPERATORS = {")
    assert tuple(re.findall(r"^  (\w+):", table, re.MULTILINE)) == javascript.OPERATORS


def strange(*nodes: onnx.NodeProto) -> bytes:
    """Make a network that ends with these nodes, from ``sums`` on."""
    weights = {
        "kernel": np.zeros((784, 10), np.float32),
        "column": np.zeros((28, 1), np.float32),
        "ten": np.arange(10),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["image as floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["image as floats"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "kernel"], ["sums"]),
            *nodes,
        ],
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    opset = [helper.make_opsetid("", onnx_wrap.OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=onnx_wrap.IR_VERSION)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("operator", "inputs", "settings", "what"),
    [
        ("Erf", ["sums"], {}, "operator Erf:"),
        ("Gemm", ["flat", "kernel"], {"alpha": 0.5}, "operator Gemm with alpha = 0.5:"),
        ("Gather", ["sums", "ten"], {}, "operator Gather with axis = 0:"),
        ("ReduceLogSumExp", ["sums"], {"axes": [1]}, "ReduceLogSumExp with keepdims = 1:"),
        ("Add", ["image as floats", "column"], {}, "operator Add of inputs of different sizes:"),
        ("Mul", ["image as floats", "column"], {}, "operator Mul of inputs of different sizes:"),
        ("Softmax", ["image as floats"], {}, "operator Softmax of more than one row of numbers:"),
    ],
)
def test_what_javascript_does_not_know_is_refused_in_words(
    operator: str,
    inputs: list[str],
    settings: dict[str, float],
    what: str,
    images: NDArray[np.uint8],
) -> None:
    content = strange(
        helper.make_node(operator, inputs, ["last"], **settings),
        helper.make_node("Softmax", ["last"], ["probabilities"], axis=1),
    )
    with pytest.raises(ModelError, match=what):
        javascript.translate(content, images, "strange")


def test_a_network_that_does_not_end_with_softmax_is_refused(images: NDArray[np.uint8]) -> None:
    content = strange(
        helper.make_node("Softmax", ["sums"], ["last"], axis=1),
        helper.make_node("Relu", ["last"], ["probabilities"]),
    )
    with pytest.raises(ModelError, match="its last operator is not a softmax"):
        javascript.translate(content, images, "strange")
