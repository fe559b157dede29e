"""Check before training or scoring that a Keras model takes our images and gives probabilities.

Knows nothing of files.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from mnistry.datasets.dataset import Images
from mnistry.errors import ModelError, Notice, UsageError

# Layers after which values have the scale that they had before.
_KEEP_SCALE = {
    *("Cropping2D", "Dropout", "Flatten", "GaussianNoise", "Identity", "InputLayer", "Permute"),
    *("Reshape", "SpatialDropout2D", "ZeroPadding2D"),
}
_WEIGHTED = {"Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D"}
# Activations without an upper bound whose values may happen to lie from 0 to 1 for a few images.
_UNBOUNDED = {"exponential", "relu", "relu6", "softplus"}
_PROBED = 8  # images


def check_model(model: object) -> None:
    """Check that this is a Keras model that knows its input.

    Raises
    ------
    UsageError
        If it is something else.
    """
    if not isinstance(model, keras.Model):
        raise UsageError(
            f"the model is of type {type(model).__name__}",
            expected="a Keras model",
            remedy='mnistry.build("dense") makes one, mnistry.Run.open(PATH).model() loads one',
        )
    if not model.built:
        raise UsageError("the model is not built", remedy="begin it with keras.Input((28, 28))")


def check_input(model: keras.Model) -> None:
    """Check that a model takes images of 28x28, and warn if it does not scale them.

    It warns only of what is sure: a model with layers other than Keras's own may do anything.

    Raises
    ------
    ModelError
        If its input has another shape.

    Warns
    -----
    Notice
        If the first weights are multiplied with pixels of 0 to 255.
    """
    inputs = getattr(model, "inputs", None) or []
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    if inputs and shapes != [(28, 28)]:
        raise ModelError(
            "its input is " + " and ".join(f"{t.dtype} {t.shape}" for t in inputs),
            where="the model",
            expected="images (None, 28, 28) of 0 to 255",
            remedy="begin with keras.Input((28, 28)), Rescaling(1/255) and Flatten() or "
            "Reshape((28, 28, 1)); make a run of a trained one: mnistry adopt FILE.keras -o RUN",
        )
    if _is_unscaled(model):
        warnings.warn(
            "the model does not scale its input: its first weights meet pixels of 0 to 255; begin "
            "it with keras.layers.Rescaling(1/255), or, if it was trained on images of 0 to 1, "
            "make a run of it: mnistry adopt FILE.keras -o RUN",
            Notice,
            stacklevel=3,
        )


def check_output(model: keras.Model, images: Images, *, needs_probabilities: bool) -> None:
    """Check that a model gives a probability for each class, by running it on a few images.

    Parameters
    ----------
    model
        A built model that takes `images`.
    images
        ``uint8``, shape ``(n, 28, 28)``, at least one; the first eight are used.
    needs_probabilities
        Whether it must give probabilities as it is. Otherwise it is to be trained, and may give
        logits if it was compiled with a loss for them.

    Raises
    ------
    ModelError
        If it gives something else.

    Warns
    -----
    Notice
        If it is to be trained, and gives numbers from 0 to 1 whose sum is not 1, as sigmoid does.
    """
    if _ends_with_softmax(model):
        return
    values = np.asarray(model.predict_on_batch(images[:_PROBED]), np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        shape = (None, *values.shape[1:])
        raise _no_probabilities(
            f"its output is {shape}", "end with one softmax: of ten classes for digits"
        )
    if (values >= 0).all() and (abs(values.sum(axis=1) - 1) < 1e-3).all():
        return
    remedy = "end with keras.layers.Softmax()"
    if needs_probabilities:
        raise _no_probabilities("it does not give probabilities", remedy)
    if getattr(model.loss, "from_logits", False):
        return
    if values.min() < 0 or values.max() > 1 or _ends_unbounded(model):
        raise _no_probabilities(
            "it does not end with softmax, but its loss takes probabilities",
            f"{remedy}, or compile it with a loss that has from_logits=True",
        )
    warnings.warn(
        "the model does not end with softmax: it can be trained, but mnistry.evaluate needs "
        "probabilities whose sum is 1",
        Notice,
        stacklevel=3,
    )


def _is_unscaled(model: keras.Model) -> bool:
    """Return whether weights of a stock layer meet the input as it is."""
    for layer in _stock_layers(model):
        name = type(layer).__name__
        if name in _WEIGHTED:
            return True
        if name not in _KEEP_SCALE:
            return False
    return False


def _stock_layers(model: keras.Model) -> Iterator[Any]:
    """Yield a model's layers in order, until one that is not Keras's own."""
    for layer in getattr(model, "layers", ()):
        if not type(layer).__module__.startswith("keras."):
            return
        yield layer


def _ends_with_softmax(model: keras.Model) -> bool:
    if len(getattr(model, "output_shape", ())) != 2:
        return False
    last = model.layers[-1]
    is_softmax = isinstance(last, keras.layers.Softmax) and last.axis == -1
    return is_softmax or getattr(last, "activation", None) is keras.activations.softmax


def _ends_unbounded(model: keras.Model) -> bool:
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    return isinstance(last, keras.layers.ReLU) or activation in _UNBOUNDED


def _no_probabilities(what: str, remedy: str) -> ModelError:
    return ModelError(
        what, where="the model", expected="a probability for each class", remedy=remedy
    )
