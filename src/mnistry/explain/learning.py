"""One step of learning on one image: gradient, step and loss, in numbers.

Backpropagation gives the direction of the step. The optimizer that trained the run decides how far
each weight moves, with its state at the end of the training. Run and network are not changed.
"""

import dataclasses
import io
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry import concepts
from mnistry.datasets.dataset import Split
from mnistry.errors import ModelError
from mnistry.explain import dense, gradients
from mnistry.explain.dense import DenseNetwork, Floats
from mnistry.explain.gradients import Changes
from mnistry.runs.directory import Run

_SHOWN = 3  # weights of each layer
_FACTORS = (0, 0.01, 0.1, 1)  # multiples of the step that are in every table
_HALVINGS = 4  # the table also has its largest multiple, halved 0 to 4 times
_GONE = 1 / 1000  # of the loss before the step: a loss below this is almost 0
_POINTS = 80  # intervals of the curve
_SHORTEST = 1.25  # times the step: the curve reaches at least this far
_WORSE = 1.5  # times the loss before the step: a step that leads to this loss is too large
_LONGEST = 2.0**20  # times the step: the search for a step that is too large ends here


@dataclasses.dataclass(frozen=True, eq=False)  # arrays cannot be compared by ==
class OptimizerStep:
    """The step of a run's optimizer for one gradient.

    Attributes
    ----------
    optimizer
        The name of its Keras class: ``"RMSprop"``.
    learning_rate
        The learning rate of this step.
    steps_before
        How many steps it made during training.
    peak_learning_rate
        The highest rate of its schedule; None for a constant learning rate.
    has_state
        Whether it has its state from the training; otherwise its running averages begin at 0.
    changes
        What it adds to each weight: arrays in the structure and order of the gradient's.
    """

    optimizer: str
    learning_rate: float
    steps_before: int
    peak_learning_rate: float | None
    has_state: bool
    changes: Any


@dataclasses.dataclass(frozen=True)
class WeightChange:
    """One weight, its gradient, computed in two ways, and its step.

    Attributes
    ----------
    layer
        The name of its layer.
    source, unit
        Its input and its node, both counted from 0.
    weight
        Its value before the step.
    gradient, numerical
        The derivative of the loss with respect to the weight, by backpropagation and by a
        difference.
    change
        What the optimizer adds to it.
    """

    layer: str
    source: int
    unit: int
    weight: float
    gradient: float
    numerical: float
    change: float


@dataclasses.dataclass(frozen=True, eq=False)
class LossCurve:
    """The loss in the direction of a step.

    Attributes
    ----------
    factors
        Multiples of the step, from 0 to too large: shape ``(m,)``.
    own
        The image's loss there, as `mnistry.explain.gradients.losses` returns it: shape ``(m,)``.
    others
        The mean loss of other images there; None if there are none.
    """

    factors: Floats
    own: Floats
    others: Floats | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class LearningStep:
    """One step of learning on one image.

    Attributes
    ----------
    label
        The true class.
    loss
        The name of the loss in Keras.
    step
        The step of the optimizer.
    weights
        The weights with the largest gradients in each layer, except gradients of 0.
    parameters, moved
        How many weights and biases the network has, and how many the step changes.
    before, after
        The image's loss before and after the step, as `mnistry.explain.gradients.losses` returns
        it.
    slope
        The sum of each gradient times its change: how much the step would change the loss if the
        loss were a straight line.
    table, curve
        The loss at a few multiples of the step, from 0 to too large; and at many equally spaced
        multiples, for a figure.
    others
        The number of other images in `table` and `curve`.
    difference
        What was added to a weight, and subtracted, to check its gradient.
    is_dense
        Whether the network has only dense layers.
    """

    label: int
    loss: str
    step: OptimizerStep
    weights: tuple[WeightChange, ...]
    parameters: int
    moved: int
    before: float
    after: float
    slope: float
    table: LossCurve
    curve: LossCurve
    others: int
    difference: float = 1e-5
    is_dense: bool = True

    @property
    def predicted(self) -> float:
        """The loss after the step as the slope predicts it, to first order: before plus slope."""
        return self.before + self.slope

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        value = dataclasses.asdict(self)
        step = value.pop("step")
        del step["changes"]
        for curve in (value["table"], value["curve"]):
            curve.update({k: v if v is None else v.tolist() for k, v in curve.items()})
        return {**step, "predicted": self.predicted, **value}


@dataclasses.dataclass(frozen=True, eq=False)  # arrays cannot be compared by ==
class Saliency:
    """How much each part of an image counts for a class.

    Attributes
    ----------
    by_pixel
        Gradient times input: each pixel, 0 to 1, times the derivative of the class's logit with
        respect to it. Shape ``(28, 28)``. A. Shrikumar and others: Not Just a Black Box, 2016.
    by_place
        Grad-CAM, equations 1 and 2 of R. Selvaraju and others: Grad-CAM, ICCV 2017. The feature
        maps of the last convolution, each times the mean derivative of the logit with respect to
        it, added up; below 0 is 0. Shape ``(rows, columns)``; None without a convolution.
    layer
        The layer whose feature maps these are; None without a convolution.
    """

    by_pixel: Floats
    by_place: Floats | None = None
    layer: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        place = None if self.by_place is None else self.by_place.tolist()
        return {"by_pixel": self.by_pixel.tolist(), "by_place": place, "layer": self.layer}


def learn(
    run: Run,
    network: DenseNetwork,
    image: NDArray[np.uint8],
    label: int,
    others: Split | None = None,
) -> LearningStep:
    """Compute one step of learning on one image.

    Parameters
    ----------
    run
        The run whose optimizer makes the step.
    network
        That run's network.
    image
        ``uint8``, shape ``(28, 28)``.
    label
        The true class, 0 to 9.
    others
        Other labelled images, to see how the step changes their loss.

    Raises
    ------
    ModelError
        If the run's ``model.keras`` is damaged, or holds another network.
    """
    loss = run.experiment.recipe.loss
    gradient = gradients.backpropagate(network, image, label, loss)
    step = optimizer_step(run, gradient)
    own = Split(image[np.newaxis], np.array([label], np.uint8))
    splits = [own] if others is None else [own, others]
    loss_functions = [_loss_along(network, step.changes, split, loss) for split in splits]

    # How far the curve reaches depends on the loss of the others, if there are any.
    power, longest = too_far(loss_functions[-1], or_almost_zero=others is None)
    table, points = factors(power, longest, _POINTS)
    return LearningStep(
        label=label,
        loss=loss,
        step=step,
        weights=_largest(network, gradient, step.changes, own, loss),
        parameters=sum(array.size for pair in gradient for array in pair),
        moved=sum(int(np.count_nonzero(array)) for pair in step.changes for array in pair),
        before=loss_functions[0](0),
        after=loss_functions[0](1),
        slope=math.fsum(
            float(np.vdot(slopes, changes))
            for slopes, changes in zip(chain(*gradient), chain(*step.changes), strict=True)
        ),
        table=loss_curve(loss_functions, table),
        curve=loss_curve(loss_functions, points),
        others=0 if others is None else len(others.images),
    )


def loss_curve(loss_functions: Sequence[Callable[[float], float]], multiples: Floats) -> LossCurve:
    """Return the loss of one image, and of the others if there is a function for them."""
    values = (np.array([loss_at(m) for m in multiples.tolist()]) for loss_at in loss_functions)
    return LossCurve(multiples, *values)


def factors(power: float, longest: float, points: int) -> tuple[Floats, Floats]:
    """Return the multiples of a step for a table and for a curve.

    Parameters
    ----------
    power
        The largest multiple in the table: a power of 2.
    longest
        The multiple at which the curve ends; the curve reaches 1.25 at least.
    points
        The number of equal intervals of the curve.

    Returns
    -------
    table, curve
        Rising, from 0; the curve's have the shape ``(points + 1,)``.

    Examples
    --------
    >>> table, curve = factors(4, 3.0, 3)
    >>> table.tolist()
    [0.0, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0]
    >>> curve.tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    table = np.unique([*_FACTORS, *(power / 2**k for k in range(_HALVINGS + 1))])
    return table, np.linspace(0, max(longest, _SHORTEST), points + 1)


def optimizer_step(run: Run, gradient: Any) -> OptimizerStep:
    """Compute the step that a run's optimizer makes with a gradient.

    The optimizer has its state after the last training step, read from ``model.keras``. If no state
    that fits is saved there, its running averages begin at 0.

    Parameters
    ----------
    run
        The run.
    gradient
        An array for each trainable weight, in Keras's order: in a list, or in pairs as
        `mnistry.explain.gradients.backpropagate` returns them.

    Raises
    ------
    ModelError
        If ``model.keras`` is damaged, or its weights have other shapes than `gradient`.
    """
    import keras

    from mnistry.recipes.optimizers import make_optimizer

    flat = keras.tree.flatten(gradient)
    variables = run.model().trainable_variables
    if [variable.shape for variable in variables] != [array.shape for array in flat]:
        raise ModelError("its weights are not those of model.onnx", where=run.keras_path)
    recipe = run.experiment.recipe
    steps = concepts.steps_per_epoch(recipe.epoch_size(run.scores().train.count), recipe.batch_size)
    optimizer = make_optimizer(recipe, steps * recipe.epochs)
    optimizer.build(variables)
    state = _saved_state(run.keras_path)
    has_state = [array.shape for array in state] == [v.shape for v in optimizer.variables]
    if has_state:
        for variable, array in zip(optimizer.variables, state, strict=True):
            variable.assign(array)

    def values() -> list[Floats]:
        return [np.array(keras.ops.convert_to_numpy(v), np.float64) for v in variables]

    rate, made, before = float(optimizer.learning_rate), int(optimizer.iterations), values()
    optimizer.apply([keras.ops.convert_to_tensor(a.astype(np.float32)) for a in flat], variables)
    moves = [new - old for new, old in zip(values(), before, strict=True)]
    changes = keras.tree.pack_sequence_as(gradient, moves)
    peak = None
    if recipe.warmup is not None:
        constant = make_optimizer(dataclasses.replace(recipe, warmup=None), 1)
        peak = recipe.learning_rate or float(constant.learning_rate)
    return OptimizerStep(type(optimizer).__name__, rate, made, peak, has_state, changes)


def _saved_state(path: Path) -> list[NDArray[Any]]:
    """Read the optimizer's variables from a ``.keras`` file that has been checked."""
    import h5py

    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file,
    ):
        variables = file.get("optimizer/vars", {})
        return [variables[str(number)][()] for number in range(len(variables))]


def _loss_along(
    network: DenseNetwork, changes: Changes, split: Split, loss: str
) -> Callable[[float], float]:
    """Return a function from a multiple of the changes to the mean loss of the images."""
    inputs, labels = dense.as_inputs(split.images), np.asarray(split.labels)
    first, later = network.layers[0], DenseNetwork(network.layers[1:])
    # The first layer's sums, most of the work, are linear in the factor: two products suffice.
    start = concepts.layer(inputs, first.kernel, first.bias)
    move = concepts.layer(inputs, *changes[0])

    def loss_at(factor: float) -> float:
        sums = start + factor * move
        if later.layers:
            values = dense.ACTIVATIONS[first.activation](sums)
            sums = later.moved(changes[1:], factor).forward(values)[-1][0]
        return float(gradients.losses(sums, labels, loss).mean())

    return loss_at


def too_far(loss: Callable[[float], float], *, or_almost_zero: bool) -> tuple[float, float]:
    """Find a multiple of the step that is too large: it makes a loss clearly worse.

    Parameters
    ----------
    loss
        From a multiple of the step to the loss.
    or_almost_zero
        Whether a multiple is also too large if the loss is almost 0 there. The loss of one image
        may fall all the way; beyond that point there is nothing more to see.

    Returns
    -------
    power, factor
        `power` is the smallest power of 2, from 2 on, that is too large, or 2^20 if no smaller one
        is. `factor` is the smallest that is too large among 1/8, 2/8, … of `power`; else `power`.
    """
    start = loss(0)

    def reached(factor: float) -> bool:
        now = loss(factor)
        return now >= _WORSE * start or (or_almost_zero and now < _GONE * start)

    power = 2.0
    while power < _LONGEST and not reached(power):
        power *= 2
    return power, next(filter(reached, (power * part / 8 for part in range(1, 8))), power)


def _largest(
    network: DenseNetwork, gradient: Changes, changes: Changes, own: Split, loss: str
) -> tuple[WeightChange, ...]:
    """Return each layer's weights with the largest gradients, and check these by differences."""
    found = []
    for number, layer in enumerate(network.layers):
        slopes, moves = gradient[number][0], changes[number][0]
        for source, unit in steepest(slopes):
            found.append(
                WeightChange(
                    layer.name,
                    source,
                    unit,
                    weight=float(layer.kernel[source, unit]),
                    gradient=float(slopes[source, unit]),
                    numerical=gradients.numerical_gradient(
                        network, own, loss, number, (source, unit)
                    ),
                    change=float(moves[source, unit]),
                )
            )
    return tuple(found)


def steepest(slopes: Floats) -> Iterator[tuple[int, ...]]:
    """Yield the indices of the three largest gradients, the largest first, without those of 0.

    Examples
    --------
    >>> list(steepest(np.array([[0.5, 0.0], [0.0, -2.0]])))
    [(1, 1), (0, 0)]
    """
    for flat in np.argsort(-np.abs(slopes), axis=None, kind="stable")[:_SHOWN]:
        index = tuple(int(i) for i in np.unravel_index(flat, slopes.shape))
        if slopes[index] != 0:
            yield index
