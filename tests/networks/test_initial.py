import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import mnistry
from mnistry.networks import initial

SEEDS = (0, 2**31 - 1)
SHAPES = ((784, 512), (512, 10), (5, 5, 1, 16), (3, 3, 64, 128), (7, 3))

DRAW = f"""
import sys, numpy as np
from mnistry.training import startup
startup.import_keras()
import keras
drawn = [keras.initializers.GlorotUniform(n)(shape) for n in {SEEDS} for shape in {SHAPES}]
np.savez(sys.argv[1], *map(np.asarray, drawn))
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """What Keras draws in a process that compiles as for a user: the last bits depend on it."""
    path = tmp_path_factory.mktemp("drawn") / "weights.npz"
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "0", "XLA_FLAGS": ""}
    subprocess.run([sys.executable, "-c", DRAW, path], env=environment, check=True)
    with np.load(path) as arrays:
        return [arrays[f"arr_{k}"] for k in range(len(SEEDS) * len(SHAPES))]


def test_the_weights_are_those_that_keras_draws_to_the_last_bit(drawn: list[np.ndarray]) -> None:
    expected = iter(drawn)
    for seed in SEEDS:
        for shape in SHAPES:
            found = initial.GlorotUniform(seed)(shape)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, next(expected))


def test_a_model_names_keras_own_initializers_alone() -> None:
    for name in ("dense", "strided", "tanh-300"):
        model = mnistry.build(name)
        kinds = {type(layer.kernel_initializer) for layer in model.layers if layer.weights[:1]
                 and hasattr(layer, "kernel_initializer")}  # fmt: skip
        assert kinds == {keras.initializers.GlorotUniform}
        assert "mnistry" not in model.to_json()
