"""What a program does wrong is told in one line, before anything is computed."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import mnistry
from mnistry.errors import DataError, MnistryError, ModelError, UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
LABELS = np.arange(200) % 10
STOP = keras.callbacks.EarlyStopping


@pytest.fixture(scope="module")
def linear() -> keras.Model:
    return mnistry.build("linear")


def told(call, kind: type[MnistryError], *said: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    for text in said:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"callbacks": [print]}, "LambdaCallback(on_epoch_end=function)"),
        ({"callbacks": ["csv"]}, "a callback of type str"),
        ({"callbacks": [STOP]}, "make one: EarlyStopping()"),
        ({"callbacks": STOP()}, "callbacks=[callback]"),
        ({"callbacks": None}, "a list of Keras callbacks"),
        ({"callbacks": [STOP("val_loss")]}, 'validation=0.1, or EarlyStopping(monitor="loss")'),
        ({"on_progress": 3}, "mnistry.ProgressBar()"),
        ({"epochs": "5"}, "epochs '5'; expected a whole number"),
        ({"batch_size": 32.5}, "batch size 32.5"),
        ({"seed": None}, "seed None"),
        ({"batch_size": 300}, "with a batch size of 12 an epoch"),
        ({"loss": "crossentropy"}, "loss 'crossentropy'; expected one of categorical_crossentropy"),
        (
            {"optimizer": "adamm"},
            "optimizer 'adamm'; expected a Keras optimizer or its name: rmsprop",
        ),
    ],
)
def test_wrong_settings_are_told_before_the_first_step(linear, settings, said) -> None:
    before = linear.get_weights()
    arguments = {"epochs": 1, "batch_size": 20} | settings
    told(lambda: mnistry.train(linear, IMAGES, LABELS, **arguments), UsageError, said)
    for old, new in zip(before, linear.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_callback_that_watches_validation_is_welcome_where_there_is_some(linear) -> None:
    best = keras.callbacks.ModelCheckpoint("never.keras", save_best_only=True)
    told(lambda: mnistry.train(linear, IMAGES, LABELS, callbacks=[best]), UsageError, "val_loss")
    done = mnistry.train(mnistry.build("linear"), IMAGES, LABELS, epochs=1, batch_size=10,
                         validation=0.25, callbacks=[STOP("val_loss")])  # fmt: skip
    assert done.epochs[0].val_loss is not None


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (IMAGES[0], LABELS[0], "a single image, of shape (28, 28)"),
        (IMAGES[0].ravel(), [1], "a single image, of shape (784,)"),
        ([IMAGES[0], IMAGES[1][:20]], [1, 2], "images of different shapes"),
        (IMAGES[:3], ["a", "b", "c"], "list of <U1"),
        (pd.DataFrame(np.zeros((4, 785))), [1, 2, 3, 4], 'table.drop(columns="label")'),
        (mnistry.Split(IMAGES, LABELS.astype(np.uint8)), None, "mnistry.load("),
        (IMAGES, None, "NoneType of object"),
        (IMAGES / 255, LABELS, "divided by 255 already"),
    ],
    ids=range(8),
)
def test_wrong_data_is_told_by_training_and_scoring_alike(linear, images, labels, said) -> None:
    told(lambda: mnistry.train(linear, images, labels), DataError, said)
    told(lambda: mnistry.evaluate(linear, images, labels), DataError, said)


def test_lists_and_tables_of_pandas_are_arrays_too(linear) -> None:
    expected = mnistry.evaluate(linear, IMAGES, LABELS)
    table, column = pd.DataFrame(IMAGES.reshape(200, 784)), pd.Series(LABELS)
    assert mnistry.evaluate(linear, table, column) == expected
    assert mnistry.evaluate(linear, IMAGES.tolist(), LABELS.tolist()) == expected
    assert mnistry.evaluate(linear, list(IMAGES), list(LABELS)) == expected


@pytest.mark.parametrize("call", [mnistry.train, mnistry.evaluate])
def test_what_is_no_model_is_told(call) -> None:
    told(lambda: call("dense", IMAGES, LABELS), UsageError, "of type str", "mnistry.build")
    unbuilt = keras.Sequential([layers.Flatten(), layers.Dense(10, "softmax")])
    told(lambda: call(unbuilt, IMAGES, LABELS), UsageError, "keras.Input((28, 28))")
    logits = keras.Sequential(
        [keras.Input((28, 28)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)]
    )
    told(lambda: call(logits, IMAGES, LABELS), ModelError, "keras.layers.Softmax()")
