import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

import mnistry
from mnistry.augmentation.distort import Distortion
from mnistry.datasets import Origin
from mnistry.datasets.splits import Parts
from mnistry.errors import DataError, DivergedError, UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.runs.directory import Run
from mnistry.training import checkpoints, fit
from tests.scripts import PLAIN_KERAS

SMALL = Recipe("small", units=32, epochs=2)


def test_a_run_directory_holds_what_it_promises(finished_run: Run) -> None:
    names = {path.name for path in finished_run.path.iterdir()}
    assert names == {
        "run.json", "history.csv", "model.keras", "model.onnx", "scorecard.json",
        "checkpoints", ".lock",
    }  # fmt: skip
    assert len(finished_run.epochs()) == 2
    assert finished_run.epochs()[0].val_loss is not None


def test_the_scores_are_those_of_keras_own_evaluate(finished_run: Run) -> None:
    _, (images, labels) = mnistry.load("sample")
    model = finished_run.model()
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(images, np.eye(10)[labels], verbose=0)
    test = finished_run.scores().test
    assert test is not None
    assert test.loss == pytest.approx(loss, rel=1e-4)
    assert test.accuracy == pytest.approx(accuracy, abs=1e-6)


def test_images_set_aside_are_scored_apart_from_those_trained_on(finished_run: Run) -> None:
    scores = finished_run.scores()
    assert scores.validation is not None
    assert (scores.train.count, scores.validation.count) == (3600, 400)
    last = finished_run.epochs()[-1]
    assert scores.validation.accuracy == pytest.approx(last.val_accuracy, abs=1e-6)
    assert scores.validation.loss == pytest.approx(last.val_loss, rel=1e-4)


def test_the_keras_file_opens_with_nothing_of_ours(finished_run: Run) -> None:
    code = (
        f"{PLAIN_KERAS}; import sys; model = keras.models.load_model(sys.argv[1]); "
        "assert 'mnistry' not in sys.modules; print(model.count_params())"
    )
    quick = {name: value for name, value in os.environ.items() if name.startswith(("JAX", "XLA"))}
    result = subprocess.run(
        [sys.executable, "-c", code, str(finished_run.keras_path)],
        env=quick | {"KERAS_BACKEND": "jax", "PATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.split()[-1] == str(784 * 32 + 32 + 32 * 10 + 10)


def test_the_onnx_file_keeps_its_contract(finished_run: Run) -> None:
    session = onnxruntime.InferenceSession(finished_run.onnx_path)
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1:]) == ("image", "tensor(uint8)", [28, 28])
    assert (answer.name, answer.type, answer.shape[1:]) == ("probabilities", "tensor(float)", [10])
    _, (images, _) = mnistry.load("sample")
    ours = session.run(None, {"image": images})[0]
    keras_s = finished_run.model().predict(images, verbose=0)
    np.testing.assert_allclose(ours, keras_s, atol=1e-4)
    np.testing.assert_array_equal(ours.argmax(axis=1), keras_s.argmax(axis=1))


def test_the_same_seed_gives_a_run_with_the_same_weights(finished_run: Run, tmp_path: Path) -> None:
    again = experiment.run_experiment(
        Experiment(finished_run.recipe, Origin("sample")),
        mnistry.load("sample"),
        path=tmp_path / "again",
    )
    assert again.digests["model.onnx"] == finished_run.digests["model.onnx"]
    for a, b in zip(again.model().get_weights(), finished_run.model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_test_images_are_looked_at_once_and_after_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = mnistry.load("sample")
    order = []

    def noting(module, name: str) -> None:
        real = getattr(module, name)

        def call(*arguments, **settings):
            order.extend(
                (name, split)
                for argument in arguments
                for split in ("train", "test")
                for images in (argument.train if isinstance(argument, Parts) else [argument])
                if images is getattr(dataset, split).images
            )
            return real(*arguments, **settings)

        monkeypatch.setattr(module, name, call)

    noting(experiment.fit, "train_parts")
    noting(experiment.export, "export")
    noting(experiment.keras_files, "predict")
    experiment.run_experiment(Experiment(SMALL, Origin("sample")), dataset, path=tmp_path / "run")
    assert order == [("train_parts", "train"), ("export", "test"), ("predict", "train")]


def test_an_interrupted_run_says_so_and_resumes_to_the_same_weights(
    finished_run: Run, tmp_path: Path
) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    dataset = mnistry.load("sample")
    with pytest.raises(KeyboardInterrupt):
        experiment.run_experiment(
            Experiment(finished_run.recipe, Origin("sample")),
            dataset,
            path=tmp_path / "run",
            callbacks=[Interrupt()],
        )
    run = Run.open(tmp_path / "run")
    assert run.status == "interrupted"
    # The checkpoint is that of the first epoch. Resuming has only the recipe's callbacks, so
    # nothing interrupts it again.
    state, _ = checkpoints.newest(run.checkpoint_folder)
    assert state is not None
    assert len(state.epochs) == 1
    assert run.epochs() == state.epochs
    shutil.copytree(run.path, tmp_path / "copy")
    ended = experiment.finish(Run.open(tmp_path / "copy"), dataset)
    assert (ended.status, ended.epochs()) == ("done", state.epochs)
    weights = dict(enumerate(ended.model().weights))
    assert all((weights[i].numpy() == state.arrays[f"variable_{i}"]).all() for i in weights)
    done = experiment.resume(run, dataset)
    assert (done.status, len(done.epochs())) == ("done", finished_run.recipe.epochs)
    assert done.digests["model.onnx"] == finished_run.digests["model.onnx"]
    with pytest.raises(UsageError, match="this run is done"):
        experiment.resume(done, dataset)


def test_a_recipe_with_everything_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def network(seed: int) -> keras.Model:
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((28, 28), dtype="uint8"),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(32, kernel_initializer=keras.initializers.GlorotUniform(seed)),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Dropout(0.3, seed=seed),
                layers.Dense(10, "softmax", kernel_initializer=keras.initializers.Zeros()),
            ]
        )

    monkeypatch.setattr(experiment.zoo, "build", lambda _, *, seed, **__: network(seed))
    # It has all that a checkpoint must keep: the schedule's step, averages, seeds, plain epochs.
    recipe = Recipe(
        "all", optimizer="adamw", learning_rate=0.01, warmup=0.2, weight_decay=0.01, epochs=4,
        batch_size=256, distortion=Distortion(), plain_epochs=0.25, styled=30, non_digits=60,
        validation=0.1,
    )  # fmt: skip

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    dataset = mnistry.load("sample")
    whole = experiment.run_experiment(
        Experiment(recipe, Origin("sample")), dataset, path=tmp_path / "whole"
    )
    with pytest.raises(KeyboardInterrupt):
        experiment.run_experiment(
            Experiment(recipe, Origin("sample")),
            dataset,
            path=tmp_path / "cut",
            callbacks=[Interrupt()],
        )
    resumed = experiment.resume(Run.open(tmp_path / "cut"), dataset)
    for a, b in zip(whole.model().get_weights(), resumed.model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [e.loss for e in resumed.epochs()] == [e.loss for e in whole.epochs()]


def test_fault_65_a_run_does_not_go_on_with_other_data(tmp_path: Path, finished_run: Run) -> None:
    unfinished = dataclasses.replace(finished_run, status="interrupted")
    dataset = mnistry.load("sample")
    assert dataset.train is not None
    other = dataclasses.replace(
        dataset, train=mnistry.Split(255 - dataset.train.images, dataset.train.labels)
    )
    with pytest.raises(DataError, match="not what the run was trained on"):
        experiment.resume(unfinished, other)


def test_fault_58_a_diverged_run_keeps_its_last_state(tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        experiment.run_experiment(
            Experiment(
                dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1e38), Origin("sample")
            ),
            mnistry.load("sample"),
            path=tmp_path / "run",
        )
    run = Run.open(tmp_path / "run")
    assert run.status == "diverged"
    state, damaged = checkpoints.newest(run.checkpoint_folder)
    assert state is not None
    assert not damaged
    assert all(np.isfinite(array).all() for array in state.arrays.values())
    assert not run.keras_path.exists()
    with pytest.raises(UsageError, match="would do so again"):
        experiment.resume(run, mnistry.load("sample"))


def test_fault_29_images_without_labels_are_not_trained_on(tmp_path: Path) -> None:
    dataset = mnistry.load("sample")
    assert dataset.train is not None
    unlabelled = dataclasses.replace(
        dataset, train=None, test=mnistry.Split(dataset.train.images, None)
    )
    with pytest.raises(DataError, match="no labelled training images"):
        experiment.run_experiment(
            Experiment(SMALL, Origin("sample")), unlabelled, path=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_data_without_test_images_trains_and_is_not_scored_on_any(tmp_path: Path) -> None:
    dataset = dataclasses.replace(mnistry.load("sample"), test=None)
    run = experiment.run_experiment(
        Experiment(SMALL, Origin("sample")), dataset, path=tmp_path / "run"
    )
    assert run.scores().test is None
    assert run.scores().gap is None
    assert run.scores().train.count == 4000


def test_every_setting_reaches_the_network_and_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def train(model, parts, settings, **others):
        seen.update(others, model=model, parts=parts, settings=settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment.fit, "train_parts", train)
    recipe = Recipe(
        "all", units=8, depth=3, optimizer="sgd", learning_rate=0.25, momentum=0.5,
        loss="binary_crossentropy", epochs=7, batch_size=50, validation=0.2, early_stopping=4,
        distortion=Distortion(rotation=3), plain_epochs=0.3, styled=6, non_digits=9,
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        experiment.run_experiment(
            Experiment(recipe, Origin("sample"), seed=9),
            mnistry.load("sample"),
            path=tmp_path / "run",
        )
    # 784*8 + 8, twice 8*8 + 8, 8*10 + 10
    assert seen["model"].count_params() == 6280 + 72 + 72 + 90
    optimizer = seen["model"].optimizer
    assert (float(optimizer.learning_rate.numpy()), optimizer.momentum) == (0.25, 0.5)
    assert seen["model"].loss == "binary_crossentropy"
    assert seen["settings"] == fit.Settings(7, 50, Distortion(rotation=3), 2, 9)
    assert len(seen["extra"].images) == 15
    assert [len(part.images) for part in seen["parts"]] == [3200, 800]
    (stopping,) = seen["callbacks"]
    assert isinstance(stopping, keras.callbacks.EarlyStopping)
    assert (stopping.monitor, stopping.patience) == ("val_loss", 4)
    assert stopping.restore_best_weights


@pytest.mark.parametrize("part", ["keras_files.save", "export.export", "files.write_json"])
def test_a_run_is_done_only_when_everything_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    module, name = part.split(".")
    real = getattr(getattr(experiment, module), name)

    def fail(*arguments, **settings):
        if name == "write_json" and "scorecard" not in str(arguments[0]):
            return real(*arguments, **settings)  # the record itself is still written
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(getattr(experiment, module), name, fail)
    with pytest.raises(OSError, match="No space"):
        experiment.run_experiment(
            Experiment(SMALL, Origin("sample")), mnistry.load("sample"), path=tmp_path / "run"
        )
    monkeypatch.undo()
    run = Run.open(tmp_path / "run")
    assert run.status == "failed"
    # The training itself is not lost: resuming only has to finish.
    assert experiment.resume(run, mnistry.load("sample")).status == "done"
