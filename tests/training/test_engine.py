import jax
import keras
import numpy as np
import pytest

import mnistry
from mnistry.concepts import one_hot
from mnistry.training.engine import Engine

ORDER = np.random.default_rng(0).permutation(300).astype(np.int32)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """300 real images: four batches of 64, and 44."""
    (images, labels), _ = mnistry.load("sample")
    return images[:300], one_hot(labels[:300])


def engine(digits) -> tuple[Engine, keras.Model]:
    model = mnistry.build("linear")
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    made = Engine([model], *digits, batch_size=64)
    made.compile()
    return made, model


def weights_after(digits, *stops: int) -> tuple[np.ndarray, dict[str, float]]:
    made, model = engine(digits)
    for stop in stops:
        (logs,) = made.run([ORDER], stop)
    made.store_state()
    return model.get_weights()[0], logs


def test_an_epoch_in_pieces_is_the_same_as_in_one(digits) -> None:
    assert engine(digits)[0].steps == 5
    whole, logs = weights_after(digits, 5)
    pieces, same_logs = weights_after(digits, 1, 4, 5)
    np.testing.assert_array_equal(whole, pieces)
    assert logs == same_logs  # running means since the epoch began


def test_every_image_counts_in_the_metrics_those_of_the_last_batch_too(digits) -> None:
    # With weights of zero every class has a probability of 1/10, whatever the image.
    made, model = engine(digits)
    model.optimizer.learning_rate.assign(0.0)
    model.set_weights([np.zeros((784, 10)), np.zeros(10)])
    made.load_state()
    (logs,) = made.run([ORDER], 5)
    assert logs["loss"] == pytest.approx(np.log(10), rel=1e-6)
    assert logs["accuracy"] == pytest.approx(digits[1][:, 0].mean())  # the first of equals: 0


def test_other_images_take_the_place_of_the_first(digits) -> None:
    images, targets = digits
    other, model = engine((np.zeros_like(images), targets))
    other.set_images(images)
    other.run([ORDER], 5)
    other.store_state()
    np.testing.assert_array_equal(model.get_weights()[0], weights_after(digits, 5)[0])


def test_storing_the_state_puts_it_back_into_the_model(digits) -> None:
    made, model = engine(digits)
    before = model.get_weights()[0].copy()
    made.run([ORDER], 5)
    made.store_state()
    after = model.get_weights()[0]
    assert not np.array_equal(before, after)
    assert int(model.optimizer.iterations.numpy()) == 5


def test_an_epoch_begins_at_the_step_that_is_given(digits) -> None:
    made, model = engine(digits)
    made.begin_epoch(first_step=3)
    made.run([ORDER], 5)
    made.store_state()
    assert made.step == 5
    assert int(model.optimizer.iterations.numpy()) == 2


def test_making_an_engine_compiles_nothing(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    model = mnistry.build("linear")
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    monkeypatch.setattr(jax, "jit", lambda *_, **__: pytest.fail("compiled"))
    Engine([model], *digits, batch_size=64)
