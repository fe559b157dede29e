import json

import numpy as np
import pytest

import mnistry
from mnistry.cli import train
from mnistry.runs.directory import Run

SMALL = ("--data", "sample", "--units", 16, "--epochs", 1)


def test_a_training_reports_its_scores_and_where_the_run_is(mnistry_command, tmp_path) -> None:
    run = tmp_path / "run"
    result = mnistry_command("train", *SMALL, "-o", run)
    assert result.code == 0
    for text in (
        "test accuracy",
        "nats",
        "bits",
        "95 % interval",
        "gap",
        "seconds",
        "go on with",
        "mnistry explain",
    ):
        assert text in result.out
    assert "4,000 training images, 1,000 test images" in result.err
    assert "1 epoch of 32 steps" in result.err
    assert "mini-batch gradient descent" in result.err
    assert "epoch 1/1: loss" in result.err


def test_json_has_what_scripts_rely_on(mnistry_command, tmp_path) -> None:
    run = tmp_path / "run"
    value = json.loads(mnistry_command("train", *SMALL, "-o", run, "--json").out)
    assert value["run"] == str(run)
    assert value["data"]["name"] == "sample"
    assert (value["data"]["train"], value["data"]["test"]) == (4000, 1000)
    assert set(value["epochs"][0]) >= {"loss", "accuracy", "seconds"}
    assert set(value["seconds"]) == {"start", "compile", "fit", "evaluate"}
    assert 0.5 < value["test_accuracy"] < 1
    assert value["test_loss"] > 0
    assert value["recipe"]["name"] == "custom"  # the classic recipe has 512 units


def test_every_setting_reaches_the_run(mnistry_command, tmp_path) -> None:
    settings = (
        "--network", "dense", "--units", 8, "--depth", 2, "--optimizer", "SGD",
        "--learning-rate", 0.1, "--momentum", 0.5, "--loss", "sparse-categorical",
        "--epochs", 2, "--batch-size", 4, "--validation", 0.5, "--early-stopping", 3,
        "--seed", 7, "--activation", "tanh", "--dropout", 0.25, "--weight-decay", 0.01,
        "--schedule", "one-cycle", "--distort", 0.5,
    )  # fmt: skip
    result = mnistry_command(
        "train", "--data", "sample", *settings, "-o", tmp_path / "run", "--json"
    )
    assert "stochastic" not in result.err
    assert "2,000 set aside for validation" in result.err
    recipe = json.loads(result.out)["recipe"]
    assert recipe == {
        "name": "custom", "network": "dense", "units": 8, "depth": 2, "optimizer": "SGD",
        "activation": "tanh", "dropout": 0.25, "model": None, "model_digest": None,
        "learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.01, "warmup": 0.1,
        "loss": "sparse_categorical_crossentropy",
        "epochs": 2, "batch_size": 4, "plain_epochs": 0.0,
        "distortion": {"rotation": 5, "scale": 0.05, "shear": 0.05, "shift": 0.5, "elastic": 0.5,
                       "sigma": 4, "pen": None},
        "styled": 0, "non_digits": 0, "validation": 0.5, "early_stopping": 3,
    }  # fmt: skip


def test_fault_116_a_network_too_large_to_be_saved_is_refused_before_anything_is_written(
    mnistry_command, tmp_path
) -> None:
    large = ("--data", "sample", "--units", 8192, "--depth", 2)
    result = mnistry_command("train", *large, "-o", tmp_path / "run")
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert "too large to be saved" in result.err
    assert "epoch" not in result.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--epochs", 0), 2),
        (("--batch-size", 5000), 2),
        (("--learning-rate", -1), 2),
        (("--network", "resnet"), 2),
        (("--optimizer", "magic"), 2),
        (("--recipe", "secret"), 2),
        (("--loss", "hinge"), 2),
        (("--activation", "step"), 2),
        (("--network", "linear", "--dropout", 0.5), 2),
        (("--dropout", 1), 2),
        (("--weight-decay", -1), 2),
        (("--schedule", "stairs"), 2),
        (("--distort", -1), 2),
        (("--early-stopping", 3), 2),
        (("--callback", "csv", "--workers", 2), 2),
        (("--model", "no/such.keras"), 5),
        (("--model", "no/such.keras", "--units", 3), 2),
        (("--validation", 1.5), 2),
        (("--validation", 0.00001), 2),
        (("--seed", -1), 2),
        (("--units", 99_999_999_999), 2),
        (("--depth", 1000), 2),
        (("--optimizer", "LossScaleOptimizer"), 2),
        (("--data", "no/such.csv"), 3),
        (("--resume", "no/such/run"), 5),
    ],
    ids=str,
)
def test_fault_67_what_cannot_be_trained_leaves_nothing_behind(
    mnistry_command, tmp_path, monkeypatch, arguments, code
) -> None:
    monkeypatch.chdir(tmp_path)
    data = () if {"--data", "--resume"} & set(arguments) else ("--data", "sample")
    result = mnistry_command("train", *data, *arguments)
    assert (result.code, result.err.splitlines()[-1][:9]) == (code, "mnistry: ")
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_fault_58_a_diverged_training_exits_with_6(mnistry_command, tmp_path) -> None:
    result = mnistry_command(
        "train", *SMALL, "--optimizer", "sgd", "--learning-rate", 1e38, "-o", tmp_path / "run"
    )
    assert result.code == 6
    assert "smaller learning rate" in result.err


def test_an_existing_folder_is_not_written_to(mnistry_command, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert mnistry_command("train", *SMALL, "-o", tmp_path).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "other", [("--epochs", 9), ("--recipe", "classic"), ("--seeds", 1), ("--seed", 0)]
)
def test_resume_takes_no_other_settings(mnistry_command, finished_run, other) -> None:
    result = mnistry_command("train", "--resume", finished_run.path, *other)
    assert result.code == 2
    assert "run's own settings" in result.err


def test_a_finished_run_is_not_resumed(mnistry_command, finished_run) -> None:
    assert mnistry_command("train", "--resume", finished_run.path).code == 2


def test_several_seeds_make_a_run_each_with_mean_and_spread(mnistry_command, tmp_path) -> None:
    arguments = ("train", *SMALL, "--seed", 3, "--seeds", 2, "-o", tmp_path / "run")
    result = mnistry_command(*arguments)
    assert result.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run-s3", "run-s4"}
    assert "from seed to seed" in result.out


def test_several_seeds_begin_only_where_every_place_is_free(mnistry_command, tmp_path) -> None:
    (tmp_path / "run-s1").write_text("mine")
    arguments = ("train", *SMALL, "--seeds", 2, "-o", tmp_path / "run")
    result = mnistry_command(*arguments)
    assert result.code == 2
    assert "run-s1" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["run-s1"]


@pytest.mark.slow
def test_several_seeds_as_json_are_one_object(mnistry_command, tmp_path) -> None:
    arguments = ("train", *SMALL, "--seeds", 2, "-o", tmp_path / "run", "--json")
    value = json.loads(mnistry_command(*arguments).out)
    accuracies = [run["test_accuracy"] for run in value["runs"]]
    assert value["test_accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert accuracies[0] != accuracies[1]


@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.slow
def test_workers_leave_a_run_like_any_other(mnistry_command, tmp_path) -> None:
    run = tmp_path / "run"
    result = mnistry_command("train", *SMALL, "--workers", 2, "-o", run)
    assert result.code == 0
    assert "test accuracy" in result.out
    assert "epoch 1/1: loss" in result.err
    alone = tmp_path / "alone"
    mnistry_command("train", *SMALL, "-o", alone)
    losses = [Run.open(path).epochs()[0].loss for path in (run, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    again = mnistry_command("train", *SMALL, "--workers", 2, "-o", run)
    assert again.code == 2
    assert "exists already" in again.err


def test_a_cluster_that_is_not_there_is_refused(mnistry_command, tmp_path) -> None:
    cluster = ("--workers", 2, "--ray", "127.0.0.1:9")
    result = mnistry_command("train", *SMALL, *cluster, "-o", tmp_path / "run")
    assert (result.code, result.out) == (7, "")
    assert "127.0.0.1:9: no Ray cluster" in result.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ray", "local"), "--ray without --workers"),
        (("--ray", "", "--workers", 2), "expected local, auto, or HOST:PORT"),
        (("--ray", "ray://127.0.0.1:10001", "--workers", 2), "expected local, auto, or HOST:PORT"),
    ],
)
def test_cluster_options_that_make_no_sense_are_refused(mnistry_command, options, said) -> None:
    result = mnistry_command("train", *SMALL, *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_a_loss_is_found_by_its_short_name_and_a_wrong_one_names_the_choices(
    mnistry_command, tmp_path
) -> None:
    run = tmp_path / "run"
    value = json.loads(mnistry_command("train", *SMALL, "--loss", "mse", "-o", run, "--json").out)
    assert value["recipe"]["loss"] == "mean_squared_error"
    assert value["test_accuracy"] > 0.3
    assert value["epochs"][0]["loss"] < 0.09  # 0.09 is the error of ten equal probabilities
    assert "the mean of the squares" in mnistry_command("explain", run).out
    result = mnistry_command("train", *SMALL, "--loss", "hinge")
    assert (
        "no loss is called 'hinge'; expected one of categorical, sparse-categorical," in result.err
    )


def test_early_stopping_needs_images_to_judge_by(mnistry_command, tmp_path) -> None:
    stopping = ("train", *SMALL, "--early-stopping", 2, "-o", tmp_path / "run")
    result = mnistry_command(*stopping)
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert "--validation 0.1" in result.err
    told = mnistry_command(*stopping, "--validation", 0.1, "--epochs", 12, "--learning-rate", 0.1)
    losses = [epoch.val_loss for epoch in Run.open(tmp_path / "run").epochs()]
    best = 1 + losses.index(min(losses))
    assert best <= len(losses) - 2 < 10
    assert f"after {len(losses)} of 12 epochs; the weights are those of epoch {best}," in told.out


def test_few_images_are_trained_on_in_smaller_batches_and_that_is_said(
    mnistry_command, tmp_path
) -> None:
    (images, labels), (others, their) = mnistry.load("sample")
    np.savez(tmp_path / "few.npz", x_train=images[:200], y_train=labels[:200],
             x_test=others[:50], y_test=their[:50])  # fmt: skip
    few = ("train", "--data", tmp_path / "few.npz", "--units", 16, "--epochs", 2)
    result = mnistry_command(*few, "-o", tmp_path / "run", "--json")
    assert "200 training images: batches of 8 instead of 128" in result.err
    assert json.loads(result.out)["recipe"]["batch_size"] == 8
    chosen = mnistry_command(*few, "--batch-size", 100, "-o", tmp_path / "chosen", "--json")
    assert "batches of" not in chosen.err
    assert json.loads(chosen.out)["recipe"]["batch_size"] == 100


def test_a_training_that_learned_nothing_ends_with_what_to_try(mnistry_command, tmp_path) -> None:
    spoilt = ("--optimizer", "sgd", "--learning-rate", 1e-9)
    result = mnistry_command("train", *SMALL, *spoilt, "-o", tmp_path / "spoilt")
    assert result.code == 0
    told = result.err
    assert "This network learned nothing" in told
    assert "--optimizer sgd --learning-rate 0.01 --data sample" in told
    assert "mnistry show --random 10 --data sample" in told
    # The batches are small enough; only more of them are worth a try.
    assert "  mnistry train --epochs 10 --data sample" in told
    assert "learned nothing" not in mnistry_command("train", *SMALL, "-o", tmp_path / "good").err


def test_no_better_than_the_commonest_class_is_nothing_learned(mnistry_command, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 28, 28)).astype(np.uint8)
    labels = (np.arange(400) % 10 == 0).astype(int)  # nine in ten are of class 0
    np.savez(tmp_path / "noise.npz", x_train=images, y_train=labels)
    noise = ("train", "--data", tmp_path / "noise.npz", "--network", "linear", "--optimizer", "sgd")
    result = mnistry_command(*noise, "--learning-rate", 1e-6, "-o", tmp_path / "run")
    assert "always answering 0 is right for 90.00 %" in result.err


def test_a_network_of_ones_own_is_trained_further(mnistry_command, tmp_path) -> None:
    import keras

    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"), keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(), keras.layers.Dense(24, "tanh"),
            keras.layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    model.save(tmp_path / "mine.keras")
    own = ("train", "--data", "sample", "--epochs", 1, "--model", tmp_path / "mine.keras")
    value = json.loads(mnistry_command(*own, "-o", tmp_path / "run", "--json").out)
    assert value["recipe"]["model"] == str(tmp_path / "mine.keras")
    assert value["test_accuracy"] > 0.5
    trained = Run.open(tmp_path / "run").model()
    assert trained.layers[-2].units == 24
    assert "backpropagation" in mnistry_command("explain", tmp_path / "run").out
    keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(
        tmp_path / "other.keras"
    )
    refused = mnistry_command("train", *SMALL[:2], "--model", tmp_path / "other.keras", "-o", "x")
    assert refused.code == 5
    assert "(None, 28, 28)" in refused.err


def test_keras_loggers_write_into_the_run(mnistry_command, tmp_path, monkeypatch) -> None:
    run = tmp_path / "run"
    assert mnistry_command("train", *SMALL, "--callback", "csv", "-o", run).code == 0
    assert (run / "log.csv").read_text().startswith("epoch,accuracy,loss")
    assert len((run / "log.csv").read_text().splitlines()) == 2
    refused = mnistry_command("train", *SMALL, "--callback", "tensorboard", "-o", tmp_path / "b")
    assert refused.code == 2
    assert "pip install tensorflow" in refused.err


def test_the_announced_steps_count_the_images_that_the_recipe_adds(capsys) -> None:
    recipe = mnistry.Recipe(epochs=2, batch_size=100, styled=300, non_digits=200)
    train._announce(recipe, mnistry.load("sample"))
    assert "2 epochs of 45 steps" in capsys.readouterr().err  # 4,000 images and 500 more
