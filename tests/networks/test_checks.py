"""Models that do not take our images or give probabilities are told before the first step."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import mnistry
from mnistry.errors import ModelError, Notice
from mnistry.networks import checks

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
LABELS = np.arange(40) % 10
SCALE = layers.Rescaling(1 / 255)


def model(*between: keras.Layer, shape=(28, 28), units: int = 10, activation="softmax"):
    last = layers.Dense(units, activation)
    return keras.Sequential([keras.Input(shape), *between, layers.Flatten(), last])


def train(chosen: keras.Model) -> list[np.ndarray]:
    """Train for a step, and return the weights as they were before."""
    before = chosen.get_weights()
    mnistry.train(chosen, IMAGES, LABELS, epochs=1, batch_size=40)
    return before


def refused(chosen: keras.Model, *said: str) -> None:
    before = chosen.get_weights()
    for function in (train, lambda one: mnistry.evaluate(one, IMAGES, LABELS)):
        with pytest.raises(ModelError) as caught:
            function(chosen)
        for text in said:
            assert text in str(caught.value)
    for old, new in zip(before, chosen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("shape", [(784,), (28, 28, 1), (32, 32)])
def test_fault_113_another_input_is_told_before_the_first_step(shape) -> None:
    refused(model(SCALE, shape=shape), f"its input is float32 (None, {shape[0]}", "Rescaling")


def test_fault_112_logits_are_told_before_the_first_step() -> None:
    refused(model(SCALE, activation=None), "keras.layers.Softmax()")


def test_fault_112_an_output_of_another_shape_is_told_before_the_first_step() -> None:
    rows = keras.Sequential([keras.Input((28, 28)), SCALE, layers.Dense(10, "softmax")])
    refused(rows, "its output is (None, 28, 10)", "one softmax")


def test_logits_with_a_loss_for_them_are_trained_but_not_scored() -> None:
    chosen = model(SCALE, activation=None)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    chosen.compile("sgd", loss, metrics=["accuracy"])
    before = train(chosen)
    assert (before[0] != chosen.get_weights()[0]).any()
    with pytest.raises(ModelError, match="does not give probabilities"):
        mnistry.evaluate(chosen, IMAGES, LABELS)


def test_a_model_that_does_not_scale_is_warned_of() -> None:
    with pytest.warns(Notice, match=r"does not scale its input.*Rescaling\(1/255\)"):
        train(model())
    with pytest.warns(Notice, match="does not scale its input"):
        mnistry.evaluate(model(), IMAGES, LABELS)
    with pytest.warns(Notice, match="does not scale its input"):
        checks.check_input(model(layers.Reshape((28, 28, 1)), layers.Conv2D(2, 3)))


class Custom(layers.Layer):
    """May do anything, so nothing is said of it."""

    def call(self, inputs):
        return inputs / 255


@pytest.mark.parametrize(
    "first",
    [SCALE, layers.BatchNormalization(), layers.Normalization(mean=33, variance=6000), Custom()],
)
def test_whatever_may_scale_is_not_warned_of(first) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        checks.check_input(model(first))


def test_ten_outputs_without_an_upper_bound_are_refused_however_small_they_are() -> None:
    for last in (layers.Activation("relu"), layers.ReLU(), layers.Activation("softplus")):
        chosen = keras.Sequential(
            [keras.Input((28, 28)), SCALE, layers.Flatten(), layers.Dense(10, use_bias=False), last]
        )
        chosen.layers[-2].set_weights([np.full((784, 10), 1e-6, np.float32)])
        refused(chosen, "Softmax()")


def test_ten_sigmoids_can_be_trained_with_a_warning() -> None:
    chosen = model(SCALE, activation="sigmoid")
    chosen.compile("sgd", "binary_crossentropy")
    with pytest.warns(Notice, match="does not end with softmax"):
        checks.check_output(chosen, IMAGES, needs_probabilities=False)
