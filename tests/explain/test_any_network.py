"""Gradients of any network, against differences that know nothing of backpropagation."""

import dataclasses

import keras
import numpy as np
import pytest

import mnistry
from mnistry.datasets import Origin, Split
from mnistry.explain import any_network
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small convolutional network with batch normalisation, trained a little."""
    dataset = mnistry.load("sample")
    few = Split(dataset.train.images[:512], dataset.train.labels[:512])
    recipe = mnistry.Recipe("few", network="strided", epochs=1, batch_size=32)
    return experiment.run_experiment(
        Experiment(recipe, Origin("sample")),
        dataclasses.replace(dataset, train=few, test=None),
        path=tmp_path_factory.mktemp("runs") / "few",
    )


def logit(model, image, answer):
    """The logarithm of a probability plus a constant: its differences are those of the logit."""
    shares = np.asarray(model(image), np.float64)[0]
    return float(np.log(shares[answer]) - np.log(np.delete(shares, answer)).mean())


def test_a_pixel_counts_by_how_much_it_changes_the_logit(run, digits):
    image = digits[0][3]
    found = any_network.saliency(run.model(), image, 3)
    others = [any_network.saliency(run.model(), image, k).by_pixel for k in range(10) if k != 3]
    model = run.model()
    behind = keras.Model(model.layers[1].output, model.output)  # after Rescaling
    scaled = (image / 255).astype(np.float32)[np.newaxis]
    relative = found.by_pixel - np.mean(others, axis=0)
    for place in np.argwhere(image > 200)[::12]:
        up, down = scaled.copy(), scaled.copy()
        up[0][tuple(place)] += 0.02
        down[0][tuple(place)] -= 0.02
        slope = (logit(behind, up, 3) - logit(behind, down, 3)) / 0.04
        expected = slope * scaled[0][tuple(place)]
        assert relative[tuple(place)] == pytest.approx(expected, rel=0.1, abs=0.02)
    assert (found.by_pixel[image == 0] == 0).all()


def test_grad_cam_is_the_sum_of_maps_times_their_mean_gradients(run, digits):
    image, model = digits[0][3], run.model()
    before = np.asarray(model(image[None]))
    found = any_network.saliency(model, image, 3)
    np.testing.assert_array_equal(model(image[None]), before)  # the model is as it was
    assert (found.layer, found.by_place.shape) == ("relu_3", (3, 3))
    assert found.by_place.min() >= 0 < found.by_place.max()
    model = run.model()
    maps = np.asarray(keras.Model(model.inputs[0], model.get_layer("relu_3").output)(image[None]))
    kernel = np.asarray(model.layers[-1].kernel)[:, 3].reshape(3, 3, 64)
    # Behind the maps there is only the last layer, so its weights are the gradients.
    expected = np.maximum(0, maps[0] @ kernel.mean(axis=(0, 1)))
    np.testing.assert_allclose(found.by_place, expected, rtol=1e-4, atol=1e-5)


def test_a_step_of_learning_agrees_with_differences_and_lowers_the_loss(run, digits):
    others = Split(*digits)
    step = any_network.learn(run, digits[0][3], 3, others)
    assert step.others == 10
    assert step.parameters == sum(v.value.size for v in run.model().trainable_variables)
    assert {weight.layer for weight in step.weights} == {
        "convolution_1", "convolution_2", "convolution_3", "probabilities"
    }  # fmt: skip
    for weight in step.weights:
        assert weight.numerical == pytest.approx(weight.gradient, rel=0.1, abs=2e-3)
        assert weight.change * weight.gradient < 0
    assert step.slope < 0
    assert step.table.own[0] == pytest.approx(step.before)
    small = int(np.flatnonzero(step.table.factors == 0.01)[0])
    fall = step.table.own[small] - step.before
    assert fall == pytest.approx(0.01 * step.slope, rel=0.3, abs=1e-5)


def test_the_callers_network_is_left_as_it_is(run, digits):
    model = run.model()
    before = np.asarray(model(digits[0][:3]))
    any_network.saliency(model, digits[0][3], 3)
    assert keras.activations.serialize(model.layers[-1].activation) == "softmax"
    np.testing.assert_array_equal(np.asarray(model(digits[0][:3])), before)


def test_a_network_whose_first_layer_mixes_pixels_has_no_saliency(digits):
    model = keras.Sequential(
        [
            keras.Input((28, 28)), keras.layers.Dense(4), keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    assert any_network.saliency(model, digits[0][3], 3) is None
