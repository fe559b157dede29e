import errno
import os

import numpy as np
import onnx
import pytest

from mnistry.errors import DataError, ModelError
from mnistry.inference import onnx_session
from mnistry.networks import export, keras_files, onnx_graph, zoo

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def model():
    return zoo.build("linear", seed=1)


def test_the_written_file_gives_what_keras_gives(model, tmp_path):
    given = export.export(model, tmp_path / "model.onnx", IMAGES)
    np.testing.assert_array_equal(given, keras_files.predict(model, IMAGES))
    session = onnx_session.open_session(tmp_path / "model.onnx")
    np.testing.assert_allclose(onnx_session.probabilities(session, IMAGES), given, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_the_same_model_gives_the_same_bytes(model, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        export.export(model, tmp_path / name, IMAGES)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_onnx_runtime_and_keras_agree_on_every_mnist_test_image(mnist, tmp_path):
    model = zoo.build("dense", units=64)
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    model.fit(mnist["x_train"][:12800], mnist["y_train"][:12800], batch_size=128, verbose=0)
    given = export.export(model, tmp_path / "model.onnx", mnist["x_test"])
    assert (given.argmax(axis=1) == mnist["y_test"]).mean() > 0.85
    session = onnx_session.open_session(tmp_path / "model.onnx")
    actual = onnx_session.probabilities(session, mnist["x_test"])
    assert (actual.argmax(axis=1) == given.argmax(axis=1)).all()


def wrong(monkeypatch, change) -> None:
    """Have the translation make a mistake in the last bias."""
    right = onnx_graph.to_onnx

    def translate(model):
        proto = right(model)
        bias = proto.graph.initializer[-1]
        values = change(onnx.numpy_helper.to_array(bias).copy())
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        return proto

    monkeypatch.setattr(onnx_graph, "to_onnx", translate)


def test_a_wrong_translation_is_not_written(model, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    wrong(monkeypatch, lambda bias: bias + np.eye(10, dtype=np.float32)[3] * 0.01)
    with pytest.raises(ModelError, match=r"probabilities differ from Keras's by 0\.00.* on image"):
        export.export(model, path, IMAGES)
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_write_that_fails_leaves_the_old_file_whole(model, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export.export(model, path, IMAGES)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def rows(*gaps: float) -> np.ndarray:
    """Return one row of probabilities per gap: the lead of class 0, the best, over class 1."""
    result = np.full((len(gaps), 10), 0.0125)
    result[:, 0] = [0.45 + gap / 2 for gap in gaps]
    result[:, 1] = [0.45 - gap / 2 for gap in gaps]
    return result.astype(np.float32)


def test_another_class_is_refused_unless_the_two_best_are_tied(tmp_path):
    expected = rows(0.5, 1e-5, 1e-5)
    swapped = expected.copy()
    swapped[1:, [0, 1]] = swapped[1:, [1, 0]]
    with pytest.raises(ModelError, match="reads 2 images as another class, image 1 first"):
        export._compare(expected, swapped, tmp_path)


def test_a_tie_has_no_order_to_keep(tmp_path):
    expected = rows(0.5, 2e-7)
    assert expected[1, 0] > expected[1, 1]
    swapped = expected.copy()
    swapped[1, [0, 1]] = swapped[1, [1, 0]]
    export._compare(expected, swapped, tmp_path)


def test_a_tie_does_not_excuse_a_third_class(tmp_path):
    expected = rows(2e-7)
    actual = expected.copy()
    actual[0, [0, 5]] = actual[0, [5, 0]]
    with pytest.raises(ModelError, match="differ"):
        export._compare(expected, actual, tmp_path)


def test_nan_counts_as_a_difference(tmp_path):
    with pytest.raises(ModelError, match="differ from Keras's by nan"):
        export._compare(rows(0.5), rows(0.5) * np.nan, tmp_path)


def test_fault_71_a_network_with_nan_is_not_written(tmp_path):
    model = zoo.build("linear")
    model.layers[-1].bias.assign(np.full(10, np.nan))
    with pytest.raises(ModelError, match="a weight is not a number"):
        export.export(model, tmp_path / "model.onnx", IMAGES)
    assert not list(tmp_path.iterdir())


def test_images_divided_by_255_are_refused(model, tmp_path):
    with pytest.raises(DataError, match="the network divides by 255 itself"):
        export.export(model, tmp_path / "model.onnx", IMAGES / 255)
