import keras
import numpy as np
import pytest

import mnistry
from mnistry.training.callbacks import wants_batches


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    (images, labels), _ = mnistry.load("sample")
    return images[:300], labels[:300]


class Witness(keras.callbacks.Callback):
    """Notes the hooks of training, epochs and validation, with the names of their metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[object, ...]] = []

    def _note(self, hook: str, *what: object, logs: dict[str, object] | None) -> None:
        self.seen.append((hook, *what, *sorted(logs or {})))

    def on_train_begin(self, logs=None):
        self._note("train begins", logs=logs)

    def on_train_end(self, logs=None):
        self._note("train ends", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch begins", epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch ends", epoch, logs=logs)

    def on_test_begin(self, logs=None):
        self._note("test begins", logs=logs)

    def on_test_end(self, logs=None):
        self._note("test ends", logs=logs)


class EveryBatch(keras.callbacks.Callback):
    """Makes a training run in ``model.fit``."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def test_callbacks_are_called_as_fit_calls_them(digits) -> None:
    witnesses = Witness(), Witness()
    for witness, others in zip(witnesses, ([], [EveryBatch()]), strict=True):
        model = mnistry.build("linear")
        mnistry.train(model, *digits, epochs=2, validation=0.2, callbacks=[witness, *others])
    compiled, fitted = (witness.seen for witness in witnesses)
    assert compiled == fitted
    assert ("test ends", "accuracy", "loss") in compiled


def test_a_metric_of_many_numbers_reaches_the_callbacks(digits) -> None:
    seen = []
    model = mnistry.build("linear")
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", keras.metrics.F1Score()])
    noting = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: seen.append(logs))
    mnistry.train(model, *digits, epochs=1, callbacks=[noting])
    assert np.asarray(seen[0]["f1_score"]).shape == (10,)


@pytest.mark.parametrize(
    ("callback", "wants"),
    [
        (keras.callbacks.EarlyStopping(), False),
        (keras.callbacks.ModelCheckpoint("x.keras"), False),
        (keras.callbacks.ModelCheckpoint("x.keras", save_freq=10), True),
        (keras.callbacks.ReduceLROnPlateau(), False),
        (keras.callbacks.TerminateOnNaN(), True),
        (EveryBatch(), True),
        (Witness(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_wants_batches(callback: keras.callbacks.Callback, wants: bool) -> None:
    assert wants_batches(callback) == wants


def test_a_model_checkpoint_with_a_batch_hook_of_its_own_gets_batches() -> None:
    class Own(keras.callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert wants_batches(Own("x.keras"))
