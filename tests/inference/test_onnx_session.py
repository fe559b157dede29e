import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_session

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)


def make_model(
    image=("image", TensorProto.UINT8, ["N", 28, 28]),
    answer=("probabilities", TensorProto.FLOAT, ["N", 10]),
    *,
    softmax: bool = True,
    operator: str = "Softmax",
) -> onnx.ModelProto:
    """Give softmax regression on images that need not be 28x28, in one file."""
    pixels = int(np.prod(image[2][1:]))
    kernel = np.random.default_rng(1).normal(0, 1e-3, (pixels, answer[2][-1])).astype(np.float32)
    last = answer[0]
    nodes = [
        helper.make_node("Cast", [image[0]], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "kernel"], ["sum" if softmax else last]),
    ]
    if softmax:
        nodes.append(helper.make_node(operator, ["sum"], [last]))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*image)],
        [helper.make_tensor_value_info(*answer)],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def by_hand(images: np.ndarray) -> np.ndarray:
    kernel = numpy_helper.to_array(make_model().graph.initializer[0]).astype(float)
    powers = np.exp(images.reshape(len(images), -1) @ kernel)
    return powers / powers.sum(axis=1, keepdims=True)


def refused(model: onnx.ModelProto, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        onnx_session.open_session(model.SerializeToString())


@pytest.mark.parametrize("threads", [None, 1])
def test_a_model_gives_its_probabilities(tmp_path, threads):
    path = tmp_path / "model.onnx"
    onnx.save(make_model(), path)
    session = onnx_session.open_session(path, threads=threads)
    given = onnx_session.probabilities(session, IMAGES)
    assert (given.dtype, given.shape) == (np.float32, (7, 10))
    np.testing.assert_allclose(given, by_hand(IMAGES), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 1000])
def test_batches_do_not_change_probabilities(batch_size):
    session = onnx_session.open_session(make_model().SerializeToString())
    given = onnx_session.probabilities(session, IMAGES, batch_size=batch_size)
    np.testing.assert_allclose(given, by_hand(IMAGES), atol=1e-6)


def test_no_images_have_no_probabilities():
    session = onnx_session.open_session(make_model().SerializeToString())
    assert onnx_session.probabilities(session, IMAGES[:0]).shape == (0, 10)


def test_divided_images_never_reach_the_network():
    session = onnx_session.open_session(make_model().SerializeToString())
    with pytest.raises(Exception, match=r"expected: .*uint8"):
        onnx_session.probabilities(session, IMAGES / np.float32(255))


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>404</html>", b"nonsense"])
def test_fault_68_web_page_or_empty_file(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"an empty file|a web page|not an ONNX model") as caught:
        onnx_session.open_session(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", ["model.h5", "model.pkl", "https://example.org/model.onnx"])
def test_fault_74_h5_pickle_remote_address(name):
    with pytest.raises(ModelError, match=r"expected a (local )?\.onnx file"):
        onnx_session.open_session(name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image": ("image", TensorProto.FLOAT, ["N", 28, 28])}, r"input is image tensor\(float\)"),
        ({"image": ("x", TensorProto.UINT8, ["N", 28, 28])}, "input is x"),
        ({"image": ("image", TensorProto.UINT8, ["N", 32, 32])}, r"\['N', 32, 32\]"),
        ({"image": ("image", TensorProto.UINT8, ["N", 1, 28, 28])}, r"\['N', 1, 28, 28\]"),
        ({"image": ("image", TensorProto.UINT8, [1, 28, 28])}, r"input is .*\[1, 28, 28\]"),
        ({"answer": ("logits", TensorProto.FLOAT, ["N", 10])}, "output is logits"),
        ({"answer": ("probabilities", TensorProto.FLOAT, ["N", 63])}, r"\['N', 63\]"),
    ],
)
def test_fault_70_wrong_input_or_output(options, said):
    refused(make_model(**options), said)


def test_fault_70_two_inputs():
    model = make_model()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    refused(model, "its input is image .* and more")


def test_fault_70_values_that_are_no_probabilities():
    refused(make_model(softmax=False), "it does not give probabilities")
    refused(make_model(operator="LogSoftmax"), "it does not give probabilities")


def test_fault_70_more_rows_than_images():
    model = make_model()
    model.graph.node[1].output[0] = "once"
    model.graph.node.insert(2, helper.make_node("Concat", ["once", "once"], ["flat"], axis=0))
    refused(model, "does not give probabilities|its output is")


def test_fault_70_a_model_that_fails_while_it_runs(capfd):
    """It declares N free but reshapes to one row, which shows only when it runs."""
    model = make_model()
    del model.graph.node[1]
    for index, node in enumerate(
        [
            helper.make_node("ReduceMax", ["cast"], ["max"], axes=[0, 1, 2], keepdims=0),
            helper.make_node("Cast", ["max"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Min", ["whole", "one"], ["rows"]),
            helper.make_node("Mul", ["rows", "row"], ["shape"]),
            helper.make_node("Reshape", ["cast", "shape"], ["flat"]),
        ]
    ):
        model.graph.node.insert(1 + index, node)
    for name, value in (("one", [1]), ("row", [1, 784])):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    refused(model, "it does not run")
    assert capfd.readouterr() == ("", "")  # ONNX Runtime would log it


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_fault_71_weights_that_are_not_finite(value):
    model = make_model()
    kernel = numpy_helper.to_array(model.graph.initializer[0]).copy()
    kernel[400, 3] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    refused(model, "a weight is not a number, or infinite")


def test_fault_71_not_a_number_made_on_the_way():
    model = make_model()
    model.graph.node[3].CopyFrom(helper.make_node("Log", ["sum"], ["probabilities"]))
    refused(model, "it does not give probabilities")


def test_fault_72_weights_in_another_file(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(make_model(), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(ModelError, match=r"external data.*expected one file"):
        onnx_session.open_session(path)


def test_fault_73_custom_operator():
    model = make_model()
    model.graph.node[3].domain = "com.evil"
    model.opset_import.append(helper.make_opsetid("com.evil", 1))
    refused(model, "the domain com.evil")


def test_fault_73_operator_that_onnx_does_not_have():
    refused(make_model(operator="Softmaxx"), "ONNX Runtime refuses it: .*Softmaxx")


@pytest.mark.parametrize("name", [b"image", b"MatMul"])
def test_a_name_that_is_not_text_is_refused_and_nothing_is_printed(name, capfd):
    content = make_model().SerializeToString().replace(name, b"\xff" * len(name))
    with pytest.raises(ModelError, match=r"not text|codec|refuses|its input is"):
        onnx_session.open_session(content)
    assert capfd.readouterr() == ("", "")


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(make_model().SerializeToString()[:-50])
    with pytest.raises(ModelError, match="not an ONNX model, or a damaged one"):
        onnx_session.open_session(path)


def test_a_model_over_the_limit_is_refused(tmp_path, monkeypatch):
    content = make_model().SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    monkeypatch.setattr(model_bytes, "MAX_ONNX_BYTES", len(content) - 1)
    for model in (content, tmp_path / "model.onnx"):
        with pytest.raises(ModelError, match=r"expected (at most )?0 MiB|expected 0 at most"):
            onnx_session.open_session(model)


def test_the_folder_of_the_model_is_never_searched(tmp_path, monkeypatch):
    """Even the working folder must not lend weights to a model."""
    onnx.save(
        make_model(), tmp_path / "m.onnx", save_as_external_data=True, location="w",
        size_threshold=0,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert Path("w").exists()
    with pytest.raises(ModelError, match="external data"):
        onnx_session.open_session((tmp_path / "m.onnx").read_bytes())


def test_threads_do_not_wait_in_a_busy_loop(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(make_model().SerializeToString())
    options = onnx_session.open_session(path).get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_onnx_runtime_notes_nothing_in_the_home_and_so_has_nothing_to_send(tmp_path: Path) -> None:
    ours = ("ORT_DISABLE_TELEMETRY", "GITHUB_ACTIONS", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    subprocess.run(
        [sys.executable, "-c", "from mnistry.reading.built_in import SHIPPED\n"
         "from mnistry.inference.onnx_session import open_session\nopen_session(SHIPPED)"],
        env={**environment, "HOME": str(tmp_path)}, check=True,
    )  # fmt: skip
    assert not list(tmp_path.rglob("*onnxruntime*"))
