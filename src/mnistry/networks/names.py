"""The names of networks and their settings, without Keras; `mnistry.networks.zoo` builds them."""

from typing import Literal, get_args

NetworkName = Literal["dense", "linear", "convnet", "strided", "strided-large"]
NAMES: tuple[str, ...] = get_args(NetworkName)
ACTIVATIONS = ("relu", "tanh", "sigmoid")  # of hidden layers
