import jax
import keras
import numpy as np
import pytest

from mnistry.datasets import Split
from mnistry.explain import Explainer, gradients

LOSSES = {
    "categorical_crossentropy": keras.losses.categorical_crossentropy,
    "sparse_categorical_crossentropy": keras.losses.categorical_crossentropy,
    "binary_crossentropy": keras.losses.binary_crossentropy,
    "mean_squared_error": keras.losses.mean_squared_error,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_equal_those_of_jax_for_the_keras_model(dense_subject, digits, loss):
    model, network = dense_subject.model, Explainer(dense_subject.onnx).network

    @jax.jit
    def slopes(weights, image, label):
        def cost(weights):
            answer, _ = model.stateless_call(weights, [], image[None])
            return LOSSES[loss](jax.nn.one_hot(label, 10)[None], answer)[0]

        return jax.grad(cost)(weights)

    weights = [variable.value for variable in model.trainable_variables]
    for image, label in zip(*digits, strict=True):
        expected = slopes(weights, image, int(label))
        found = gradients.backpropagate(network, image, int(label), loss)
        for ours, theirs in zip([a for pair in found for a in pair], expected, strict=True):
            largest = float(abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * largest)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_equal_those_of_keras(digits, loss):
    logits = np.random.default_rng(1).normal(0, 3, (10, 10))
    shares = keras.ops.softmax(logits)
    expected = LOSSES[loss](keras.ops.one_hot(digits[1], 10), shares)
    np.testing.assert_allclose(gradients.losses(logits, digits[1], loss), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_numerical_gradients_equal_those_of_backpropagation(dense_subject, digits, loss):
    network = Explainer(dense_subject.onnx).network
    image, label = digits[0][8], 8
    own = Split(image[np.newaxis], np.array([label]))
    found = gradients.backpropagate(network, image, label, loss)
    for number, (kernel, _) in enumerate(found):
        place = np.unravel_index(abs(kernel).argmax(), kernel.shape)
        difference = gradients.numerical_gradient(network, own, loss, number, place)
        assert difference == pytest.approx(kernel[place], rel=1e-6)


def test_a_loss_too_small_to_compute_from_a_probability_is_right():
    logits = np.zeros((1, 10))
    logits[0, 4] = 60  # the others' probabilities are e^-60 each
    label = np.array([4])
    assert gradients.losses(logits, label, "categorical_crossentropy") == pytest.approx(
        9 * np.exp(-60)
    )
    # The mean over ten outputs: 9 e^-60 from the label's own, and e^-60 from each of the others.
    assert gradients.losses(logits, label, "binary_crossentropy") == pytest.approx(
        18 * np.exp(-60) / 10
    )


def test_a_certain_mistake_has_a_finite_loss_and_slope():
    logits = np.zeros(10)
    logits[4] = 500
    for loss in LOSSES:
        assert np.isfinite(gradients.losses(logits[np.newaxis], np.array([3]), loss)).all()
        assert np.isfinite(gradients.logit_errors(logits, 3, loss)).all()


def test_the_mean_loss_is_the_mean_over_the_images(dense_subject, digits):
    network = Explainer(dense_subject.onnx).network
    images, labels = digits
    each = [
        gradients.mean_loss(network, Split(images[i : i + 1], labels[i : i + 1]), "")
        for i in range(10)
    ]
    assert gradients.mean_loss(network, Split(images, labels), "") == pytest.approx(np.mean(each))
