"""The mathematics of the experiment in plain NumPy: a lesson in five short chapters.

`nodes`
    What a node computes, a layer of nodes, and the activation functions.
`outputs`
    From a layer's sums to probabilities and an answer; labels as one-hot rows.
`loss`
    The loss of an answer: cross-entropy, in nats and in bits.
`gradients`
    Backpropagation: the gradient of the loss, and finite differences to check it with.
`descent`
    A step against the gradient, by three optimizers; batches, steps and epochs.

Keras trains the networks; the tests compare each formula here with Keras and JAX. Knows nothing
of images, files or the rest of mnistry.

Every function takes the values of one image, shape ``(d,)``, or of many images as rows,
``(n, d)``. It computes in ``float64``, or in ``float32`` if all its arrays are ``float32``, and
raises a `ValueError` if the arrays' shapes do not fit together.

Two textbooks are cited by name: C. M. Bishop, *Pattern Recognition and Machine Learning*,
Springer 2006, and I. Goodfellow, Y. Bengio, A. Courville, *Deep Learning*, MIT Press 2016.
"""

from mnistry.concepts.descent import (
    gradient_descent_kind,
    gradient_descent_step,
    momentum_step,
    rmsprop_step,
    steps_per_epoch,
)
from mnistry.concepts.gradients import (
    backpropagate,
    layer_gradients,
    numerical_gradient,
    relu_slope,
    softmax_cross_entropy_gradient,
)
from mnistry.concepts.loss import KERAS_EPSILON, binary_cross_entropy, bits, cross_entropy
from mnistry.concepts.nodes import layer, node, relu, sigmoid, tanh
from mnistry.concepts.outputs import argmax, from_one_hot, one_hot, softmax

__all__ = [
    "KERAS_EPSILON", "argmax", "backpropagate", "binary_cross_entropy", "bits", "cross_entropy",
    "from_one_hot", "gradient_descent_kind", "gradient_descent_step", "layer", "layer_gradients",
    "momentum_step", "node", "numerical_gradient", "one_hot", "relu", "relu_slope", "rmsprop_step",
    "sigmoid", "softmax", "softmax_cross_entropy_gradient", "steps_per_epoch", "tanh",
]  # fmt: skip
