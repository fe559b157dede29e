"""The names of networks and their settings, without Keras; `mnistry.networks.zoo` builds them."""

from typing import Literal, get_args

NetworkName = Literal[
    "dense", "linear", "convnet", "strided", "strided-large",
    "lenet-1", "lenet-5", "tanh-300", "tanh-1000", "tanh-300-100",
    "simard", "dropout", "sigmoid-normalized",
]  # fmt: skip
NAMES: tuple[str, ...] = get_args(NetworkName)
ACTIVATIONS = ("relu", "tanh", "sigmoid")  # of hidden layers
