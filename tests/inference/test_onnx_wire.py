import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnistry.errors import ModelError
from mnistry.inference import onnx_wire


def make_model(*nodes: onnx.NodeProto, weights=(), domains=("",)) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(d, 17) for d in domains])


def relu(**attributes) -> onnx.NodeProto:
    return helper.make_node("Relu", ["image"], ["probabilities"], **attributes)


def constant(tensor: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["probabilities"], value=tensor)


def external() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def refused(model: onnx.ModelProto | bytes, said: str) -> None:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(ModelError, match=said) as caught:
        onnx_wire.inspect(content, "model.onnx")
    assert str(caught.value).startswith("model.onnx: ")


def test_a_plain_model_passes():
    weights = [
        numpy_helper.from_array(np.ones((3, 4), kind), f"w{kind}")
        for kind in ("f2", "f4", "f8", "i8", "u1")
    ]
    weights.append(helper.make_tensor("listed", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]))
    weights.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"\xff\xff\xff\xff"]))
    model = make_model(relu(), weights=weights, domains=("", "ai.onnx"))
    model.doc_string = "x" * 300
    onnx_wire.inspect(model.SerializeToString(), "model.onnx")


def test_fault_72_weights_in_another_file():
    refused(make_model(relu(), weights=[external()]), "external data")
    refused(make_model(constant(external())), "external data")


def test_fault_72_location_without_a_file_and_file_without_a_location():
    tensor = external()
    del tensor.external_data[:]
    refused(make_model(relu(), weights=[tensor]), "external data")
    tensor = external()
    tensor.ClearField("data_location")
    refused(make_model(relu(), weights=[tensor]), "external data")


def test_fault_72_in_a_list_of_tensors():
    node = relu()
    node.attribute.append(helper.make_attribute("values", [external()]))
    refused(make_model(node), "external data")


def test_fault_73_operator_of_another_domain():
    refused(make_model(relu(domain="com.evil")), "it uses an operator of the domain com.evil")
    refused(make_model(relu(domain="ai.onnx.training")), "the domain ai.onnx.training")


def test_fault_73_a_domain_that_is_listed_but_not_used_is_harmless():
    content = make_model(relu(), domains=("", "com.evil", "ai.onnx.ml")).SerializeToString()
    onnx_wire.inspect(content, "model.onnx")


def test_fault_73_of_classical_learning_only_classifiers_are_allowed():
    scaler = helper.make_node("Scaler", ["image"], ["probabilities"], domain="ai.onnx.ml")
    onnx_wire.inspect(make_model(scaler).SerializeToString(), "model.onnx")
    scaler.op_type = "StringConcat"
    refused(make_model(scaler), "the domain ai.onnx.ml")


def test_a_forests_long_lists_are_passed_over_and_what_follows_is_not():
    """Numbers and strings by the hundred thousand, then weights in another file."""
    count = 120_000
    lists = {
        "a": list(range(count)), "b": [0.5] * count, "c": ["BRANCH_LEQ"] * count,
        "d": ["x" * 40] * 10, "e": [-1] * 5,
    }  # fmt: skip
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["y"], domain="ai.onnx.ml", **lists)
    onnx_wire.inspect(make_model(node).SerializeToString(), "model.onnx")
    node.attribute[0].t.CopyFrom(external())
    refused(make_model(node), "external data")


def test_fault_73_functions():
    model = make_model(relu())
    model.functions.append(
        helper.make_function("", "Mine", ["x"], ["y"], [relu()], [helper.make_opsetid("", 17)])
    )
    refused(model, "functions")


def test_fault_73_graph_inside_an_operator():
    inner = make_model(relu()).graph
    refused(make_model(relu(body=inner)), "control flow")
    refused(make_model(relu(bodies=[inner])), "control flow")


def test_sparse_weights_are_refused():
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "values"),
        numpy_helper.from_array(np.zeros(1, np.int64), "indices"),
        [4],
    )
    model = make_model(relu())
    model.graph.sparse_initializer.append(sparse)
    refused(model, "sparse")
    refused(make_model(relu(value=sparse)), "sparse")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_fault_71_weights_that_are_not_finite(value, kind):
    values = np.ones(100, kind)
    values[50] = value
    tensor = numpy_helper.from_array(values, "w")
    refused(make_model(relu(), weights=[tensor]), "a weight is not a number, or infinite")
    refused(make_model(constant(tensor)), "a weight is not a number, or infinite")
    kind = tensor.data_type
    if kind != TensorProto.FLOAT16:
        listed = helper.make_tensor("w", kind, [100], values.tolist())
        assert not listed.raw_data
        refused(make_model(relu(), weights=[listed]), "a weight is not a number, or infinite")


def test_a_model_cut_short_is_refused():
    weights = [numpy_helper.from_array(np.ones(5, np.float32), "w")]
    content = make_model(relu(), weights=weights).SerializeToString()
    # The last bytes are the operator set's; without them the graph is still whole.
    for length in range(len(content) - 10):
        refused(content[:length], "not an ONNX model")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no model",
        b"\xff" * 20,  # a number without an end
        b"\x3a\x05\x00",  # longer than what is there
        b"\x3b\x3c",  # a group, which ONNX does not use
        b"\x38\x01",  # a number where the graph should be
        b"\x3a\x00\x3a\x00",  # two graphs
        b"\x1c\x00\x00\x00ORTM" + bytes(20),  # ONNX Runtime's own format
    ],
)
def test_nonsense_is_refused(content):
    refused(content, "not an ONNX model")


def test_a_tag_beyond_32_bits_is_refused():
    """C++ drops the upper bits: field 2**29 + 7 would be the graph to it, and unknown to us."""
    graph = make_model(relu(domain="com.evil")).graph.SerializeToString()
    size = len(graph)
    assert size < 128
    hidden = b"\xba\x80\x80\x80\x10" + bytes([size]) + graph
    refused(b"\x3a\x00" + hidden, "not an ONNX model")


def test_a_weight_that_ends_amid_a_number_is_refused():
    tensor = numpy_helper.from_array(np.ones(2, np.float32), "w")
    tensor.raw_data = bytes(7)
    refused(make_model(relu(), weights=[tensor]), "not an ONNX model")


def test_endless_parts_are_refused_soon():
    refused(make_model(*(relu() for _ in range(30_000))), "too many parts")
