import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from mnistry.errors import DataError, ModelError
from mnistry.explain import Explainer, read_digit
from mnistry.inference import onnx_session


def keras_layers(model, image):
    """Return each layer's sums (None if it is not dense) and output for one image, by Keras."""
    found, values = {}, keras.ops.convert_to_tensor(image[np.newaxis])
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        sums = None
        if isinstance(layer, keras.layers.Dense):
            sums = np.asarray(keras.ops.matmul(values, layer.kernel) + layer.bias)[0]
        values = layer(values)
        found[layer.name] = (sums, np.asarray(values)[0])
    return found


def test_sums_and_activations_of_dense_networks_equal_those_of_keras(dense_subject, digits):
    explainer = Explainer(dense_subject.onnx)
    assert explainer.network is not None
    for image, label in zip(*digits, strict=True):
        explanation = explainer.explain(image, int(label))
        expected = keras_layers(dense_subject.model, image)
        dense = [view for name, view in expected.items() if view[0] is not None]
        assert len(dense) == len(explanation.layers)
        for view, (sums, values) in zip(explanation.layers, dense, strict=True):
            np.testing.assert_allclose(view.sums, sums, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(view.values, values, rtol=1e-5, atol=1e-5)
        probabilities = dense[-1][1]
        cost = float(keras.losses.sparse_categorical_crossentropy(label, probabilities))
        assert explanation.cost == pytest.approx(cost, rel=1e-5)
        assert explanation.cost_bits == pytest.approx(cost / np.log(2), rel=1e-5)
        assert explanation.answer == int(np.argmax(probabilities))


def test_outputs_of_a_convolutional_network_equal_those_of_keras(convnet, digits):
    explainer = Explainer(convnet.onnx)
    assert explainer.network is None
    for image in digits[0]:
        explanation = explainer.explain(image)
        expected = keras_layers(convnet.model, image)
        views = {view.name: view for view in explanation.layers}
        # Scaling is in the weights of the first convolution, and Dropout does nothing.
        assert set(expected) - set(views) == {"scale", "dropout"}
        assert set(views) - set(expected) == {"image"}
        for name in set(views) & set(expected) - {"channel"}:
            np.testing.assert_allclose(
                views[name].values, expected[name][1], rtol=1e-5, atol=1e-5, err_msg=name
            )
        sums, _ = expected["probabilities"]
        np.testing.assert_allclose(explanation.logits, sums, rtol=1e-5, atol=1e-5)


def test_the_steps_of_softmax_give_the_probabilities(dense_subject, digits):
    explanation = Explainer(dense_subject.onnx).explain(digits[0][0])
    assert explanation.shifted.max() == 0
    np.testing.assert_allclose(
        explanation.powers / explanation.powers.sum(), explanation.probabilities
    )
    assert explanation.cost is None
    assert explanation.cost_bits is None


def test_a_layer_counts_fired_nodes_and_finds_the_strongest(digits, dense_subject):
    view = Explainer(dense_subject.onnx).explain(digits[0][2]).layers[0]
    view = dataclasses.replace(
        view, sums=np.array([-1.0, 0, 2, 5]), values=np.array([0.0, 0, 2, 5])
    )
    assert view.fired == 2
    assert view.strongest(3).tolist() == [3, 2, 0]


def foreign(nodes, **weights):
    """Make a model like those of another exporter."""
    arrays = {name: numpy_helper.from_array(value, name) for name, value in weights.items()}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["N", 28, 28])],
        [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["N", 10])],
        list(arrays.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


node = helper.make_node
WEIGHTS = np.random.default_rng(0).normal(0, 0.01, (784, 10)).astype(np.float32)
START = [node("Cast", ["image"], ["f"], to=1), node("Flatten", ["f"], ["x"])]


def test_a_file_of_another_exporter_is_explained_operator_by_operator(digits):
    content = foreign(
        [
            *START,
            node("MatMul", ["x", "w"], ["product"]),
            node("Add", ["product", "b"], ["sum"], name="/out/Add"),
            node("Softmax", ["sum"], ["probabilities"], name="/out/Softmax"),
        ],
        w=WEIGHTS,
        b=np.ones(10, np.float32),
    )
    explanation = Explainer(content).explain(digits[0][4])
    assert [view.name for view in explanation.layers] == ["f", "x", "product", "out"]
    expected = onnx_session.probabilities(onnx_session.open_session(content), digits[0][4:5])[0]
    np.testing.assert_allclose(explanation.probabilities, expected, atol=1e-6)


def test_a_network_without_softmax_at_the_end_has_no_logits(digits):
    content = foreign(
        [
            *START,
            node("MatMul", ["x", "w"], ["v"]),
            node("Exp", ["v"], ["e"]),
            node("ReduceSum", ["e", "axes"], ["all"], keepdims=1),
            node("Div", ["e", "all"], ["probabilities"]),
        ],
        w=WEIGHTS / 100,
        axes=np.array([1]),
    )
    explanation = Explainer(content).explain(digits[0][4], 4)
    assert explanation.logits is None
    assert explanation.cost == pytest.approx(-np.log(explanation.probabilities[4]))
    json.dumps(explanation.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Cast", ["image"], ["b"], to=9), node("Cast", ["b"], ["f"], to=1), START[1],
         node("Gemm", ["x", "w"], ["v"])],
        [*START, node("Gemm", ["x", "w"], ["v"], alpha=0.5)],
        [*START, node("Gemm", ["x", "w"], ["u"]), node("Elu", ["u"], ["v"])],
        [*START, node("Gemm", ["x", "w"], ["u"]), node("Softmax", ["u"], ["s"]),
         node("Gemm", ["s", "k"], ["v"])],
    ],
    ids=["black and white", "halved", "elu", "softmax within"],
)  # fmt: skip
def test_a_network_that_only_resembles_a_dense_one_is_not_taken_for_one(nodes):
    content = foreign(
        [*nodes, node("Softmax", ["v"], ["probabilities"])],
        w=WEIGHTS,
        k=np.eye(10, dtype=np.float32),
    )
    assert Explainer(content).network is None


def test_weights_that_are_stored_transposed_are_transposed_back(digits):
    gemm = node("Gemm", ["x", "w"], ["v"], transB=1)
    content = foreign(
        [*START, gemm, node("Softmax", ["v"], ["probabilities"])],
        w=np.ascontiguousarray(WEIGHTS.T),
    )
    explanation = Explainer(content).explain(digits[0][1])
    assert explanation.network.layers[0].kernel.shape == (784, 10)
    expected = digits[0][1].reshape(784) @ WEIGHTS.astype(float)
    np.testing.assert_allclose(explanation.logits, expected, rtol=1e-6)


def test_a_missing_file_and_a_model_with_another_output_are_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        Explainer(tmp_path / "model.onnx")
    content = foreign([node("Cast", ["image"], ["probabilities"], to=1)])
    with pytest.raises(ModelError):
        Explainer(content)


@pytest.mark.parametrize(
    "image", [np.zeros((28, 27), np.uint8), np.full((28, 28), 0.5), np.full((28, 28), 256)]
)
def test_arrays_that_are_not_images_are_refused(convnet, image):
    with pytest.raises(DataError):
        Explainer(convnet.onnx).explain(image)


def test_json_has_every_number_of_every_layer(dense_subject, digits):
    explanation = Explainer(dense_subject.onnx).explain(digits[0][6], 6)
    value = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    assert value["image"] == digits[0][6].tolist()
    assert value["probabilities"] == explanation.probabilities.tolist()
    assert value["layers"][0]["sums"] == explanation.layers[0].sums.tolist()
    assert value["layers"][0]["fired"] == explanation.layers[0].fired
    assert value["cost"] == {"nats": explanation.cost, "bits": explanation.cost_bits}


def test_an_infinite_loss_is_null_in_json(dense_subject, digits):
    explanation = Explainer(dense_subject.onnx).explain(digits[0][6], 6)
    certain = np.zeros(10)
    certain[3] = 1
    sure = dataclasses.replace(explanation, probabilities=certain)
    assert sure.cost == np.inf
    assert sure.to_json()["cost"]["nats"] is None


def test_the_loss_of_a_confident_answer_has_all_its_digits(dense_subject, digits):
    explanation = Explainer(dense_subject.onnx).explain(digits[0][6], 6)
    probabilities = np.full(10, 1e-18)
    probabilities[6] = 1 - 9e-18  # which is 1 to a float
    sure = dataclasses.replace(explanation, probabilities=probabilities)
    assert sure.rest(6) == pytest.approx(9e-18)
    assert sure.cost == pytest.approx(9e-18)


def test_explaining_an_image_needs_no_keras(finished_run):
    code = (
        "import sys, numpy as np\n"
        "from mnistry.explain import Explainer, narrative, page\n"
        f"told = Explainer({str(finished_run.onnx_path)!r}).explain(np.zeros((28, 28), np.uint8))\n"
        "page.render('t', narrative.forward(told, 'an image'))\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"keras", "jax", "onnx", "matplotlib", "h5py"} & set(result.stdout.split())


def test_a_picture_on_dark_paper_is_not_inverted(tmp_path, digits):
    Image.fromarray(digits[0][7]).save(tmp_path / "seven.png")
    image, inverted = read_digit(tmp_path / "seven.png")
    assert not inverted
    np.testing.assert_array_equal(image, digits[0][7])


def test_a_picture_on_light_paper_is_inverted(tmp_path, digits):
    Image.fromarray(255 - digits[0][7]).save(tmp_path / "seven.png")
    image, inverted = read_digit(tmp_path / "seven.png")
    assert inverted
    np.testing.assert_array_equal(image, digits[0][7])


def test_a_picture_of_another_size_is_refused_with_a_remedy(tmp_path):
    Image.new("L", (40, 30)).save(tmp_path / "photo.png")
    with pytest.raises(DataError, match=r"photo\.png: 40x30 pixels.*28x28.*crop it and scale it"):
        read_digit(tmp_path / "photo.png")
