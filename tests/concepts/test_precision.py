import ast
from pathlib import Path

import numpy as np
import pytest

from mnistry import concepts

HALVES = np.full((2, 2), 0.5)
COMPUTATIONS = {
    "layer": lambda a: concepts.layer(a, a, a[0]),
    "relu": concepts.relu,
    "sigmoid": concepts.sigmoid,
    "tanh": concepts.tanh,
    "softmax": concepts.softmax,
    "cross_entropy": lambda a: concepts.cross_entropy(a, [0, 1], base=2),
    "binary_cross_entropy": lambda a: concepts.binary_cross_entropy(a, a, base=2),
    "bits": concepts.bits,
    "softmax_cross_entropy_gradient": lambda a: concepts.softmax_cross_entropy_gradient(a, [0, 1]),
    "weights_gradient": lambda a: concepts.layer_gradients(a, a)[0],
    "biases_gradient": lambda a: concepts.layer_gradients(a, a)[1],
    "backpropagate": lambda a: concepts.backpropagate(a, a),
    "relu_slope": concepts.relu_slope,
    "gradient_descent_step": lambda a: concepts.gradient_descent_step(a, a, 0.1),
    "momentum_step": lambda a: concepts.momentum_step(a, a, a, 0.1, 0.9)[0],
    "velocity": lambda a: concepts.momentum_step(a, a, a, 0.1, 0.9)[1],
    "rmsprop_step": lambda a: concepts.rmsprop_step(a, a, a)[0],
    "average": lambda a: concepts.rmsprop_step(a, a, a)[1],
}


@pytest.mark.parametrize("compute", COMPUTATIONS.values(), ids=COMPUTATIONS)
@pytest.mark.parametrize(
    ("given", "computed"), [("float32", "float32"), ("float16", "float64"), ("float64", "float64")]
)
def test_only_float32_is_computed_with_less_precision_than_float64(compute, given, computed):
    assert compute(HALVES.astype(given)).dtype == computed


@pytest.mark.parametrize("compute", COMPUTATIONS.values(), ids=COMPUTATIONS)
def test_whole_numbers_are_computed_in_float64(compute):
    assert compute(np.eye(2, dtype=np.uint8)).dtype == np.float64


def test_the_concepts_need_numpy_and_the_standard_library_alone():
    for path in Path(concepts.__file__).parent.glob("*.py"):
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.ImportFrom):
                top = statement.module
                assert top.startswith(("mnistry.concepts", "numpy", "collections", "typing"))
            elif isinstance(statement, ast.Import):
                assert {alias.name for alias in statement.names} <= {"numpy", "math"}
