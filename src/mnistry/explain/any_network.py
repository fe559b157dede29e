"""Any Keras network: which pixels count for its answer, and one step of learning, by JAX.

For networks that `mnistry.explain.dense` cannot read. Knows nothing of how this is shown.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.dataset import Split
from mnistry.explain import gradients, learning
from mnistry.explain.dense import Floats
from mnistry.explain.learning import LearningStep, Saliency, WeightChange
from mnistry.runs.directory import Run

# Intervals of the curve; few, because for each of its points all other images pass through the
# network.
_POINTS = 24
_OTHERS = 200  # the maximum number of other images
# Added to a weight to check its gradient by a difference; the effect of a smaller number would be
# lost in the rounding of float32.
_DIFFERENCE = 0.01


def saliency(model: keras.Model, image: NDArray[np.uint8], answer: int) -> Saliency | None:
    """Find out which pixels count for a class, and which places.

    Parameters
    ----------
    model
        A Keras model that ends with softmax, on the JAX backend.
    image
        ``uint8``, shape ``(28, 28)``.
    answer
        The class.

    Returns
    -------
    Saliency or None
        None if the first layer already mixes pixels, so that there is no derivative by pixel.
    """
    import jax

    first = next(la for la in model.layers if not isinstance(la, keras.layers.InputLayer))
    if first.weights or np.prod(first.output.shape[1:]) != image.size:
        return None
    maps = _last_maps(model)
    scaled = keras.Model(model.inputs[0], first.output)(image[np.newaxis])
    with _logits(model) as logits:
        behind = keras.Model(first.output, logits)
        pixel_slopes = jax.grad(lambda values: behind(values)[0, answer])(scaled)
        by_pixel = np.asarray(scaled * pixel_slopes, np.float64).reshape(28, 28)
        if maps is None:
            return Saliency(by_pixel)
        values = keras.Model(first.output, maps.output)(scaled)
        rest = keras.Model(maps.output, logits)
        map_slopes = jax.grad(lambda value: rest(value)[0, answer])(values)
    weights = np.asarray(map_slopes, np.float64)[0].mean(axis=(0, 1))
    by_place = np.maximum(0, np.asarray(values, np.float64)[0] @ weights)
    return Saliency(by_pixel, by_place, maps.name)


def learn(run: Run, image: NDArray[np.uint8], label: int, others: Split | None) -> LearningStep:
    """Compute one step of learning on one image; parameters and result as in `learning.learn`.

    Batch normalisation uses the averages of the training, and dropout drops nothing.

    Raises
    ------
    ModelError
        If the run's ``model.keras`` is damaged.
    """
    model = run.model()
    with _logits(model) as tensor:
        return _learn(run, keras.Model(model.inputs[0], tensor), image, label, others)


def _learn(
    run: Run,
    network: keras.Model,
    image: NDArray[np.uint8],
    label: int,
    others: Split | None,
) -> LearningStep:
    """Compute a step of a network that gives logits."""
    import jax

    loss = run.experiment.recipe.loss
    weights = [variable.value for variable in network.trainable_variables]
    state = [variable.value for variable in network.non_trainable_variables]

    logits = jax.jit(lambda w, images: network.stateless_call(w, state, images, training=False)[0])

    def loss_of(weights: Sequence[Any], split: Split) -> float:
        found = np.asarray(logits(weights, split.images), np.float64)
        return float(gradients.losses(found, np.asarray(split.labels), loss).mean())

    own = Split(image[np.newaxis], np.array([label], np.uint8))
    found, backpropagate = jax.vjp(functools.partial(logits, images=own.images), weights)
    errors = gradients.logit_errors(np.asarray(found, np.float64)[0], label, loss)
    (slopes,) = backpropagate(np.asarray(errors, np.float32)[np.newaxis])
    gradient = [np.asarray(one, np.float64) for one in slopes]
    step = learning.optimizer_step(run, gradient)
    if others is not None:
        assert others.labels is not None  # noqa: S101 (for the type checker)
        others = Split(others.images[:_OTHERS], others.labels[:_OTHERS])

    def along(split: Split) -> Callable[[float], float]:
        return lambda factor: loss_of(
            [w + np.float32(factor) * c for w, c in zip(weights, step.changes, strict=True)], split
        )

    loss_functions = [along(split) for split in (own, others) if split is not None]
    power, longest = learning.too_far(loss_functions[-1], or_almost_zero=others is None)
    table, points = learning.factors(power, longest, _POINTS)

    return LearningStep(
        label=label,
        loss=loss,
        step=step,
        weights=_largest(network, weights, gradient, step.changes, lambda w: loss_of(w, own)),
        parameters=sum(one.size for one in gradient),
        moved=sum(int(np.count_nonzero(one)) for one in step.changes),
        before=loss_functions[0](0),
        after=loss_functions[0](1),
        slope=sum(
            float(np.vdot(g, change)) for g, change in zip(gradient, step.changes, strict=True)
        ),
        table=learning.loss_curve(loss_functions, table),
        curve=learning.loss_curve(loss_functions, points),
        others=0 if others is None else len(others.images),
        difference=_DIFFERENCE,
        is_dense=False,
    )


@contextlib.contextmanager
def _logits(model: keras.Model) -> Iterator[Any]:
    """Yield the tensor before softmax; it is valid only during the block."""
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax | keras.layers.Activation):
        yield last.input
        return
    softmax, last.activation = last.activation, keras.activations.linear
    try:
        yield model.output
    finally:
        last.activation = softmax


def _last_maps(model: keras.Model) -> Any:
    """Return the layer with the last convolution's feature maps, after its activation."""
    found, shape = None, None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found, shape = layer, layer.output.shape
        elif found is not None and layer.output.shape == shape:
            found = layer
    return found


def _largest(
    network: keras.Model,
    weights: Sequence[Any],
    gradient: Sequence[Floats],
    changes: Sequence[Floats],
    loss_of: Callable[[Sequence[Any]], float],
) -> tuple[WeightChange, ...]:
    """Return each layer's weights with the largest gradients, and check these by differences."""
    chosen = []
    for number, (variable, slopes) in enumerate(
        zip(network.trainable_variables, gradient, strict=True)
    ):
        if slopes.ndim < 2:
            continue
        for place in learning.steepest(slopes):
            values = []
            for sign in (1, -1):
                moved = np.array(weights[number])
                moved[place] += sign * _DIFFERENCE
                values.append(loss_of([*weights[:number], moved, *weights[number + 1 :]]))
            *source, unit = place
            chosen.append(
                WeightChange(
                    variable.path.split("/")[0],
                    int(np.ravel_multi_index(source, slopes.shape[:-1])),
                    unit,
                    weight=float(np.asarray(weights[number])[place]),
                    gradient=float(slopes[place]),
                    numerical=(values[0] - values[1]) / (2 * _DIFFERENCE),
                    change=float(changes[number][place]),
                )
            )
    return tuple(chosen)
