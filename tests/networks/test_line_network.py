"""Converted to ONNX, the line reader's network computes what it computes in Keras."""

import keras
import numpy as np
import pytest

from mnistry.concepts.outputs import softmax
from mnistry.errors import ModelError
from mnistry.inference import line_session
from mnistry.networks import line_network


def moved(model: keras.Model) -> keras.Model:
    """Give every normalisation statistics and weights that change something."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + random.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])
    return model


def test_onnx_gives_what_keras_gives_at_different_widths() -> None:
    model = moved(line_network.build(7))
    session = line_session.open_session(
        line_network.to_onnx(model).SerializeToString(), 7, threads=1
    )
    for width in (64, 112):
        images = np.random.default_rng(width).integers(0, 256, (2, 48, width)).astype(np.uint8)
        ours = line_session.log_probabilities(session, images)
        theirs = np.log(softmax(model.predict(images, verbose=0)))
        assert ours.shape == (2, width // 4, 7)
        assert np.abs(ours - theirs).max() < 0.05  # the weights have only 16 bits


def test_a_temperature_divides_the_logits() -> None:
    model = moved(line_network.build(7))
    images = np.random.default_rng(0).integers(0, 256, (1, 48, 64)).astype(np.uint8)
    plain, softened = (
        line_session.log_probabilities(
            line_session.open_session(
                line_network.to_onnx(model, temperature).SerializeToString(), 7, threads=1
            ),
            images,
        )
        for temperature in (1.0, 2.0)
    )
    halved = plain / 2 - np.log(np.exp(plain / 2).sum(-1, keepdims=True))
    assert np.abs(softened - halved).max() < 0.02


def test_another_number_of_classes_is_refused() -> None:
    content = line_network.to_onnx(line_network.build(7)).SerializeToString()
    with pytest.raises(ModelError, match="16, 7"):
        line_session.open_session(content, 19)
