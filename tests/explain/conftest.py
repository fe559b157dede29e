"""Networks to explain, as Keras models and as exported ONNX files."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

import mnistry
from mnistry.networks import onnx_graph


class Subject(NamedTuple):
    """One network in both forms."""

    model: keras.Model
    onnx: bytes


def subject(model: keras.Model) -> Subject:
    """Give a model random weights and biases, so that mistakes show, and export it."""
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        spread = 0.1 if len(variable.shape) == 1 else np.prod(variable.shape[:-1]) ** -0.5
        variable.assign(generator.normal(0, spread, variable.shape))
    return Subject(model, onnx_graph.to_onnx(model).SerializeToString())


def dense_network(*units: int, activation: str = "relu") -> keras.Model:
    """Return the network of `mnistry.build` with weights of 0, which are quick to make."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            *(layers.Dense(n, activation, kernel_initializer="zeros") for n in units),
            layers.Dense(10, "softmax", kernel_initializer="zeros"),
        ]
    )


NETWORKS = {
    "dense": ((64,), "relu"),
    "deep": ((32, 24), "relu"),
    "no hidden layer": ((), "relu"),
    "sigmoid": ((16, 12), "sigmoid"),
    "tanh": ((16, 12), "tanh"),
    "linear activation": ((16,), "linear"),
}


@pytest.fixture(scope="session", params=NETWORKS)
def dense_subject(request: pytest.FixtureRequest) -> Subject:
    """Each kind of dense network."""
    units, activation = NETWORKS[request.param]
    return subject(dense_network(*units, activation=activation))


@pytest.fixture(scope="session")
def convnet() -> Subject:
    """A convolutional network."""
    return subject(mnistry.build("convnet"))


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Ten real images, one of each class, and their labels."""
    _, (images, labels) = mnistry.load("sample")
    _, first = np.unique(labels, return_index=True)
    return images[first], labels[first]
