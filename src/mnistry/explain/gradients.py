"""The loss of a dense network, and its gradients, in ``float64``.

Backpropagation uses the functions of `mnistry.concepts`. Knows nothing of optimizers.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mnistry import concepts
from mnistry.datasets.dataset import Split
from mnistry.explain import dense
from mnistry.explain.dense import DenseNetwork, Floats

Changes = tuple[tuple[Floats, Floats], ...]
"""For each layer an array of the shape of its kernel, and one of the shape of its bias."""


def losses(logits: Floats, labels: NDArray[np.integer], loss: str) -> Floats:
    """Compute each image's loss from its logits: in nats, or a mean of squares.

    A probability near 1 is rounded too coarsely to give a small loss exactly, so the loss is
    computed from the logits: since log p_k = v_k - log sum_j e^v_j, cross-entropy is
    log sum_j e^(v_j - v_label).

    Parameters
    ----------
    logits
        Shape ``(n, 10)``.
    labels
        Shape ``(n,)``.
    loss
        A loss of `mnistry.recipes.Recipe`.

    Examples
    --------
    >>> logits = np.array([[1.0, 3.0, 2.0]])
    >>> print(losses(logits, np.array([1]), "categorical_crossentropy").round(4))
    [0.4076]
    >>> print(concepts.cross_entropy(concepts.softmax(logits), [1]).round(4))
    [0.4076]
    """
    rows = np.arange(len(logits))
    if loss == "mean_squared_error":
        squares = (concepts.softmax(logits) - np.eye(logits.shape[1])[labels]) ** 2
        return np.asarray(squares.mean(axis=1))
    own: Floats = np.logaddexp.reduce(logits - logits[rows, labels, np.newaxis], axis=1)
    if loss != "binary_crossentropy":
        return own
    # For the other classes -log(1 - p_k) = log sum_j e^v_j - log sum_(j != k) e^v_j.
    rest = np.logaddexp.reduce(logits, axis=1, keepdims=True) - _without_each(logits)
    rest[rows, labels] = 0
    mean: Floats = (own + rest.sum(axis=1)) / logits.shape[1]
    return mean


def mean_loss(network: DenseNetwork, split: Split, loss: str) -> float:
    """Compute the mean over labelled images of the losses that `losses` returns."""
    logits = network.forward(dense.as_inputs(split.images))[-1][0]
    return float(losses(logits, np.asarray(split.labels), loss).mean())


def backpropagate(
    network: DenseNetwork, image: NDArray[np.uint8], label: int, loss: str
) -> Changes:
    """Compute the gradients of one image's loss.

    Returns
    -------
    tuple
        For each layer the gradient of the kernel, shape ``(inputs, units)``, and that of the
        bias, shape ``(units,)``.
    """
    inputs = dense.as_inputs(image)
    steps = network.forward(inputs)
    errors = logit_errors(steps[-1][0][0], label, loss)
    found = []
    for number in range(len(network.layers) - 1, 0, -1):
        sums, values = steps[number - 1]
        found.append(concepts.layer_gradients(values[0], errors))
        errors = concepts.backpropagate(errors, network.layers[number].kernel)
        errors = errors * _slope(network.layers[number - 1].activation, sums[0], values[0])
    found.append(concepts.layer_gradients(inputs[0], errors))
    return tuple(reversed(found))


def numerical_gradient(
    network: DenseNetwork, split: Split, loss: str, layer: int, weight: tuple[int, int]
) -> float:
    """Estimate the gradient of the mean loss for one weight of a layer, by a difference."""

    def mean_loss_with(kernel: Floats) -> float:
        layers = list(network.layers)
        layers[layer] = dataclasses.replace(layers[layer], kernel=kernel)
        return mean_loss(DenseNetwork(tuple(layers)), split, loss)

    return concepts.numerical_gradient(mean_loss_with, network.layers[layer].kernel, weight)


def logit_errors(logits: Floats, label: int, loss: str) -> Floats:
    """Compute the derivative of one image's loss with respect to each of its ten logits.

    For categorical cross-entropy it is p_i - y_i, with the one-hot row y. For the other losses the
    chain rule over softmax gives dL/dv_i = e_i - p_i sum_k e_k with e_k = p_k dL/dp_k. For binary
    cross-entropy e_k is -1/10 for the label and p_k / (1 - p_k) / 10 for other classes; for the
    mean squared error it is p_k (p_k - y_k) 2/10.

    Examples
    --------
    >>> print(logit_errors(np.array([1.0, 3.0, 2.0]), 1, "categorical_crossentropy").round(4))
    [ 0.09   -0.3348  0.2447]
    """
    shares = concepts.softmax(logits)
    if loss == "mean_squared_error":
        terms = shares * (shares - np.eye(len(logits))[label]) * 2 / len(logits)
    elif loss == "binary_crossentropy":
        terms = np.exp(logits - _without_each(logits[np.newaxis])[0])
        terms[label] = -1
        terms /= len(logits)
    else:
        return concepts.softmax_cross_entropy_gradient(shares, label)
    errors: Floats = terms - shares * terms.sum()
    return errors


def _without_each(logits: Floats) -> Floats:
    """Compute log sum_(j != k) e^v_j for each class k: shape ``(n, 10)``."""
    classes = range(logits.shape[1])
    columns = [np.logaddexp.reduce(np.delete(logits, k, axis=1), axis=1) for k in classes]
    return np.stack(columns, axis=1)


def _slope(activation: str, sums: Floats, values: Floats) -> Floats:
    """Return the slope of an activation function, given a layer's sums and outputs."""
    if activation == "relu":
        return concepts.relu_slope(sums)
    if activation == "sigmoid":
        return values * (1 - values)  # Bishop, Pattern Recognition and Machine Learning, (4.88)
    if activation == "tanh":
        return 1 - values**2
    return np.ones_like(sums)
