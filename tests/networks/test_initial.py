import keras
import numpy as np
import pytest

import mnistry
from mnistry.networks import initial


@pytest.mark.parametrize("shape", [(784, 512), (512, 10), (5, 5, 1, 16), (3, 3, 64, 128), (7, 3)])
@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_the_weights_are_those_that_keras_draws_to_the_last_bit(shape, seed: int) -> None:
    expected = np.asarray(keras.initializers.GlorotUniform(seed)(shape))
    found = initial.GlorotUniform(seed)(shape)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_a_model_names_keras_own_initializers_alone() -> None:
    for name in ("dense", "strided", "tanh-300"):
        model = mnistry.build(name)
        kinds = {type(layer.kernel_initializer) for layer in model.layers if layer.weights[:1]
                 and hasattr(layer, "kernel_initializer")}  # fmt: skip
        assert kinds == {keras.initializers.GlorotUniform}
        assert "mnistry" not in model.to_json()
