import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

import mnistry
from mnistry import concepts
from mnistry.datasets import Origin, Split
from mnistry.errors import ModelError
from mnistry.explain import Explainer, gradients, learning
from mnistry.networks import keras_files
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.system import files
from mnistry.training import checkpoints


@pytest.fixture(scope="module")
def network(finished_run):
    return Explainer(finished_run.onnx_path).network


@pytest.fixture(scope="module")
def others():
    images, labels = mnistry.load("sample").train
    return Split(images[:200], labels[:200])


@pytest.fixture(scope="module")
def step(finished_run, network, digits, others):
    return learning.learn(finished_run, network, digits[0][5], 5, others)


@pytest.fixture(scope="module")
def gradient(network, digits):
    return gradients.backpropagate(network, digits[0][5], 5, "categorical_crossentropy")


def flat(pairs):
    return [array for pair in pairs for array in pair]


def test_the_step_is_that_of_rmsprop_with_the_averages_of_the_training(
    finished_run, gradient, step
):
    checkpoint, _ = checkpoints.newest(finished_run.checkpoint_folder)
    # After the model's own four variables: iterations, learning rate, and the averages.
    averages = [checkpoint.arrays[f"variable_{4 + 2 + i}"] for i in range(4)]
    for found, slopes, average in zip(
        flat(step.step.changes), flat(gradient), averages, strict=True
    ):
        moved, _ = concepts.rmsprop_step(np.zeros(slopes.shape), slopes, average)
        # Keras adds in float32 to weights of about 0.1.
        np.testing.assert_allclose(found, moved, rtol=1e-4, atol=3e-8)
    assert step.step.has_state
    # Two epochs of 3,600 images in batches of 128.
    assert (step.step.optimizer, step.step.steps_before) == ("RMSprop", 2 * 29)
    assert step.step.learning_rate == pytest.approx(0.001)
    assert step.step.peak_learning_rate is None


@pytest.fixture(scope="module")
def few():
    """A dataset of 320 images, for a quick training."""
    dataset = mnistry.load("sample")
    images, labels = dataset.train
    return dataclasses.replace(dataset, train=Split(images[:320], labels[:320]), test=None)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "learning_rate": 0.002},
        {"optimizer": "adamw", "learning_rate": 0.002, "weight_decay": 0.1},
        {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    ],
    ids=lambda settings: settings["optimizer"],
)
def test_the_step_is_that_of_the_optimizer_saved_with_the_model(few, digits, tmp_path, settings):
    recipe = mnistry.Recipe("r", units=16, epochs=1, batch_size=32, **settings)
    run = experiment.run_experiment(
        Experiment(recipe, Origin("sample")), few, path=tmp_path / "run"
    )
    network = Explainer(run.onnx_path).network
    slopes = gradients.backpropagate(network, digits[0][5], 5, recipe.loss)
    made = learning.optimizer_step(run, slopes)
    # The compiled model is loaded with its optimizer.
    model = keras.saving.load_model(run.keras_path)
    before = model.get_weights()
    arrays = [keras.ops.convert_to_tensor(a.astype(np.float32)) for a in flat(slopes)]
    model.optimizer.apply(arrays, model.trainable_variables)
    for found, old, new in zip(flat(made.changes), before, model.get_weights(), strict=True):
        np.testing.assert_allclose(found, new.astype(np.float64) - old, rtol=1e-5, atol=1e-8)
    assert made.has_state
    assert made.steps_before == 10  # 320 images in batches of 32
    assert abs(made.changes[1][0]).max() > 1e-5


def test_losses_before_and_after_are_those_of_the_keras_model(finished_run, digits, step):
    model = finished_run.model()

    def loss():
        answer = keras_files.predict(model, digits[0][5:6])
        return float(keras.losses.sparse_categorical_crossentropy(np.array([5]), answer)[0])

    assert step.before == pytest.approx(loss(), rel=1e-4)
    weights = model.get_weights()
    model.set_weights([w + c for w, c in zip(weights, flat(step.step.changes), strict=True)])
    assert step.after == pytest.approx(loss(), rel=1e-4)


def test_the_slope_predicts_what_a_small_part_of_the_step_does(step):
    (row,) = np.flatnonzero(step.table.factors == 0.01)
    fell = step.table.own[row] - step.before
    assert fell == pytest.approx(0.01 * step.slope, rel=0.05)
    assert step.predicted == step.before + step.slope
    assert step.slope < 0


def test_the_weights_have_the_largest_gradients_of_each_layer_and_agree_with_differences(
    gradient, step
):
    assert [w.layer for w in step.weights] == ["hidden"] * 3 + ["probabilities"] * 3
    for weight in step.weights:
        layer = ["hidden", "probabilities"].index(weight.layer)
        kernel = abs(gradient[layer][0])
        assert abs(weight.gradient) >= np.sort(kernel, axis=None)[-3]
        assert weight.gradient == gradient[layer][0][weight.source, weight.unit]
        assert weight.change == step.step.changes[layer][0][weight.source, weight.unit]
        assert weight.numerical == pytest.approx(weight.gradient, rel=1e-6)
        assert np.sign(weight.change) == -np.sign(weight.gradient)


def test_all_parameters_and_those_that_move_are_counted(step):
    assert step.parameters == 784 * 32 + 32 + 32 * 10 + 10
    assert step.moved == sum(np.count_nonzero(array) for array in flat(step.step.changes))
    assert 0 < step.moved < step.parameters  # weights of paper pixels have a gradient of 0


def test_the_curve_is_the_loss_of_the_moved_network_until_it_is_clearly_worse(
    network, others, step
):
    loss = "categorical_crossentropy"
    for factor, found in zip(step.table.factors, step.table.others, strict=True):
        moved = network.moved(step.step.changes, factor)
        assert found == pytest.approx(gradients.mean_loss(moved, others, loss), rel=1e-9)
    assert step.curve.factors[0] == 0
    assert step.curve.own[0] == step.before
    assert step.curve.others[-1] >= 1.5 * step.curve.others[0]
    assert step.table.factors[-1] >= step.curve.factors[-1]
    assert step.others == 200


def test_without_other_images_the_curve_ends_where_the_loss_is_almost_0(
    finished_run, network, digits
):
    step = learning.learn(finished_run, network, digits[0][5], 5)
    assert step.curve.others is None
    assert step.table.own[-1] < step.before / 1000
    assert step.table.factors[-1] <= 64  # and no further


def test_the_run_is_not_changed(finished_run, network, digits):
    before = {p: files.sha256(p) for p in finished_run.path.rglob("*") if p.is_file()}
    kernels = [layer.kernel.copy() for layer in network.layers]
    learning.learn(finished_run, network, digits[0][2], 2)
    assert before == {p: files.sha256(p) for p in finished_run.path.rglob("*") if p.is_file()}
    for layer, kernel in zip(network.layers, kernels, strict=True):
        np.testing.assert_array_equal(layer.kernel, kernel)


def test_without_a_saved_state_the_optimizer_makes_a_first_step(finished_run, gradient, tmp_path):
    shutil.copytree(finished_run.path, tmp_path / "run")
    run = dataclasses.replace(finished_run, path=tmp_path / "run")
    # This model is not compiled, so no optimizer is saved with it.
    keras_files.save(finished_run.model(), run.keras_path)
    digests = {**run.digests, run.keras_path.name: files.sha256(run.keras_path)}
    made = learning.optimizer_step(dataclasses.replace(run, digests=digests), gradient)
    assert not made.has_state
    assert made.steps_before == 0
    moves = abs(made.changes[1][0])
    # RMSprop's first step divides each gradient by the root of a tenth of its square.
    assert moves.max() == pytest.approx(0.001 / np.sqrt(0.1), rel=1e-3)


def test_a_gradient_of_another_network_is_refused(finished_run, gradient):
    with pytest.raises(ModelError, match=r"model\.keras: its weights are not those of model\.onnx"):
        learning.optimizer_step(finished_run, gradient[1:])


def test_a_damaged_model_is_refused(finished_run, gradient, tmp_path):
    shutil.copytree(finished_run.path, tmp_path / "run")
    run = dataclasses.replace(finished_run, path=tmp_path / "run")
    run.keras_path.write_bytes(run.keras_path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        learning.optimizer_step(run, gradient)


@pytest.fixture(scope="module")
def rising_run(few, tmp_path_factory):
    """A run of 20 steps whose learning rate rises for the first 10."""
    recipe = mnistry.Recipe(
        "rise", network="linear", optimizer="adamw", learning_rate=0.01, warmup=0.5, epochs=2,
        batch_size=32, weight_decay=0.1,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("rise") / "run"
    return experiment.run_experiment(Experiment(recipe, Origin("sample")), few, path=path)


def test_a_learning_rate_with_a_schedule_is_that_of_the_last_step(rising_run, digits):
    network = Explainer(rising_run.onnx_path).network
    step = learning.learn(rising_run, network, digits[0][0], 0)
    assert step.step.steps_before == 20
    assert step.step.learning_rate == pytest.approx(0.01 / 1000, rel=1e-3)
    assert step.step.peak_learning_rate == 0.01
    # No image has ink in the corner: nothing but AdamW's decay moves its weights.
    corner = network.layers[0].kernel[0]
    np.testing.assert_allclose(step.step.changes[0][0][0], -1e-5 * 0.1 * corner, atol=1e-8)


def test_a_schedule_counts_the_images_that_the_recipe_adds(rising_run, digits):
    # With 320 more images an epoch, 40 steps are planned. After 20, half of them, the rate is at
    # its peak, as if early stopping had ended the training there.
    recipe = dataclasses.replace(rising_run.recipe, styled=160, non_digits=160)
    run = dataclasses.replace(rising_run, recipe=recipe)
    slopes = gradients.backpropagate(Explainer(run.onnx_path).network, digits[0][0], 0, recipe.loss)
    assert learning.optimizer_step(run, slopes).learning_rate == pytest.approx(0.01)


def test_json_has_every_number_except_the_changes_of_all_weights(step):
    value = json.loads(json.dumps(step.to_json(), allow_nan=False))
    assert "changes" not in value
    assert value["curve"]["own"] == step.curve.own.tolist()
    assert value["predicted"] == step.predicted
    assert value["optimizer"] == "RMSprop"
    assert value["weights"][0]["gradient"] == step.weights[0].gradient
