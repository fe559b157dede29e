"""Several networks trained in one program."""

import math

import keras
import numpy as np
import pytest

import mnistry
from mnistry.datasets.dataset import Split
from mnistry.datasets.splits import Parts
from mnistry.training import checkpoints, fit, together

SETTINGS = fit.Settings(epochs=3, batch_size=64, distortion=None, plain_epochs=0, seed=0)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """300 real images, four batches of 64 and 44, and 50 to validate on."""
    (images, labels), _ = mnistry.load("sample")
    return Parts(Split(images[:300], labels[:300]), Split(images[300:350], labels[300:350]))


def training(seed: int, *, rate: float = 0.001, units: int = 16, **settings) -> together.Training:
    model = mnistry.build("dense", units=units, seed=seed)
    fit.compile_model(model, keras.optimizers.RMSprop(rate), "categorical_crossentropy")
    return together.Training(model, seed, **settings)


@pytest.mark.parametrize("units", [16, 512], ids=["models divided", "units divided"])
def test_each_training_is_as_if_it_were_alone(parts: Parts, units: int) -> None:
    several = [
        training(seed, rate=rate, units=units)
        for seed, rate in ((3, 0.001), (4, 0.002), (5, 0.0005))
    ]
    histories = together.train(several, parts, SETTINGS)
    for one, history in zip(several, histories, strict=True):
        alone = training(one.seed, rate=float(one.model.optimizer.learning_rate), units=units).model
        expected = fit.train_parts(alone, parts, fit.Settings(3, 64, None, 0, one.seed))
        for ours, theirs in zip(one.model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        for a, b in zip(history.epochs, expected.epochs, strict=True):
            assert a.loss == pytest.approx(b.loss, rel=1e-3)
            assert (a.accuracy, a.val_accuracy) == pytest.approx(
                (b.accuracy, b.val_accuracy), abs=0.021
            )  # one of the 50 images to validate on may be answered otherwise
            assert a.val_loss == pytest.approx(b.val_loss, rel=1e-3)


def test_the_same_seeds_give_the_same_weights_again(parts: Parts) -> None:
    runs = [[training(seed) for seed in (0, 1)] for _ in range(2)]
    for several in runs:
        together.train(several, parts, SETTINGS)
    for first, again in zip(*runs, strict=True):
        for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_one_that_diverges_keeps_its_last_good_weights_and_the_others_go_on(parts: Parts) -> None:
    class Poison(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(math.inf)

    several = [training(0, callbacks=[Poison()]), training(1)]
    together.train(several, parts, SETTINGS)
    bad, good = several
    assert "epoch 2" in str(bad.error)
    assert (len(bad.epochs), len(good.epochs)) == (1, 3)
    assert all(np.isfinite(weights).all() for weights in bad.model.get_weights())
    assert good.error is None


def test_one_that_stops_early_keeps_its_weights_from_then(parts: Parts) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True
            self.kept = self.model.get_weights()

    stop = Stop()
    several = [training(0, callbacks=[stop]), training(1)]
    together.train(several, parts, SETTINGS)
    assert [len(one.epochs) for one in several] == [1, 3]
    for kept, now in zip(stop.kept, several[0].model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_an_interrupted_training_is_saved_and_can_be_resumed_alone(parts: Parts, tmp_path) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    several = [training(0, checkpoint_folder=tmp_path), training(1, callbacks=[Interrupt()])]
    with pytest.raises(KeyboardInterrupt):
        together.train(several, parts, SETTINGS)
    saved, damaged = checkpoints.newest(tmp_path)
    assert saved is not None
    assert (len(saved.epochs), damaged) == (1, [])
    alone = training(0).model
    history = fit.train_parts(alone, parts, SETTINGS, checkpoint_folder=tmp_path)
    assert [epoch.loss for epoch in history.epochs[:1]] == [several[0].epochs[0].loss]
    assert len(history.epochs) == 3


def test_a_stopped_training_has_a_checkpoint_after_its_last_epoch(parts: Parts, tmp_path) -> None:
    several = [training(0, checkpoint_folder=tmp_path), training(1)]

    def after_epoch(number: int) -> None:
        if number == 2:
            several[0].stop()

    together.train(several, parts, SETTINGS, after_epoch=after_epoch)
    saved, _ = checkpoints.newest(tmp_path)
    assert [len(one.epochs) for one in several] == [2, 3]
    assert saved is not None
    assert (len(saved.epochs), saved.step, saved.stopped) == (2, 0, False)
