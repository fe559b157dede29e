import numpy as np
import pytest

import mnistry
from mnistry.concepts import (
    KERAS_EPSILON,
    backpropagate,
    cross_entropy,
    gradient_descent_step,
    layer,
    layer_gradients,
    numerical_gradient,
    one_hot,
    relu,
    relu_slope,
    softmax,
    softmax_cross_entropy_gradient,
)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """32 real digits, scaled and flattened, and their labels."""
    images, labels = mnistry.load("sample").train
    return images[:32].reshape(32, 784) / 255, labels[:32]


@pytest.fixture(scope="module")
def network() -> list[np.ndarray]:
    """Weights and biases of 784 inputs -> 16 ReLU -> 10 softmax, in the order of Keras."""
    generator = np.random.default_rng(0)
    shapes = [(784, 16), (16,), (16, 10), (10,)]
    return [generator.normal(scale=0.1, size=shape) for shape in shapes]


def forward(x, network):
    w1, b1, w2, b2 = network
    v = layer(x, w1, b1)
    return v, softmax(layer(relu(v), w2, b2))


def loss_of(x, labels, network):
    return cross_entropy(forward(x, network)[1], labels).mean()


def backward(x, labels, network):
    """Gradients of weights and biases, by backpropagation from the output layer to the first."""
    v, probabilities = forward(x, network)
    outer = softmax_cross_entropy_gradient(probabilities, labels)
    inner = backpropagate(outer, network[2]) * relu_slope(v)
    return [*layer_gradients(x, inner), *layer_gradients(relu(v), outer)]


def test_the_errors_of_the_output_layer_by_hand():
    errors = softmax_cross_entropy_gradient([[0.25, 0.5, 0.25], [0, 0, 1]], [2, 2])
    assert errors.tolist() == [[0.25, 0.5, -0.75], [0, 0, 0]]
    assert softmax_cross_entropy_gradient([0.25, 0.75], 0).tolist() == [-0.75, 0.75]


def test_a_label_out_of_range_raises_an_error():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        softmax_cross_entropy_gradient([0.25, 0.75], 2)


def test_a_layers_gradients_by_hand():
    weights, biases = layer_gradients([[1, 2], [3, 4]], [[1, 0, -1], [1, 2, 3]])
    assert weights.tolist() == [[2, 3, 4], [3, 4, 5]]
    assert biases.tolist() == [1, 1, 1]


def test_one_image_alone_gives_input_times_error():
    weights, biases = layer_gradients([2, 3], [5, 0, -1])
    assert weights.tolist() == [[10, 0, -2], [15, 0, -3]]
    assert biases.tolist() == [5, 0, -1]


def test_errors_go_back_over_the_same_weights():
    weights = [[1, 2, 0], [0, -1, 4]]
    assert backpropagate([1, 1, 0.5], weights).tolist() == [3, 1]
    assert backpropagate([[1, 1, 0.5], [0, 0, 1]], weights).tolist() == [[3, 1], [0, 4]]


def test_the_slope_of_relu_is_that_of_jax_and_0_at_its_corner():
    import jax
    import keras

    sums = np.array([-2, -1e-30, 0, 1e-30, 2], np.float32)
    assert relu_slope(sums).tolist() == [0, 0, 0, 1, 1]
    for function in (jax.nn.relu, keras.activations.relu):
        assert np.array_equal(relu_slope(sums), jax.vmap(jax.grad(function))(sums))
    assert jax.grad(lambda v: jax.numpy.maximum(v, 0))(0.0) == 0.5


def test_differences_by_hand():
    def volume(sides):
        return sides[0, 0] * sides[0, 1] ** 2

    sides = np.array([[3.0, 2.0]])
    assert numerical_gradient(volume, sides, (0, 0)) == pytest.approx(4, rel=1e-9)
    assert numerical_gradient(volume, sides, (0, 1)) == pytest.approx(12, rel=1e-9)
    assert sides.tolist() == [[3, 2]]


def test_differences_are_central():
    # (1.5^3 - 0.5^3) / 1; a difference to one side would be (1.5^3 - 1^3) / 0.5 = 4.75.
    assert numerical_gradient(lambda w: w[0] ** 3, [1], 0, step=0.5) == 3.25


def test_differences_of_float32_weights_are_not_lost_in_rounding():
    weights = np.array([1000], np.float32)
    slope = numerical_gradient(lambda w: w[0] ** 2, weights, 0)
    assert slope == pytest.approx(2000, rel=1e-6)


def test_backpropagation_equals_numerical_gradients(digits, network):
    gradients = backward(*digits, network)
    for place, gradient in enumerate(gradients):

        def loss(parameters, place=place):
            return loss_of(*digits, [*network[:place], parameters, *network[place + 1 :]])

        largest = np.argsort(-np.abs(gradient), axis=None)[:5]
        for index in zip(*np.unravel_index(largest, gradient.shape), strict=True):
            slope = numerical_gradient(loss, network[place], index)
            assert gradient[index] == pytest.approx(slope, rel=1e-6)


def test_backpropagation_equals_jax_grad_of_a_keras_network(digits, network):
    import jax
    import keras

    x, labels = digits
    model = keras.Sequential(
        [
            keras.layers.Input((784,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.set_weights(network)

    def loss(weights):
        probabilities, _ = model.stateless_call(weights, [], x.astype(np.float32))
        return keras.losses.CategoricalCrossentropy()(one_hot(labels), probabilities)

    value, expected = jax.value_and_grad(loss)([v.value for v in model.trainable_variables])
    assert loss_of(x, labels, network) == pytest.approx(float(value), rel=1e-5)
    for ours, theirs in zip(backward(x, labels, network), expected, strict=True):
        assert ours == pytest.approx(np.asarray(theirs), rel=1e-4, abs=1e-7)


def test_a_step_against_the_gradient_lowers_the_loss_as_predicted(digits, network):
    gradients = backward(*digits, network)
    rate = 1e-4
    stepped = [gradient_descent_step(w, g, rate) for w, g in zip(network, gradients, strict=True)]
    predicted = -rate * sum(np.sum(gradient**2) for gradient in gradients)
    found = loss_of(*digits, stepped) - loss_of(*digits, network)
    assert found == pytest.approx(predicted, rel=0.01)


# Keras clips probabilities at 1e-7, which is a logit ln(1e-7) = -16.1 below the other.
@pytest.mark.parametrize("lead", [-18, -15, 0, 15, 18])
def test_keras_has_gradient_0_where_it_clips(lead):
    import jax
    import keras

    def keras_loss(logits):
        return keras.losses.categorical_crossentropy(one_hot(0, 2), jax.nn.softmax(logits))

    probabilities = softmax([lead, 0])
    ours = softmax_cross_entropy_gradient(probabilities, 0)
    assert ours == pytest.approx([-probabilities[1], probabilities[1]], rel=1e-6)
    theirs = np.asarray(jax.grad(keras_loss)(np.array([lead, 0], np.float32)))
    if KERAS_EPSILON < probabilities[0] < 1 - KERAS_EPSILON:
        assert theirs == pytest.approx(ours, abs=1e-7)
        assert theirs.all()
    else:
        assert theirs.tolist() == [0, 0]
