"""One step of learning on one image: gradient, step, and what the loss does, in numbers.

Which way to go is backpropagation's; how far, and which weights more than others, is decided by
the optimizer that trained the run, in the state that it had at the end. Nothing is kept: run and
network stay as they are.
"""

import dataclasses
import io
import math
import zipfile
from collections.abc import Callable
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

SHOWN = 3  # weights of each layer
_FACTORS, _HALVINGS = (0, 0.01, 0.1, 1), 4  # of the table: its first rows, and those up to too far
_POINTS = 80  # of the curve
_LEAST = 1.25  # times the step, which the curve reaches at least
_WORSE = 1.5  # times the loss at the start: the step has gone too far
_MOST = 2.0**20  # times the step, where the search for that ends


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single truth to compare by
class OptimizerStep:
    """What the optimizer of a run makes of a gradient.

    Attributes
    ----------
    optimizer
        Its Keras class: ``"RMSprop"``.
    learning_rate
        At this step.
    steps_before
        How many steps it has made in the training.
    peak_learning_rate
        The highest of its schedule; None if the learning rate stays the same.
    remembers
        Whether its running averages are those of the training; else they begin anew.
    changes
        What it adds to every weight.
    """

    optimizer: str
    learning_rate: float
    steps_before: int
    peak_learning_rate: float | None
    remembers: bool
    changes: Changes


@dataclasses.dataclass(frozen=True)
class WeightChange:
    """One weight, its slope in two ways, and its step.

    Attributes
    ----------
    layer
        The layer that it belongs to.
    source, unit
        Which input it comes from, and which node it leads to, both from 0.
    weight
        Before the step.
    gradient, numerical
        By how much the loss grows for each unit that the weight grows: by backpropagation, and by
        trying a little more and a little less.
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
        How many times the step is made, from 0 to far too often: shape ``(m,)``.
    own
        The image's loss there, in nats, shape ``(m,)``.
    others
        The mean loss of other images there; None if none were given.
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
        Which loss, as Keras names it.
    step
        What the optimizer does.
    weights
        The weights of each layer with the largest gradients; none whose gradient is 0.
    parameters, moved
        How many weights and biases the network has, and how many of them the step changes.
    before, after
        The image's loss before and after the step, in nats.
    slope
        What the step would add to the loss if that were straight: gradient times change, summed.
    table, curve
        The loss at a few multiples of the step, from a hundredth to too far; and at many in even
        distances, for drawing.
    others
        How many other images `table` and `curve` are of.
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

    @property
    def predicted(self) -> float:
        """The loss that the slope promises, to first order: before plus slope."""
        return self.before + self.slope

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        value = dataclasses.asdict(self)
        step = value.pop("step")
        del step["changes"]
        for curve in (value["table"], value["curve"]):
            curve.update({k: v if v is None else v.tolist() for k, v in curve.items()})
        return {**step, "predicted": self.predicted, **value}


def learn(
    run: Run,
    network: DenseNetwork,
    image: NDArray[np.uint8],
    label: int,
    others: Split | None = None,
) -> LearningStep:
    """Work out one step of learning on one image.

    Parameters
    ----------
    run
        Whose optimizer makes the step.
    network
        That run's network.
    image
        ``uint8``, shape ``(28, 28)``.
    label
        The true class, 0 to 9.
    others
        Labelled images on which to see what the step does to what was learnt before.

    Raises
    ------
    ModelError
        If the run's ``model.keras`` is damaged, or not of this network.
    """
    loss = run.recipe.loss
    gradient = gradients.backpropagate(network, image, label, loss)
    step = own_step(run, gradient)
    own = Split(image[np.newaxis], np.array([label], np.uint8))
    courses = [
        _loss_along(network, step.changes, split, loss)
        for split in (own, others)
        if split is not None
    ]

    def curve(factors: Floats) -> LossCurve:
        return LossCurve(factors, *(np.array([at(f) for f in factors.tolist()]) for at in courses))

    power, furthest = _too_far(courses[-1], until_gone=others is None)
    table = np.unique([*_FACTORS, *(power / 2**k for k in range(_HALVINGS + 1))])
    return LearningStep(
        label=label,
        loss=loss,
        step=step,
        weights=_loudest(network, gradient, step.changes, own, loss),
        parameters=sum(array.size for pair in gradient for array in pair),
        moved=sum(int(np.count_nonzero(array)) for pair in step.changes for array in pair),
        before=courses[0](0),
        after=courses[0](1),
        slope=_product(gradient, step.changes),
        table=curve(table),
        curve=curve(np.linspace(0, max(furthest, _LEAST), _POINTS + 1)),
        others=0 if others is None else len(others.images),
    )


def own_step(run: Run, gradient: Changes) -> OptimizerStep:
    """Let the optimizer of a run make of a gradient what it would in the training.

    It is given the state that it had after the last step of the training, from ``model.keras``.

    Raises
    ------
    ModelError
        If that file is damaged, or its weights are not those that `gradient` is of.
    """
    import keras

    from mnistry.recipes.optimizers import make_optimizer

    flat = [array for pair in gradient for array in pair]
    variables = run.model().trainable_variables
    if [variable.shape for variable in variables] != [array.shape for array in flat]:
        raise ModelError("its weights are not those of model.onnx", where=run.keras_path)
    steps = concepts.steps_per_epoch(run.scores().train.count, run.recipe.batch_size)
    optimizer = make_optimizer(run.recipe, steps * run.recipe.epochs)
    optimizer.build(variables)
    state = _saved_state(run.keras_path)
    remembers = [array.shape for array in state] == [v.shape for v in optimizer.variables]
    if remembers:
        for variable, array in zip(optimizer.variables, state, strict=True):
            variable.assign(array)

    def values() -> list[Floats]:
        return [np.array(keras.ops.convert_to_numpy(v), np.float64) for v in variables]

    rate, made, before = float(optimizer.learning_rate), int(optimizer.iterations), values()
    optimizer.apply([keras.ops.convert_to_tensor(a.astype(np.float32)) for a in flat], variables)
    moves = [new - old for new, old in zip(values(), before, strict=True)]
    changes = tuple(zip(moves[::2], moves[1::2], strict=True))
    peak = None if run.recipe.warmup is None else run.recipe.learning_rate
    return OptimizerStep(type(optimizer).__name__, rate, made, peak, remembers, changes)


def _saved_state(path: Path) -> list[NDArray[Any]]:
    """Read an optimizer's variables from a ``.keras`` file that has been checked."""
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
    """Give the mean loss of images as a function of how many times the changes are made."""
    inputs, labels = dense.as_inputs(split.images), np.asarray(split.labels)
    first, later = network.layers[0], DenseNetwork(network.layers[1:])
    # The first layer is most of the work, but its sums are straight lines: two products do.
    start = concepts.layer(inputs, first.kernel, first.bias)
    move = concepts.layer(inputs, *changes[0])

    def at(factor: float) -> float:
        sums = start + factor * move
        if later.layers:
            values = dense.ACTIVATIONS[first.activation](sums)
            sums = later.moved(changes[1:], factor).forward(values)[-1][0]
        return float(gradients.losses(sums, labels, loss).mean())

    return at


def _too_far(loss: Callable[[float], float], until_gone: bool) -> tuple[float, float]:
    """Find how many times the step makes a loss clearly worse or, if wanted, all but gone.

    Returns
    -------
    power, factor
        A power of 2 at which it has, and a smaller number at which it already has.
    """
    start = loss(0)

    def reached(factor: float) -> bool:
        now = loss(factor)
        return now >= _WORSE * start or (until_gone and now < start / 1000)

    power = 2.0
    while power < _MOST and not reached(power):
        power *= 2
    return power, next(filter(reached, (power * part / 8 for part in range(1, 8))), power)


def _product(a: Changes, b: Changes) -> float:
    """Multiply weight by weight, and add up."""
    pairs = zip((x for pair in a for x in pair), (y for pair in b for y in pair), strict=True)
    return math.fsum(float(np.vdot(x, y)) for x, y in pairs)


def _loudest(
    network: DenseNetwork, gradient: Changes, changes: Changes, own: Split, loss: str
) -> tuple[WeightChange, ...]:
    """Pick each layer's weights with the largest gradients, and find those by trying too."""
    found = []
    for number, layer in enumerate(network.layers):
        slopes, moves = gradient[number][0], changes[number][0]
        for place in np.argsort(-np.abs(slopes), axis=None, kind="stable")[:SHOWN]:
            source, unit = (int(i) for i in np.unravel_index(place, slopes.shape))
            if slopes[source, unit] == 0:
                break  # so are the rest
            found.append(
                WeightChange(
                    layer.name,
                    source,
                    unit,
                    weight=float(layer.kernel[source, unit]),
                    gradient=float(slopes[source, unit]),
                    numerical=gradients.by_trying(network, own, loss, number, (source, unit)),
                    change=float(moves[source, unit]),
                )
            )
    return tuple(found)
