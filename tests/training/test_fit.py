import logging
import math
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import mnistry
from mnistry.augmentation.distort import Distortion, distort
from mnistry.augmentation.extra import ExtraImages
from mnistry.errors import DataError, DivergedError, Notice, ResourceError, UsageError
from mnistry.training import batches, callbacks, checkpoints, fit, processes
from mnistry.training.history import Epoch, Progress


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,000 real images, which is not a multiple of 128."""
    (images, labels), _ = mnistry.load("sample")
    return images[:1000], labels[:1000]


def same(a: keras.Model, b: keras.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def trained(digits, seed: int = 0, **settings) -> tuple[keras.Model, mnistry.History]:
    model = mnistry.build("dense", units=32, seed=seed)
    return model, mnistry.train(model, *digits, **{"epochs": 2, "seed": seed} | settings)


def test_the_engine_and_fit_train_the_same(digits, caplog: pytest.LogCaptureFixture) -> None:
    batches = []
    watching = keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: batches.append(n))
    compiled, figures = trained(digits, validation=0.2)
    with caplog.at_level(logging.INFO):
        fitted, fit_figures = trained(digits, validation=0.2, callbacks=[watching])
    assert "LambdaCallback overrides a hook for every batch" in caplog.text
    assert batches == [*range(7), *range(7)]
    for a, b in zip(compiled.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for ours, keras_s in zip(figures.epochs, fit_figures.epochs, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert getattr(ours, name) == pytest.approx(getattr(keras_s, name), rel=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(digits) -> None:
    first, again, other = (trained(digits, seed)[0] for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


def test_extra_images_are_trained_on_with_targets_of_their_own(digits) -> None:
    grey = ExtraImages(np.full((300, 28, 28), 200, np.uint8), np.full((300, 10), 0.1, np.float32))
    plain, plain_figures = trained(digits)
    honest, figures = trained(digits, extra=grey)
    assert (plain_figures.steps, figures.steps) == (8, 11)
    sure, unsure = (model.predict(grey.images[:1], verbose=0).max() for model in (plain, honest))
    assert unsure < 0.2 < sure


def test_extra_images_are_not_set_aside(digits) -> None:
    nines = ExtraImages(digits[0][:100], np.eye(10, dtype=np.float32)[[9] * 100])
    with_nines = trained(digits, extra=nines, validation=0.5)[1]
    without = trained(digits, validation=0.5)[1]
    assert (with_nines.steps, without.steps) == (5, 4)


def test_extra_images_and_a_sparse_loss_are_refused(digits) -> None:
    grey = ExtraImages(np.zeros((1, 28, 28), np.uint8), np.full((1, 10), 0.1, np.float32))
    with pytest.raises(UsageError, match="sparse"):
        trained(digits, extra=grey, loss="sparse_categorical_crossentropy")


def test_each_image_is_used_once_an_epoch_in_another_order() -> None:
    orders = [batches.epoch_order(1000, 0, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(1000)) for order in orders)
    assert not np.array_equal(*orders)


def test_the_last_partial_batch_is_trained_too() -> None:
    # With plain gradient descent, one epoch over 3 images in batches of 2 makes two steps.
    images = np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8)
    labels = np.array([0, 1, 2])
    model = mnistry.build("linear")
    start = model.get_weights()
    order = batches.epoch_order(3, 0, 0)
    kernel, bias = (w.astype(np.float64) for w in start)
    for rows in (order[:2], order[2:]):
        x = images[rows].reshape(-1, 784) / 255
        logits = x @ kernel + bias
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        error = (p - np.eye(10)[labels[rows]]) / len(rows)
        kernel, bias = kernel - 0.1 * x.T @ error, bias - 0.1 * error.sum(axis=0)
    mnistry.train(
        model, images, labels, optimizer=keras.optimizers.SGD(0.1), epochs=1, batch_size=2
    )
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias, atol=1e-6)


def test_sparse_labels_give_the_same_numbers_as_one_hot_rows(digits) -> None:
    one_hot, figures = trained(digits)
    sparse, sparse_figures = trained(digits, loss="sparse_categorical_crossentropy")
    for a, b in zip(one_hot.get_weights(), sparse.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert figures.epochs[-1].loss == pytest.approx(sparse_figures.epochs[-1].loss, rel=1e-5)


def test_binary_crossentropy_learns(digits) -> None:
    _, figures = trained(digits, loss="binary_crossentropy")
    assert figures.epochs[-1].loss < figures.epochs[0].loss
    assert figures.epochs[-1].accuracy > 0.6


def test_a_compiled_model_keeps_its_own_optimizer(digits) -> None:
    model = mnistry.build("linear")
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy", metrics=["accuracy"])
    mnistry.train(model, *digits, epochs=1)
    assert isinstance(model.optimizer, keras.optimizers.SGD)


def test_callbacks_see_and_change_what_they_would_in_fit(digits) -> None:
    seen = []

    class Meddler(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(self.model.get_weights()[0].copy())
            self.model.optimizer.learning_rate.assign(0.0 if epoch == 1 else 0.001)

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights()[0].copy())
            if epoch == 1:
                self.model.stop_training = True

    _, figures = trained(digits, epochs=5, callbacks=[Meddler()])
    assert len(figures.epochs) == 2
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[2], seen[3])  # a learning rate of 0 changes nothing


def test_early_stopping_stops_and_gives_back_the_best(digits) -> None:
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    settings = {"optimizer": keras.optimizers.SGD(3.0), "validation": 0.2}
    model, figures = trained(digits, epochs=30, callbacks=[stopping], **settings)
    losses = [epoch.val_loss for epoch in figures.epochs]
    best = losses.index(min(losses))
    assert len(losses) == best + 2 < 30  # one epoch that was no better
    settings["optimizer"] = keras.optimizers.SGD(3.0)
    assert same(model, trained(digits, epochs=best + 1, **settings)[0])


def test_averaged_weights_take_the_place_of_the_last(digits) -> None:
    def weights(*callbacks: keras.callbacks.Callback) -> list[np.ndarray]:
        optimizer = keras.optimizers.Adam(use_ema=True, ema_momentum=0.9)
        return trained(digits, optimizer=optimizer, callbacks=callbacks)[0].get_weights()

    watching = keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: None)
    for a, b in zip(weights(), weights(watching), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_progress_goes_forward_and_ends_with_each_epochs_last_step(digits) -> None:
    seen: list[Progress] = []
    trained(digits, on_progress=seen.append)
    assert [p.epoch for p in seen if p.finished] == [1, 2]
    assert all(p.step == p.steps == 8 for p in seen if p.finished)
    for epoch in (1, 2):
        steps = [p.step for p in seen if p.epoch == epoch]
        assert steps == sorted(set(steps))
    assert isinstance(seen[-1].finished, Epoch)


@pytest.mark.parametrize("watching", [False, True], ids=["engine", "fit"])
def test_fault_58_a_loss_that_is_no_number_stops_with_the_last_good_weights(
    digits, watching: bool
) -> None:
    # An infinite learning rate makes the second epoch's loss NaN.
    class Poison(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(math.inf)

    callbacks = [Poison()]
    if watching:
        callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: None))
    model = mnistry.build("linear")
    with pytest.raises(DivergedError, match=r"epoch 2.*smaller learning rate"):
        mnistry.train(model, *digits, epochs=3, callbacks=callbacks)
    clean = mnistry.build("linear")
    mnistry.train(clean, *digits, epochs=1)
    for a, b in zip(model.get_weights(), clean.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_fault_58_a_model_of_nans_is_not_saved_as_the_best(digits, tmp_path: Path) -> None:
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(math.inf)

    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="loss", save_best_only=True
    )
    with pytest.raises(DivergedError):
        trained(digits, callbacks=[Poison(), best])
    assert not (tmp_path / "best.keras").exists()


@pytest.mark.parametrize(("epochs", "batch_size"), [(0, 128), (1, 0), (1, 1001)])
def test_fault_67_impossible_settings_are_refused(digits, epochs: int, batch_size: int) -> None:
    with pytest.raises(UsageError):
        mnistry.train(mnistry.build("linear"), *digits, epochs=epochs, batch_size=batch_size)


def test_an_optimizer_for_a_compiled_model_is_not_ignored_silently(digits) -> None:
    model = mnistry.build("linear")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    with pytest.warns(Notice, match="compiled already.*keeps its optimizer"):
        mnistry.train(model, *digits, epochs=1, optimizer="sgd")
    assert isinstance(model.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize(
    ("count", "remedy"),
    [
        (100, "for 100 training images; expected .*; with a batch size of 6 an epoch has 17 steps"),
        (1, "for 1 training image; expected .*; with a batch size of 1 an epoch has 1 step$"),
    ],
)
def test_a_batch_larger_than_the_data_is_refused_with_one_that_fits(
    digits, count: int, remedy: str
) -> None:
    with pytest.raises(UsageError, match=remedy):
        mnistry.train(mnistry.build("linear"), *(part[:count] for part in digits))


def test_images_divided_already_are_refused_with_the_remedy(digits) -> None:
    with pytest.raises(DataError, match="the network divides by 255 itself"):
        mnistry.train(mnistry.build("linear"), digits[0] / 255, digits[1])


def test_labels_out_of_range_are_refused(digits) -> None:
    # On JAX they would give a loss of 0 and no error.
    with pytest.raises(DataError, match="10 is not a label"):
        mnistry.train(mnistry.build("linear"), digits[0], digits[1] + 1)


def test_distorted_images_take_the_place_of_the_given_ones_anew_in_each_epoch(digits) -> None:
    images, labels = digits
    distortion = Distortion()
    model, _ = trained(digits, distortion=distortion, optimizer="sgd")
    by_hand = mnistry.build("dense", units=32, seed=0)
    by_hand.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(2):
        seen = distort(images, distortion, seed=(0, epoch))
        order = batches.epoch_order(1000, 0, epoch)
        by_hand.fit(seen[order], np.eye(10)[labels[order]], 128, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert not same(model, trained(digits, optimizer="sgd")[0])


def test_the_last_epochs_take_the_images_as_they_are(digits) -> None:
    images, labels = digits
    model, _ = trained(digits, distortion=Distortion(), plain_epochs=1, optimizer="sgd")
    by_hand = mnistry.build("dense", units=32, seed=0)
    by_hand.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    for epoch, seen in enumerate((distort(images, Distortion(), seed=(0, 0)), images)):
        order = batches.epoch_order(1000, 0, epoch)
        by_hand.fit(seen[order], np.eye(10)[labels[order]], 128, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_engine_and_fit_distort_the_same(digits) -> None:
    watching = keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: None)
    models = [
        trained(digits, distortion=Distortion(), callbacks=callbacks)[0]
        for callbacks in ([], [watching])
    ]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_no_thread_of_the_distortion_outlives_the_training(digits) -> None:
    class Cut(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(digits, distortion=Distortion(), callbacks=[Cut()])
    assert not [thread for thread in threading.enumerate() if "distortion" in thread.name]


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(name="mine"),
        keras.losses.CategoricalCrossentropy(name="sparsely named"),
    ],
    ids=["function", "object", "not sparse"],
)
def test_a_models_own_loss_gets_the_targets_that_it_takes(digits, loss) -> None:
    model = mnistry.build("linear", seed=0)
    model.compile("rmsprop", loss, metrics=["accuracy"])
    mnistry.train(model, *digits, epochs=1)
    usual = mnistry.build("linear", seed=0)
    mnistry.train(usual, *digits, epochs=1)
    for a, b in zip(model.get_weights(), usual.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "setting",
    [
        {"plain_epochs": 3}, {"plain_epochs": -1}, {"seed": -1}, {"epochs": 1.5},
        {"loss": "categorical"}, {"optimizer": "magic"},
    ],
    ids=str,
)  # fmt: skip
def test_fault_67_what_makes_no_sense_is_refused(digits, setting: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        mnistry.train(mnistry.build("linear"), *digits, **{"epochs": 2} | setting)


def test_a_model_without_an_input_is_refused_with_the_remedy(digits) -> None:
    with pytest.raises(UsageError, match=r"keras\.Input"):
        mnistry.train(keras.Sequential([keras.layers.Dense(10)]), *digits)


class Killed(BaseException):
    """Stands for a kill: the training does not catch it, and so saves nothing."""


def cut_off(how: str) -> dict[str, object]:
    """Settings with which a training ends in its fourth epoch."""

    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    def cut(progress: Progress) -> None:
        if progress.epoch == 4 and progress.step > 20 and not progress.finished:
            raise KeyboardInterrupt if how == "within" else Killed

    return {"callbacks": [Cut()]} if how == "between" else {"on_progress": cut}


@pytest.mark.parametrize(
    ("how", "stopping", "plain_epochs"),
    [
        ("between", False, 0),
        ("between", True, 4),
        ("within", False, 2),
        ("within", True, 0),
        ("killed within", False, 4),
        ("killed within", True, 2),
    ],
)
def test_fault_60_a_training_cut_off_goes_on_to_the_same_weights(
    digits, tmp_path: Path, how: str, stopping: bool, plain_epochs: int, monkeypatch
) -> None:
    monkeypatch.setattr("mnistry.training.callbacks._INTERVAL", 0.0)
    monkeypatch.setattr(fit, "SECONDS_A_PIECE", 0.0)

    def callbacks() -> list[keras.callbacks.Callback]:
        if not stopping:
            return []
        return [
            keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_lr=1e-5),
        ]

    settings = {
        "optimizer": "adam",
        "epochs": 6,
        "batch_size": 32,
        "distortion": Distortion(),
        "plain_epochs": plain_epochs,
    }
    whole, figures = trained(digits, callbacks=callbacks(), **settings)

    cut = cut_off(how)
    others = [*callbacks(), *cut.pop("callbacks", [])]
    with pytest.raises((KeyboardInterrupt, Killed)):
        trained(digits, callbacks=others, checkpoint_folder=tmp_path, **cut, **settings)
    state, _ = checkpoints.newest(tmp_path)
    assert state is not None
    assert len(state.epochs) == 3
    # Within an epoch a step is reported before it is saved: a kill in the report loses that step.
    assert state.step == {"between": 0, "within": 21, "killed within": 20}[how]
    resumed, rest = trained(digits, callbacks=callbacks(), checkpoint_folder=tmp_path, **settings)
    assert same(whole, resumed)
    for a, b in zip(figures.epochs, rest.epochs, strict=True):
        assert (a.loss, a.accuracy) == (b.loss, b.accuracy)


def test_fit_goes_on_from_the_start_of_an_epoch_and_says_so(
    digits, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "SECONDS_A_PIECE", 0.0)
    settings = {"epochs": 6, "batch_size": 32}
    whole, _ = trained(digits, **settings)
    with pytest.raises(KeyboardInterrupt):
        trained(digits, checkpoint_folder=tmp_path, **cut_off("within"), **settings)
    watching = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    resumed, _ = trained(digits, checkpoint_folder=tmp_path, callbacks=[watching], **settings)
    assert "model.fit resumes at the start of epoch" in caplog.text
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_short_training_is_not_slowed_by_saving(digits, tmp_path: Path, monkeypatch) -> None:
    def slow(folder: Path, checkpoint: object) -> None:
        saved.append(checkpoint)
        time.sleep(0.2)

    saved: list[object] = []
    monkeypatch.setattr(checkpoints, "save", slow)
    trained(digits, epochs=4, checkpoint_folder=tmp_path)
    assert len(saved) == 2  # at the start and at the end


def test_an_interrupt_in_a_hook_after_the_last_step_keeps_nothing_half_done(
    digits, tmp_path: Path
) -> None:
    class Cut(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(digits, callbacks=[Cut()], checkpoint_folder=tmp_path, epochs=3)
    state, _ = checkpoints.newest(tmp_path)
    assert state is not None
    assert state.step == 0
    assert len(state.epochs) <= 1


def test_an_epoch_is_kept_when_its_report_is_interrupted(
    digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "_SAVING_SHARE", 1e-9)  # no checkpoint is due by itself

    def stop(progress) -> None:
        if progress.finished and progress.epoch == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        trained(digits, checkpoint_folder=tmp_path, epochs=3, on_progress=stop)
    state, _ = checkpoints.newest(tmp_path)
    assert state is not None
    assert (len(state.epochs), state.step) == (2, 0)
    whole, _ = trained(digits, epochs=3)
    resumed, _ = trained(digits, checkpoint_folder=tmp_path, epochs=3)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_of_several_processes_that_would_begin_elsewhere_is_refused(
    digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "broadcast", lambda _: np.array([3, 20]))  # what process 0 sends
    with pytest.raises(ResourceError, match="after 0 epochs and 0 steps; expected 3 and 20"):
        mnistry.train(mnistry.build("linear"), *digits, epochs=4)


def test_several_processes_do_not_train_in_fit(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    every_batch = keras.callbacks.LambdaCallback(on_train_batch_end=print)
    with pytest.raises(
        UsageError, match="overrides a hook for every batch; expected a training in a single"
    ):
        mnistry.train(mnistry.build("linear"), *digits, callbacks=[every_batch])


def test_only_the_first_of_several_processes_writes(
    digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_main in (False, True):
        monkeypatch.setattr(processes, "is_main_process", lambda is_main=is_main: is_main)
        mnistry.train(mnistry.build("linear"), *digits, epochs=1, checkpoint_folder=tmp_path / "c")
        assert (tmp_path / "c").exists() == is_main
