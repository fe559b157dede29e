import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistry.concepts import argmax, from_one_hot, one_hot, softmax

logits = st.lists(st.floats(-100, 100), min_size=1, max_size=10).map(np.array)
huge_logits = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=10).map(np.array)
labels = st.lists(st.integers(0, 9)).map(lambda numbers: np.array(numbers, np.uint8))


def test_logits_1_3_2_by_hand():
    probabilities = softmax([1, 3, 2])
    powers = np.array([np.e, np.e**3, np.e**2])
    assert probabilities == pytest.approx(powers / powers.sum(), rel=1e-14)
    assert probabilities.round(4).tolist() == [0.0900, 0.6652, 0.2447]
    assert argmax(probabilities) == argmax([1, 3, 2]) == 1


@given(huge_logits)
def test_softmax_gives_probabilities_whatever_the_logits(v):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        probabilities = softmax(v)
    assert probabilities.sum() == pytest.approx(1, rel=1e-14)
    assert np.all((probabilities >= 0) & (probabilities <= 1))


@given(logits, st.floats(-100, 100))
def test_adding_a_constant_does_not_change_softmax(v, constant):
    assert softmax(v + constant) == pytest.approx(softmax(v), rel=1e-11)


def test_softmax_of_huge_logits_depends_on_their_differences():
    assert softmax([1001, 1003, 1002]) == pytest.approx(softmax([1, 3, 2]), rel=1e-14)
    assert softmax([-1e9, 0, 1e9]).tolist() == [0, 0, 1]
    single = softmax(np.array([1e30, -1e30], np.float32))
    assert (single.dtype, single.tolist()) == (np.float32, [1, 0])


def test_softmax_treats_each_row_separately():
    rows = softmax([[1, 3, 2], [0, 0, 0]])
    assert rows[0] == pytest.approx(softmax([1, 3, 2]))
    assert rows[1] == pytest.approx(1 / 3)
    assert softmax(np.array([[1, 3, 2]]).T, axis=0)[:, 0] == pytest.approx(rows[0])


def test_softmax_equals_that_of_keras():
    import keras

    v = np.random.default_rng(0).normal(scale=10, size=(50, 10)).astype(np.float32)
    expected = np.asarray(keras.activations.softmax(keras.ops.convert_to_tensor(v)))
    assert softmax(v) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_the_first_of_equal_values_is_the_answer():
    assert argmax([0, 7, 7]) == 1
    assert argmax([[0, 7, 7], [0, 0, 0], [1, 2, 3]]).tolist() == [1, 0, 2]


@given(labels)
def test_one_hot_and_back(y):
    rows = one_hot(y)
    assert rows.shape == (len(y), 10)
    assert from_one_hot(rows).tolist() == y.tolist()
    assert np.all(rows.sum(axis=1) == 1)
    assert set(rows.ravel()) <= {0, 1}


def test_one_label_gives_one_row():
    assert one_hot(2, classes=4).tolist() == [0, 0, 1, 0]
    assert from_one_hot([0, 0, 1, 0]) == 2


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_refused_and_not_counted_from_the_end(label):
    with pytest.raises(ValueError, match=f"{label}.*expected 0 to 9"):
        one_hot([5, label])


def test_one_hot_equals_that_of_keras():
    import keras

    y = np.array([3, 0, 9])
    assert np.array_equal(one_hot(y), keras.utils.to_categorical(y, 10))
