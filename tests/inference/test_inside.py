import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from mnistry.errors import ModelError
from mnistry.inference.inside import Inside


def test_operators_are_those_that_the_onnx_package_reads(convnet):
    graph = onnx.load_from_string(convnet.onnx).graph
    nodes = Inside(convnet.onnx).nodes
    assert [(n.name, n.operator, n.inputs, n.outputs) for n in nodes] == [
        (n.name, n.op_type, tuple(n.input), tuple(n.output)) for n in graph.node
    ]
    numbers = [
        {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute if a.type in (1, 2)}
        for n in graph.node
    ]
    assert [n.settings for n in nodes] == numbers


def test_negative_and_fractional_settings_are_read():
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [
                onnx.helper.make_node("Cast", ["image"], ["f"], to=1),
                onnx.helper.make_node("Flatten", ["f"], ["x"]),
                onnx.helper.make_node("Gemm", ["x", "w"], ["v"], alpha=0.5),
                onnx.helper.make_node("Softmax", ["v"], ["probabilities"], axis=-1),
            ],
            "g",
            [onnx.helper.make_tensor_value_info("image", 2, ["N", 28, 28])],
            [onnx.helper.make_tensor_value_info("probabilities", 1, ["N", 10])],
            [numpy_helper.from_array(np.zeros((784, 10), np.float32), "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    settings = [node.settings for node in Inside(model.SerializeToString()).nodes]
    assert settings == [{"to": 1}, {}, {"alpha": 0.5}, {"axis": -1}]


def test_weights_are_those_of_the_file(convnet):
    weights = Inside(convnet.onnx).weights()
    stored = onnx.load_from_string(convnet.onnx).graph.initializer
    assert set(weights) == {tensor.name for tensor in stored}
    for tensor in stored:
        np.testing.assert_array_equal(weights[tensor.name], numpy_helper.to_array(tensor))


def test_every_value_is_what_the_reference_implementation_computes(convnet, digits):
    image = digits[0][3]
    values = Inside(convnet.onnx).values(image)
    model = onnx.load_from_string(convnet.onnx)
    names = [name for node in model.graph.node for name in node.output]
    assert set(values) == set(names)
    computed = ReferenceEvaluator(model).run(names, {"image": image[np.newaxis]})
    for name, expected in zip(names, computed, strict=True):
        np.testing.assert_allclose(values[name], expected[0], atol=1e-5, err_msg=name)


def test_an_error_names_the_file(tmp_path, convnet):
    path = tmp_path / "model.onnx"
    path.write_bytes(convnet.onnx[:-50])
    with pytest.raises(ModelError, match=r"model\.onnx: it is not an ONNX model, or a damaged one"):
        Inside(path)


def test_a_model_that_is_not_ours_is_refused(convnet):
    model = onnx.load_from_string(convnet.onnx)
    model.graph.output[0].name = "flatten/Flatten_9"
    with pytest.raises(ModelError, match="its output is"):
        Inside(model.SerializeToString())
