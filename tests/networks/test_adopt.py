"""Networks as other programs write them, adopted.

The ONNX graphs are those that torch.onnx (2.13) and skl2onnx (1.20) write, made by hand; their
weights are a softmax regression's, and of a forest's one stump for each of a few pixels.
"""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import onnx
import pytest
from keras import layers
from onnx import TensorProto, helper, numpy_helper

import mnistry
from mnistry.datasets import Split
from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import adopt, keras_files
from mnistry.networks.form import InputFormat, Trial

FLOAT = TensorProto.FLOAT
ML = "ai.onnx.ml"
Array = np.ndarray


@pytest.fixture(scope="module")
def sample() -> Split:
    return Split(*mnistry.load("sample").train)


@pytest.fixture(scope="module")
def digits(sample) -> Split:
    """Digits that none of the networks has seen."""
    return Split(sample.images[1000:2000], sample.labels[1000:2000])


@pytest.fixture(scope="module")
def regression(sample) -> tuple[Array, Array]:
    """A softmax regression on pixels of 0 to 1, by gradient descent: kernel and bias."""
    values, labels = sample.images[:1000].reshape(-1, 784) / 255, sample.labels[:1000]
    kernel, bias = np.zeros((784, 10)), np.zeros(10)
    for _ in range(100):
        powers = np.exp(values @ kernel + bias)
        errors = powers / powers.sum(axis=1, keepdims=True) - np.eye(10)[labels]
        kernel -= 0.3 * values.T @ errors / len(values)
        bias -= 0.3 * errors.mean(axis=0)
    return kernel, bias


def for_scale(regression: tuple[Array, Array], factor: float, offset: float = 0.0):
    """Give weights for pixels v of 0 to 1 as ``factor v + offset``, with the same answers."""
    kernel, bias = regression
    kernel = kernel / factor
    return kernel.astype(np.float32), (bias - offset * kernel.sum(axis=0)).astype(np.float32)


def write(
    path: Path,
    nodes: list[onnx.NodeProto],
    given: tuple[str, int, list],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, Array],
    *,
    opsets: tuple[tuple[str, int], ...] = (("", 17),),
) -> Path:
    graph = helper.make_graph(
        nodes, "main_graph", [helper.make_tensor_value_info(*given)], outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    imports = [helper.make_opsetid(*opset) for opset in opsets]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)
    return path


def torch_like(
    path: Path, regression, *, shape=(1, 28, 28), batch: int | str = "batch", last: str = "",
    scale=(1.0, 0.0), reshape: bool = False, kind: int = FLOAT, **more,
) -> Path:  # fmt: skip
    """Write an ``nn.Linear`` on flattened images: Gemm with the kernel transposed."""
    kernel, bias = for_scale(regression, *scale)
    weights = {"linear.weight": np.ascontiguousarray(kernel.T), "linear.bias": bias}
    nodes = []
    if kind != FLOAT:
        nodes.append(helper.make_node("Cast", ["x"], ["cast"], to=FLOAT))
    source = nodes[-1].output[0] if nodes else "x"
    if reshape:  # as torch.export writes a flatten of a fixed batch
        weights["val_0"] = np.array([batch, 784])
        nodes.append(helper.make_node("Reshape", [source, "val_0"], ["view"], allowzero=1))
    else:
        nodes.append(helper.make_node("Flatten", [source], ["view"], axis=1))
    inputs = ["view", "linear.weight", "linear.bias"]
    nodes.append(helper.make_node("Gemm", inputs, ["linear" if last else "output"], transB=1))
    if last:
        nodes.append(helper.make_node(last, ["linear"], ["output"], axis=1))
    outputs = [helper.make_tensor_value_info("output", FLOAT, [batch, 10])]
    return write(path, nodes, ("x", kind, [batch, *shape]), outputs, weights, **more)


def by_hand(regression, images: Array) -> Array:
    kernel, bias = regression
    powers = np.exp(images.reshape(-1, 784) / 255 @ kernel + bias)
    return powers / powers.sum(axis=1, keepdims=True)


def answers(found: adopt.Adopted, images: Array) -> Array:
    return onnx_session.probabilities(onnx_session.open_session(found.onnx), images)


def adopted(path: Path, digits: Split) -> adopt.Adopted:
    return adopt.adopt(adopt.open_network(path), digits)


def check(found: adopt.Adopted, expected: Array, digits: Split, form: str) -> None:
    """The form is the right one, and every probability is that of the network as it was meant."""
    assert str(found.chosen.form) == form
    np.testing.assert_allclose(answers(found, digits.images[:200]), expected, atol=2e-4)


MEANT = "0 to 1, ink high, 1x28x28, channel first"


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, MEANT),
        ({"last": "LogSoftmax"}, MEANT),
        ({"last": "Softmax"}, MEANT),
        ({"batch": 1}, MEANT),
        ({"batch": 1, "reshape": True}, MEANT),
        ({"batch": 64, "reshape": True}, MEANT),
        ({"shape": (28, 28, 1)}, "0 to 1, ink high, 28x28x1, channel last"),
        ({"shape": (784,)}, "0 to 1, ink high, 784 in a row"),
        ({"shape": (28, 28)}, "0 to 1, ink high, 28x28"),
        ({"scale": (2, -1)}, "-1 to 1, ink high, 1x28x28, channel first"),
        ({"scale": (255, 0)}, "0 to 255, ink high, 1x28x28, channel first"),
        ({"scale": (-1, 1)}, "0 to 1, paper high, 1x28x28, channel first"),
        (
            {"scale": (1 / 0.3081, -0.1307 / 0.3081)},
            "mean 0, deviation 1, ink high, 1x28x28, channel first",
        ),
        (
            {"scale": (255, 0), "kind": TensorProto.UINT8},
            "0 to 255, ink high, 1x28x28, channel first",
        ),
        ({"kind": TensorProto.DOUBLE}, MEANT),
        ({"opsets": (("", 17), (ML, 3), ("com.microsoft", 1))}, MEANT),
    ],
    ids=str,
)
def test_a_network_of_pytorch_is_given_what_it_wants(
    options, form, regression, digits, tmp_path
) -> None:
    found = adopted(torch_like(tmp_path / "m.onnx", regression, **options), digits)
    check(found, by_hand(regression, digits.images[:200]), digits, form)
    assert found.keras is None
    assert found.chosen.accuracy > 0.85
    assert [entry.domain for entry in onnx.load_from_string(found.onnx).opset_import] == [""]


@pytest.mark.parametrize("opset", [9, 11])
@pytest.mark.parametrize("kind", [FLOAT, TensorProto.UINT8])
def test_a_network_of_32_x_32_pixels_may_have_an_old_operator_set(
    kind, opset, regression, digits, tmp_path
) -> None:
    kernel, bias = regression
    wide = np.pad(kernel.reshape(28, 28, 10), ((2, 2), (2, 2), (0, 0))).reshape(1024, 10)
    scale = (255, 0) if kind == TensorProto.UINT8 else (1.0, 0.0)
    path = torch_like(
        tmp_path / "m.onnx", (wide, bias), shape=(1, 32, 32), kind=kind, scale=scale,
        opsets=(("", opset),),
    )  # fmt: skip
    found = adopted(path, digits)
    form = "0 to 255" if kind == TensorProto.UINT8 else "0 to 1"
    form += ", ink high, 1x32x32, with paper around, channel first"
    check(found, by_hand(regression, digits.images[:200]), digits, form)


def test_a_network_of_swapped_rows_and_columns_gets_them(regression, digits, tmp_path) -> None:
    kernel, bias = regression
    swapped = kernel.reshape(28, 28, 10).swapaxes(0, 1).reshape(784, 10)
    found = adopted(torch_like(tmp_path / "m.onnx", (swapped, bias)), digits)
    form = "0 to 1, ink high, rows and columns swapped, 1x28x28, channel first"
    check(found, by_hand(regression, digits.images[:200]), digits, form)


def scikit_learn_like(path: Path, regression, *, is_map: bool) -> Path:
    """Write a perceptron as skl2onnx does: a label, and a map or an array of probabilities."""
    kernel, bias = for_scale(regression, 1)
    weights = {"coefficient": kernel, "intercepts": bias[np.newaxis], "classes": np.arange(10)}
    last = "out_activations_result" if is_map else "probabilities"
    node = helper.make_node
    nodes = [
        node("Cast", ["X"], ["cast_input"], to=FLOAT),
        node("MatMul", ["cast_input", "coefficient"], ["mul_result"]),
        node("Add", ["mul_result", "intercepts"], ["add_result"]),
        node("Softmax", ["add_result"], [last], axis=1),
        node("ArgMax", [last], ["argmax_output"], axis=1),
        node("ArrayFeatureExtractor", ["classes", "argmax_output"], ["extracted"], domain=ML),
        node("Cast", ["extracted"], ["label"], to=TensorProto.INT64),
    ]
    outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, [None])]
    if is_map:
        labels = list(range(10))
        nodes.append(
            node("ZipMap", [last], ["output_probability"], domain=ML, classlabels_int64s=labels)
        )
        tensor = helper.make_tensor_type_proto(FLOAT, [])
        kind = helper.make_sequence_type_proto(
            helper.make_map_type_proto(TensorProto.INT64, tensor)
        )
        outputs.append(helper.make_value_info("output_probability", kind))
    else:
        outputs.append(helper.make_tensor_value_info(last, FLOAT, [None, 10]))
    return write(
        path, nodes, ("X", FLOAT, [None, 784]), outputs, weights,
        opsets=(("", 17), (ML, 1), ("", 17)),
    )  # fmt: skip


@pytest.mark.parametrize("is_map", [True, False])
def test_a_perceptron_of_scikit_learn_has_two_outputs(is_map, regression, digits, tmp_path) -> None:
    found = adopted(scikit_learn_like(tmp_path / "m.onnx", regression, is_map=is_map), digits)
    expected = by_hand(regression, digits.images[:200])
    check(found, expected, digits, "0 to 1, ink high, 784 in a row")
    kinds = {node.op_type for node in onnx.load_from_string(found.onnx).graph.node}
    assert not kinds & {"ZipMap", "ArrayFeatureExtractor", "ArgMax"}


def forest(digits: Split) -> tuple[dict, Callable[[Array], Array]]:
    """Make a stump for each of 300 pixels, and a function that adds up its leaves by hand.

    A leaf has the logarithm of the share of each digit among the images that come to it: the sum
    is naive Bayes.
    """
    pixels = np.argsort(-digits.images.reshape(-1, 784).std(axis=0))[:300]
    values, threshold = digits.images.reshape(-1, 784)[:, pixels], 127.5
    low, one_hot = (values <= threshold).T, np.eye(10)[digits.labels]
    shares = [[one_hot[~is_low].mean(axis=0), one_hot[is_low].mean(axis=0)] for is_low in low]
    sharp = np.log(np.array(shares) + 1e-2) / len(pixels) + 0.1  # tree, whether low, class
    trees = range(len(pixels))
    attributes = {
        "nodes_treeids": [t for t in trees for _ in range(3)],
        "nodes_nodeids": [0, 1, 2] * len(pixels),
        "nodes_featureids": [i for p in pixels for i in (int(p), 0, 0)],
        "nodes_values": [threshold, 0.0, 0.0] * len(pixels),
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * len(pixels),
        "nodes_truenodeids": [1, 0, 0] * len(pixels),
        "nodes_falsenodeids": [2, 0, 0] * len(pixels),
        "class_treeids": [t for t in trees for _ in range(20)],
        "class_nodeids": ([1] * 10 + [2] * 10) * len(pixels),
        "class_ids": list(range(10)) * 2 * len(pixels),
        "class_weights": [float(w) for t in trees for low in (1, 0) for w in sharp[t, low]],
        "classlabels_int64s": list(range(10)),
        "post_transform": "NONE",
    }

    def votes(images: Array) -> Array:
        low = images.reshape(len(images), 784)[:, pixels] <= threshold
        return sharp[np.arange(len(pixels)), low.astype(int)].sum(axis=1)

    return attributes, votes


def test_a_forest_of_scikit_learn_is_run_as_it_is(digits, tmp_path) -> None:
    attributes, votes = forest(digits)
    names = ["label", "votes"]
    nodes = [
        helper.make_node("TreeEnsembleClassifier", ["X"], names, domain=ML, **attributes),
        helper.make_node("Softmax", ["votes"], ["probabilities"], axis=1),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("probabilities", FLOAT, [None, 10]),
    ]
    path = write(
        tmp_path / "m.onnx", nodes, ("X", FLOAT, [None, 784]), outputs, {},
        opsets=((ML, 1), ("", 17)),
    )  # fmt: skip
    found = adopted(path, digits)
    powers = np.exp(votes(digits.images[:200]))
    expected = powers / powers.sum(axis=1, keepdims=True)
    check(found, expected, digits, "0 to 255, ink high, 784 in a row")


@pytest.mark.parametrize("total", [0.988, 0.5])
def test_shares_whose_sum_is_not_one_are_divided_by_it(total, regression, digits, tmp_path) -> None:
    """A softmax that was statically quantized sums to 0.988; ten sigmoids to anything."""
    path = torch_like(tmp_path / "m.onnx", regression, last="Softmax")
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "exact"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(total), "total"))
    model.graph.node.append(helper.make_node("Mul", ["exact", "total"], ["output"]))
    onnx.save(model, path)
    found = adopted(path, digits)
    assert found.chosen.kind == "shares"
    check(found, by_hand(regression, digits.images[:200]), digits, MEANT)


# Keras


def keras_model(regression, shape, *, scale=(1, 0), first=(), last=(), dtype="float32"):
    image = keras.Input(shape, dtype=dtype)
    value = image
    for layer in (*first, layers.Flatten(), layers.Dense(10, name="answer"), *last):
        value = layer(value)
    model = keras.Model(image, value)
    model.get_layer("answer").set_weights(for_scale(regression, *scale))
    return model


def spread(regression, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Give a regression for images of another shape, with weights for the paper around too."""
    kernel, bias = regression
    side = max(shape)
    whole = np.random.default_rng(0).normal(0, 1, (side, side, 10))
    margin = (side - 28) // 2
    whole[margin : margin + 28, margin : margin + 28] = kernel.reshape(28, 28, 10)
    if len(shape) == 2:
        return whole.reshape(-1, 10), bias
    shares = np.array([0.5, 0.3, 0.2]) if 3 in shape else np.ones(1)
    axis = 0 if shape[0] < 4 else 2
    channels = np.stack([share * whole for share in shares], axis)
    return channels.reshape(-1, 10), bias


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((32, 32), "32x32, with paper around"),
        ((1, 32, 32), "1x32x32, with paper around, channel first"),
        ((32, 32, 1), "32x32x1, with paper around, channel last"),
        ((3, 28, 28), "3x28x28, three equal channels first"),
        ((28, 28, 3), "28x28x3, three equal channels last"),
        ((3, 32, 32), "3x32x32, with paper around, three equal channels first"),
        ((32, 32, 3), "32x32x3, with paper around, three equal channels last"),
    ],
)
@pytest.mark.parametrize("form", ["onnx", "keras"])
def test_images_of_32x32_and_of_three_channels_are_made(
    form, shape, name, regression, digits, tmp_path
) -> None:
    weights = spread(regression, shape)
    path = tmp_path / f"m.{form}"
    if form == "onnx":
        torch_like(path, weights, shape=shape)
    else:
        keras_model(weights, shape).save(path)
    found = adopted(path, digits)
    check(found, by_hand(regression, digits.images[:200]), digits, f"0 to 1, ink high, {name}")
    if found.keras is not None:
        given = found.keras.predict_on_batch(digits.images[:50])
        np.testing.assert_allclose(given, answers(found, digits.images[:50]), atol=2e-4)


@pytest.mark.parametrize(
    ("shape", "options", "form"),
    [
        ((784,), {}, "0 to 1, ink high, 784 in a row"),
        ((28, 28), {}, "0 to 1, ink high, 28x28"),
        ((28, 28, 1), {}, "0 to 1, ink high, 28x28x1, channel last"),
        ((28, 28), {"last": ()}, "0 to 1, ink high, 28x28"),
        ((28, 28), {"scale": (-1, 1)}, "0 to 1, paper high, 28x28"),
        ((28, 28, 1), {"scale": (2, -1)}, "-1 to 1, ink high, 28x28x1, channel last"),
        ((28, 28), {"first": "rescaling", "dtype": "uint8"}, "0 to 255, ink high, 28x28"),
        ((784,), {"first": "rescaling"}, "0 to 255, ink high, 784 in a row"),
    ],
    ids=str,
)
def test_a_network_of_keras_becomes_one_of_ours(
    shape, options, form, regression, digits, tmp_path
) -> None:
    options = {"last": (layers.Softmax(),), **options}
    if options.get("first"):
        options["first"] = (layers.Rescaling(1 / 255),)
    path = tmp_path / ("m.h5" if shape == (28, 28, 1) else "m.keras")
    keras_model(regression, shape, **options).save(path)
    found = adopted(path, digits)
    expected = by_hand(regression, digits.images[:200])
    check(found, expected, digits, form)
    keras_files.save(found.keras, tmp_path / "ours.keras")
    ours = keras_files.load(tmp_path / "ours.keras")  # by the strict loader
    given = keras_files.predict(ours, digits.images[:200])
    np.testing.assert_allclose(given, expected, atol=2e-4)


def test_an_h5_file_of_keras_2_is_rebuilt_with_batch_normalization(
    regression, digits, tmp_path
) -> None:
    """Its description names no modules, repeats the input's shape, and lists an axis."""
    path = tmp_path / "m.h5"
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)), layers.BatchNormalization(axis=-1), layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    model.layers[0].set_weights([np.float32([v]) for v in (0.5, 0.1, 0.2, 4)])
    epsilon = model.layers[0].epsilon
    slope = 0.5 / np.sqrt(4 + epsilon)
    model.layers[2].set_weights(for_scale(regression, slope, 0.1 - 0.2 * slope))
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["config"]["dtype"] = "float32"
            layer["config"].pop("quantization_config", None)
            for name, value in layer["config"].items():
                if isinstance(value, dict):
                    layer["config"][name] = {key: value[key] for key in ("class_name", "config")}
            if layer["class_name"] == "InputLayer":
                layer["config"]["batch_input_shape"] = layer["config"].pop("batch_shape")
                layer["config"].pop("optional", None)
            if layer["class_name"] == "BatchNormalization":
                layer["config"] |= {"axis": [3], "batch_input_shape": [None, 28, 28, 1]}
        file.attrs["model_config"] = json.dumps(config)
    found = adopted(path, digits)
    form = "0 to 1, ink high, 28x28x1, channel last"
    check(found, by_hand(regression, digits.images[:200]), digits, form)


# Refused


def refused(path: Path, digits: Split, *said: str) -> None:
    with pytest.raises(ModelError) as caught:
        adopted(path, digits)
    assert str(caught.value).startswith(str(path))
    for text in said:
        assert text in str(caught.value)


def test_a_saved_model_is_told_how_it_is_converted(digits, tmp_path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    refused(folder, digits, "a SavedModel", f"tf2onnx.convert --saved-model {folder} --output")


def test_fault_112_ten_outputs_that_are_no_digits(regression, digits, tmp_path) -> None:
    kernel, bias = regression
    path = torch_like(tmp_path / "m.onnx", (np.roll(kernel, 1, axis=1), np.roll(bias, 1)))
    refused(path, digits, "it reads the digits in no input format", "of 500 are right")


def test_labels_without_probabilities_are_refused(regression, digits, tmp_path) -> None:
    path = torch_like(tmp_path / "m.onnx", regression)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("ArgMax", ["output"], ["label"], axis=1, keepdims=0))
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])
    )
    onnx.save(model, path)
    refused(path, digits, "its output is [N] of tensor(int64)", "before the argmax")


def test_an_input_of_a_single_image_is_shown_as_it_is(regression, digits, tmp_path) -> None:
    path = torch_like(tmp_path / "m.onnx", regression, batch=1, reshape=True)
    model = onnx.load(path)
    del model.graph.input[0].type.tensor_type.shape.dim[:2]
    onnx.save(model, path)
    refused(path, digits, "its input is [28, 28];", "an axis for several images")


@pytest.mark.parametrize(("loss", "chosen"), [(0.60, "0 to 1"), (0.70, "-1 to 1")])
def test_a_form_of_few_more_right_answers_and_worse_probabilities_is_not_chosen(
    loss, chosen
) -> None:
    """A network that was trained on 1 - x for two epochs read 0.5 points more in another scale."""
    right = np.arange(1000) < 840
    more = np.arange(1000) < 846  # six more and none less: not by chance
    tried = []
    for scale, correct, cost in (("0 to 1", right, loss), ("-1 to 1", more, 0.65)):
        form = InputFormat(scale, inverted=True, transposed=False, shape=(784,))
        tried.append((Trial(form, "y", "scores", 1000, float(correct.mean()), cost), correct))
    assert adopt._best(tried).form.scale == chosen


def test_fault_112_eleven_outputs(digits, tmp_path) -> None:
    keras.Sequential([keras.Input((784,)), layers.Dense(11, "softmax")]).save(tmp_path / "m.keras")
    refused(tmp_path / "m.keras", digits, "its output is [N, 11]", "ten floats for each image")


def test_of_several_outputs_the_user_chooses_one(regression, digits, tmp_path) -> None:
    model = keras_model(regression, (784,), last=(layers.Softmax(),))
    two = keras.Model(model.inputs, [model.outputs[0], layers.Dense(1)(model.layers[1].output)])
    two.save(tmp_path / "two.keras")
    said = 'keras.Model(model.inputs, model.outputs[0]).save("part.keras")'
    refused(tmp_path / "two.keras", digits, "it has 2 outputs", said)
    two = keras.models.load_model(tmp_path / "two.keras")
    keras.Model(two.inputs, two.outputs[0]).save(tmp_path / "part.keras")  # the remedy
    assert adopted(tmp_path / "part.keras", digits).chosen.accuracy > 0.85


def test_fault_113_images_of_another_size(regression, digits, tmp_path) -> None:
    weights = np.zeros((12288, 10)), np.zeros(10)
    path = torch_like(tmp_path / "m.onnx", weights, shape=(3, 64, 64))
    refused(path, digits, "its input is [N, 3, 64, 64]", "28x28 or 32x32", "torch.nn.Upsample")


def test_fault_111_a_model_with_code_in_it(digits, tmp_path) -> None:
    for ending in (".keras", ".h5"):
        model = keras.Sequential(
            [keras.Input((784,)), layers.Lambda(lambda x: x), layers.Dense(10, "softmax")]
        )
        model.save(tmp_path / f"m{ending}")
        refused(tmp_path / f"m{ending}", digits, "Lambda", "run no code")


def test_an_h5_file_with_weights_alone_says_so(regression, digits, tmp_path) -> None:
    keras_model(regression, (784,)).save_weights(tmp_path / "m.weights.h5")
    refused(tmp_path / "m.weights.h5", digits, "weights without the network", "load_weights")


def test_fault_114_weights_in_another_file(regression, digits, tmp_path) -> None:
    model = onnx.load(torch_like(tmp_path / "m.onnx", regression))
    onnx.save(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0
    )  # fmt: skip
    refused(tmp_path / "m.onnx", digits, "external data", "onnx.save(onnx.load(FILE), NEW_FILE)")
    onnx.save(onnx.load(tmp_path / "m.onnx"), tmp_path / "whole.onnx")  # the remedy
    assert str(adopted(tmp_path / "whole.onnx", digits).chosen.form) == MEANT


def test_fault_114_an_ir_version_newer_than_the_runtime_is_lowered(
    regression, digits, tmp_path
) -> None:
    path = torch_like(tmp_path / "m.onnx", regression)
    model = onnx.load(path)
    model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    check(adopted(path, digits), by_hand(regression, digits.images[:200]), digits, MEANT)


def add_batch_mean(path: Path, share: float) -> None:
    """Mix a part of the batch's mean into every answer, as batch statistics do."""
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "own"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(share), "share"))
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["own"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Mul", ["mean", "share"], ["part"]),
            helper.make_node("Sub", ["own", "part"], ["output"]),
        ]
    )
    onnx.save(model, path)


def test_fault_115_a_network_that_answers_by_the_batch(regression, digits, tmp_path) -> None:
    path = torch_like(tmp_path / "m.onnx", regression)
    add_batch_mean(path, 0.01)
    (notice,) = adopted(path, digits).notices
    assert "depends on the other images of the batch" in notice
    path = torch_like(tmp_path / "worse.onnx", regression)
    add_batch_mean(path, 1)
    refused(path, digits, "depends on the other images of the batch", "model.eval()")


def test_a_fixed_batch_that_cannot_be_freed_is_refused(regression, digits, tmp_path) -> None:
    """It reshapes by numbers that are computed, so the wrapped network would answer otherwise."""
    path = torch_like(tmp_path / "m.onnx", regression, batch=1, reshape=True)
    model = onnx.load(path)
    shape = model.graph.node[0].input[1]
    model.graph.node[0].input[1] = "computed"
    model.graph.node.insert(0, helper.make_node("Identity", [shape], ["computed"]))
    onnx.save(model, path)
    refused(path, digits, "dynamic_shapes")
