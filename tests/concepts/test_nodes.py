import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistry.concepts import layer, node, relu, sigmoid, tanh

sums = st.floats(-1e300, 1e300)


def test_a_node_adds_its_bias_to_the_weighted_inputs():
    v = node(np.array([1.0, 0.0, -2.0]), np.array([0.5, 9.0, 0.25]), 0.125)
    assert v == 0.125 + 0.5 - 0.5
    assert type(v) is float


def test_a_node_needs_as_many_weights_as_inputs():
    with pytest.raises(ValueError, match="shapes"):
        node([1, 2, 3], [1, 2], 0)


def test_a_layer_is_its_nodes_side_by_side():
    generator = np.random.default_rng(0)
    images, weights, biases = (generator.normal(size=shape) for shape in [(3, 5), (5, 4), 4])
    expected = [
        [node(image, weights[:, unit], biases[unit]) for unit in range(4)] for image in images
    ]
    assert layer(images, weights, biases) == pytest.approx(np.array(expected), rel=1e-12)
    assert layer(images[1], weights, biases) == pytest.approx(np.array(expected[1]), rel=1e-12)


def test_a_layer_of_pixels_does_not_wrap_at_256():
    pixels = np.array([200, 100], np.uint8)
    assert layer(pixels, np.array([[1], [1]], np.uint8), np.array([0], np.uint8)) == [300]


def test_two_layers_without_an_activation_between_them_are_one():
    generator = np.random.default_rng(1)
    x, first, second = (generator.normal(size=shape) for shape in [(3, 5), (5, 4), (4, 2)])
    assert layer(layer(x, first, 0), second, 0) == pytest.approx(layer(x, first @ second, 0))
    bent = layer(relu(layer(x, first, 0)), second, 0)
    assert bent != pytest.approx(layer(x, first @ second, 0))


def test_a_layer_and_its_activation_equal_dense_of_keras():
    import keras

    generator = np.random.default_rng(2)
    x, weights = (generator.normal(size=shape).astype(np.float32) for shape in [(8, 20), (20, 6)])
    biases = generator.normal(size=6).astype(np.float32)
    for activation in (relu, sigmoid, tanh):
        dense = keras.layers.Dense(6, activation=activation.__name__)
        dense.build(x.shape)
        dense.set_weights([weights, biases])
        ours = activation(layer(x, weights, biases))
        assert ours == pytest.approx(np.asarray(dense(x)), rel=1e-5, abs=1e-6)


def test_relu_keeps_positive_sums_only():
    assert relu([-1e9, -0.5, 0, 0.5, 1e9]).tolist() == [0, 0, 0, 0.5, 1e9]


def test_sigmoid_of_large_sums_is_its_limit_without_a_warning():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert sigmoid(-1000) == 0
        assert sigmoid(1000) == 1
        assert sigmoid([-np.inf, np.inf]).tolist() == [0, 1]


def test_sigmoid_keeps_its_digits_where_it_is_small():
    assert sigmoid(-40) == pytest.approx(math.exp(-40), rel=1e-12, abs=0)


@given(sums)
def test_sigmoid_is_symmetric(v):
    assert sigmoid(-v) == pytest.approx(1 - sigmoid(v), abs=1e-14)


@given(sums)
def test_tanh_is_a_stretched_and_shifted_sigmoid(v):
    assert tanh(v) == pytest.approx(2 * sigmoid(2 * v) - 1, abs=1e-14)


def test_tanh_by_hand():
    e = math.e
    assert tanh(1) == pytest.approx((e - 1 / e) / (e + 1 / e), rel=1e-14)
