"""The story that an explanation tells, in sentences, tables and pictures, for any page or screen.

Every number is introduced by a plain sentence, and none is made up here: all come from
`mnistry.explain.forward` and `mnistry.explain.learning`. Knows nothing of terminals or HTML.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.dense import DenseNetwork, Floats
from mnistry.explain.forward import Explanation, LayerView
from mnistry.explain.learning import LearningStep

_NODES = 5  # that a table of a layer's nodes lists
_PICTURES = 12  # of weights, or of feature maps
_ABREAST = 32  # nodes in one row of the picture of a layer
_SMALLEST = 5  # rows of a feature map in which there is still something to see
_PLACES = 8  # more than usual, at most, to tell two numbers apart


@dataclasses.dataclass(frozen=True)
class Formula:
    """A calculation on a line of its own."""

    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """Numbers in rows and columns.

    Attributes
    ----------
    headings, rows
        Text; the first column names the rows.
    shares
        A number from 0 to 1 for each row, to be drawn as a bar; empty for none.
    marked
        Which row matters most, from 0; None for none.
    words
        Whether the cells hold words rather than numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...] = ()
    marked: int | None = None
    words: bool = False


@dataclasses.dataclass(frozen=True)
class Drawing:
    """The loss in the direction of a step, to be drawn as curves.

    Attributes
    ----------
    step
        What to draw.
    others
        What its other images are: ``"training images of mnist"``.
    """

    step: LearningStep
    others: str


Part = str | Formula | Table | tuple[Picture, ...] | Drawing


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what follows it; a `str` is a paragraph."""

    title: str
    parts: tuple[Part, ...]


def forward(explanation: Explanation, about: str) -> list[Section]:
    """Tell of an image's way through a network.

    Parameters
    ----------
    explanation
        From `mnistry.explain.Explainer.explain`.
    about
        What image it is: ``"image 7 of the test images of mnist"``.
    """
    if explanation.network is None:
        middle = [_layers(explanation)]
    else:
        middle = [
            _vector(explanation),
            *(_hidden(explanation, number) for number in range(len(explanation.hidden))),
        ]
    return [_image(explanation, about), *middle, _softmax(explanation), _cost(explanation)]


def learning(step: LearningStep, others: str = "other images") -> list[Section]:
    """Tell of one step of learning on the same image.

    Parameters
    ----------
    step
        From `mnistry.explain.learning.learn`.
    others
        What its other images are: ``"training images of mnist"``.
    """
    return [_direction(step), _length(step), _distance(step, others)]


def number(value: float, more: int = 0) -> str:
    """Write a number for reading: four places, or two figures and a power of ten if it is small.

    Parameters
    ----------
    value
        Any number.
    more
        So many more places, or figures.

    Examples
    --------
    >>> number(3.14159), number(-0.5), number(0.0000123), number(0), number(0.5, more=1)
    ('3.1416', '-0.5000', '1.2e-05', '0.0000', '0.50000')
    """
    if value and abs(value) < 0.00095:
        return f"{value:.{1 + more}e}"
    return f"{value:,.{4 + more}f}"


def probability(explanation: Explanation, digit: int) -> str:
    """Write a class's probability; where it would be rounded to 1, by how little it is less."""
    rest = explanation.rest(digit)
    if 0 < rest < 0.00005:
        return f"1 - {number(rest)}"
    return number(float(explanation.probabilities[digit]))


def _more(*groups: Iterable[float]) -> int:
    """Find how many more places `number` takes to tell apart what differs within each group."""
    # What differs in the tenth figure alone is rounding error.
    different = [{float(f"{value:.8e}") for value in group} for group in groups]
    for more in range(_PLACES):
        if all(len({number(v, more) for v in group}) == len(group) for group in different):
            return more
    return _PLACES


def _image(explanation: Explanation, about: str) -> Section:
    image = explanation.image
    known = (
        "Nobody has said what it shows."
        if explanation.label is None
        else f"It is labelled {explanation.classes[explanation.label]}."
    )
    return Section(
        "The image is a tensor",
        (
            f"This is {about}. {known} Every number below is computed, and rounded for reading; "
            "1.5e-06 is short for 0.0000015.",
            (grey(image, "0 is paper, 255 is ink", limit=255),),
            Table(
                ("what", "it is", "which means"),
                (
                    ("rank", "2", "two axes: row and column"),
                    ("shape", "(28, 28)", "28 rows of 28 numbers, 784 in all"),
                    ("dtype", str(image.dtype), "whole numbers from 0 to 255, a byte each"),
                    ("range", f"{image.min()} to {image.max()}", "the smallest and the largest"),
                    ("ink", str(np.count_nonzero(image)), "numbers above 0; the others are paper"),
                ),
                words=True,
            ),
        ),
    )


def _vector(explanation: Explanation) -> Section:
    place = int(explanation.image.argmax())
    row, column = divmod(place, 28)
    pixel = int(explanation.image[row, column])
    return Section(
        "It becomes one row of 784 numbers from 0 to 1",
        (
            "A dense layer wants one row of numbers, so the 28 rows are laid end to end: the "
            "pixel in row r and column c becomes input 28 r + c, counted from 0. Each is divided "
            "by 255, inside the network, so that training and use can never differ in it.",
            f"The first of its darkest pixels, in row {row} and column {column}, becomes input "
            f"{place}:",
            Formula(f"28 × {row} + {column} = {place}"),
            "and its value becomes",
            Formula(f"{pixel} / 255 = {pixel / 255:.4f}"),
        ),
    )


def _hidden(explanation: Explanation, index: int) -> Section:
    view, layer = explanation.hidden[index], _network(explanation).layers[index]
    inputs, units = layer.kernel.shape
    work = (
        "A node multiplies every input x by its weight w, adds up the products, and adds the "
        "bias: its sum v."
        if index == 0
        else "They do with what the layer before gives as its nodes did with the pixels."
    )
    parts: list[Part] = [
        f"Each of the {units:,} nodes of the layer “{layer.name}” has a weight for each of its "
        f"{inputs:,} inputs, and a bias: {inputs:,} × {units:,} + {units:,} = "
        f"{layer.kernel.size + units:,} numbers, which the training has found. {work} The sums "
        f"reach from {number(_low(view.sums))} to {number(_high(view.sums))}.",
        f"{_ACTIVATION[layer.activation]} {view.fired:,} of the {units:,} nodes have a sum above "
        f"0{': they fire' if layer.activation == 'relu' else ''}.",
        (_cells(view),),
    ]
    if index == len(explanation.hidden) - 1:
        parts += _strongest(explanation, view)
    if index == 0:
        parts += _first_weights(explanation, view.strongest(_PICTURES).tolist())
    return Section(f"Hidden layer {index + 1}: {units:,} nodes", tuple(parts))


_ACTIVATION = {
    "linear": "This layer has no activation function: the sums go on as they are.",
    "relu": "ReLU lets sums above 0 through and makes 0 of the others.",
    "sigmoid": "The sigmoid squeezes each sum into 0 to 1.",
    "tanh": "Tanh squeezes each sum into -1 to 1.",
}


def _strongest(explanation: Explanation, view: LayerView) -> list[Part]:
    answer, last = explanation.answer, _network(explanation).layers[-1]
    name = explanation.classes[answer]
    nodes = view.strongest(_NODES).tolist()
    sums = np.asarray(view.sums)
    weights = last.kernel[:, answer]
    rows = tuple(
        (
            f"node {node}",
            number(sums[node]),
            number(view.values[node]),
            number(weights[node]),
            number(view.values[node] * weights[node]),
        )
        for node in nodes
    )
    return [
        f"The {len(rows)} nodes that give most, and what each adds to the sum of the answer "
        f"{name} in the last layer, by the weight that leads there:",
        Table(("", "sum v", "gives", f"weight to {name}", f"adds to {name}"), rows),
    ]


def _first_weights(explanation: Explanation, nodes: list[int]) -> list[Part]:
    """Show the weights of nodes of the first layer as pictures, and the first one's sum."""
    layer, view = _network(explanation).layers[0], explanation.layers[0]
    first = nodes[0]
    answers = len(explanation.layers) == 1
    name = f"the answer {explanation.classes[first]}" if answers else f"node {first}"
    terms = np.asarray(explanation.terms(first))
    pictures = signed(
        [layer.kernel[:, node].reshape(28, 28) for node in nodes],
        [explanation.classes[n] if answers else f"node {n}" for n in nodes],
    )
    return [
        "A node of the first layer has one weight for each pixel, so its weights are a picture: "
        "red where ink raises its sum, blue where ink lowers it, white where ink does nothing.",
        pictures,
        f"The sum of {name} is its bias, and what the inked pixels add and take away:",
        _sum(layer.bias[first], terms, np.asarray(view.sums)[first]),
    ]


def _softmax(explanation: Explanation) -> Section:
    title = "Ten sums become ten probabilities"
    names = explanation.classes
    shares = tuple(explanation.probabilities.tolist())
    logits, shifted, powers = explanation.logits, explanation.shifted, explanation.powers
    if logits is None or shifted is None or powers is None:
        pairs = tuple((name, probability(explanation, k)) for k, name in enumerate(names))
        return Section(title, (Table(("class", "probability"), pairs, shares, explanation.answer),))
    rows = tuple(
        (
            name,
            *(number(float(c[k])) for c in (logits, shifted, powers)),
            probability(explanation, k),
        )
        for k, name in enumerate(names)
    )
    rest = float(np.delete(powers, powers.argmax()).sum())
    whole = f"1 + {number(rest)}" if rest < 0.00005 else number(1 + rest)
    return Section(
        title,
        (
            *_answering(explanation),
            "Softmax makes probabilities of them, from 0 to 1 and together 1, in three steps. "
            f"First the largest, {number(float(logits.max()))}, is taken from each, which changes "
            "no probability and keeps the powers small. Then e = 2.718… is raised to the power "
            f"of each. Last, each power is divided by the sum of all ten, {whole}.",
            Table(
                ("class", "logit v", "less largest", "exp", "probability"),
                rows,
                shares,
                explanation.answer,
            ),
        ),
    )


def _answering(explanation: Explanation) -> list[Part]:
    """Tell of the last layer of a dense network."""
    if explanation.network is None:
        return ["The last layer has ten nodes, one for each class; their sums are called logits."]
    answer, last = explanation.answer, explanation.network.layers[-1]
    inputs = len(last.kernel)
    parts: list[Part] = [
        "The last layer has ten nodes, one for each class, with a weight for each of its "
        f"{inputs:,} inputs: {inputs:,} × 10 + 10 = {inputs * 10 + 10:,} numbers. Their sums are "
        "called logits."
    ]
    if not explanation.hidden:
        order = explanation.layers[0].strongest(10).tolist()
        return [*parts, *_first_weights(explanation, order)]
    terms = explanation.hidden[-1].values * last.kernel[:, answer]
    return [
        *parts,
        f"The largest is that of {explanation.classes[answer]}: its bias, what raises it, and "
        "what lowers it:",
        _sum(last.bias[answer], terms, float(np.asarray(explanation.logits)[answer])),
    ]


def _cost(explanation: Explanation) -> Section:
    answer, label, names = explanation.answer, explanation.label, explanation.classes
    said = (
        f"The answer is the class with the largest probability, its argmax: {names[answer]}, with "
        f"{probability(explanation, answer)}."
    )
    if label is None or explanation.cost is None or explanation.cost_bits is None:
        said += " What it really shows is not known, so there is no telling what the answer costs."
        return Section("The answer", (said,))
    said += " That is right." if answer == label else f" That is wrong: it is {names[label]}."
    true = probability(explanation, label)
    return Section(
        "The answer, and what it costs",
        (
            said,
            "What an answer costs is cross-entropy: minus the logarithm of the probability that "
            f"was given to the true class, {names[label]}. A probability of 1 would cost nothing. "
            "With the natural logarithm it is counted in nats, as Keras does, with the logarithm "
            "to base 2 in bits.",
            Formula(
                f"-ln {f'({true})' if ' ' in true else true} = "
                f"{number(explanation.cost)} nats = {number(explanation.cost_bits)} bits"
            ),
            "One who knows nothing, and gives each class a tenth, pays "
            f"{math.log(10):.4f} nats, {math.log2(10):.4f} bits.",
        ),
    )


def _layers(explanation: Explanation) -> Section:
    rows = tuple(
        (
            view.name,
            view.kind,
            " × ".join(map(str, view.values.shape)),
            _range(view.values),
        )
        for view in explanation.layers
    )
    parts: list[Part] = [
        "This is no network of dense layers alone, so here is what each of its layers gives, in "
        "the order of computation. What they compute is said in ONNX's words: Gemm is the sums of "
        "a dense layer. The shape of feature maps is rows × columns × maps. Pixels are divided "
        "by 255 here too, unseen: in a file of ours the first layer that has weights keeps them "
        "255 times smaller.",
        Table(("layer", "computes", "shape", "range"), rows, words=True),
    ]
    for view in explanation.layers:
        # What has only one map, or few pixels, shows nothing that a table does not.
        if view.values.ndim == 3 and view.values.shape[-1] > 1 and len(view.values) >= _SMALLEST:
            chosen = np.argsort(-view.values.mean(axis=(0, 1)), kind="stable")[:_PICTURES]
            maps = [view.values[:, :, channel] for channel in chosen]
            parts += [
                f"{view.name}: {len(maps)} of its {view.values.shape[-1]} maps, those with the "
                f"largest mean first; {_key(maps)}.",
                _maps(maps, [f"map {channel}" for channel in chosen]),
            ]
    return Section("From layer to layer", tuple(parts))


def _direction(step: LearningStep) -> Section:
    error = (
        "the slope of the loss along its sum"
        if step.loss == "binary_crossentropy"
        else "its probability less what would have been right, 1 or 0"
    )
    rows = tuple(
        (
            f"{weight.layer} {weight.source} to {weight.unit}",
            number(weight.weight),
            f"{weight.gradient:.6g}",
            f"{weight.numerical:.6g}",
        )
        for weight in step.weights
    )
    return Section(
        "One step of learning: which way?",
        (
            f"Each of the network's {step.parameters:,} weights and biases has a gradient: by how "
            "much the loss grows for each unit that the weight grows. To learn is to go the other "
            "way. Backpropagation finds all gradients in one go: the error of each output is "
            f"{error}; passed back over the weights, times the slope of each node's activation "
            "function (of ReLU: 1 where the node fired, else 0), it gives the error of each node "
            "before; and a weight's gradient is its input times the error of its node.",
            *_gradients(rows),
        ),
    )


def _gradients(rows: tuple[tuple[str, ...], ...]) -> list[Part]:
    if not rows:
        return ["Here no weight has one other than 0: nothing but biases can learn from it."]
    return [
        "These are the weights of each layer whose gradients are largest, named by input and "
        "node. By trying means: the loss with 0.00001 added to the weight, less the loss with "
        "0.00001 taken away, divided by 0.00002.",
        Table(("weight", "value", "backpropagation", "by trying"), rows),
    ]


def _length(step: LearningStep) -> Section:
    made = step.step
    state = "as the training left it" if made.remembers else "as new, its state being lost"
    rate = f"learning rate {made.learning_rate:.4g}"
    if made.peak_learning_rate is not None:
        rate += f" by a schedule whose peak is {made.peak_learning_rate:g}"
    more = _more(*((w.weight, w.weight + w.change) for w in step.weights))
    rows = tuple(
        (
            f"{weight.layer} {weight.source} to {weight.unit}",
            number(weight.weight, more),
            f"{weight.change:+.3g}",
            number(weight.weight + weight.change, more),
        )
        for weight in step.weights
    )
    table = (Table(("weight", "before", "step", "after"), rows),) if rows else ()
    return Section(
        "How far?",
        (
            f"That is decided by the optimizer that trained this run: {made.optimizer}, {rate}, "
            f"{state}, in its step {made.steps_before + 1:,}. It moves {step.moved:,} of the "
            f"{step.parameters:,}.{_HABIT.get(made.optimizer, '')} In training it saw the mean "
            "gradient of a whole batch; here this image stands alone.",
            *table,
        ),
    )


_ADAM = (
    " It follows a running mean of the gradients, to which this image adds only the newest part, "
    "and divides it by how large the weight's gradients usually are."
)
_HABIT = {
    "Adam": _ADAM,
    "AdamW": f"{_ADAM} Every weight shrinks a little besides.",
    "RMSprop": " It divides each gradient by how large that weight's gradients usually are: so "
    "each weight moves by about the learning rate, further where a gradient is unusually large, "
    "and far less where it is unusually small, as with an image that the network knows.",
    "SGD": " It multiplies each gradient by the learning rate, and with momentum goes on by a part "
    "of its last step.",
}


def _distance(step: LearningStep, others: str) -> Section:
    table = step.table
    columns = [step.before + table.factors * step.slope, table.own]
    headings = ["times the step", "slope predicts", "loss found"]
    compared = ""
    if table.others is not None:
        columns.append(table.others)
        headings.append(f"{step.others:,} others")
        compared = f" The last column is the mean loss of {step.others:,} {others}."
    rows = zip([f"{factor:g}" for factor in table.factors], *map(_column, columns), strict=True)
    more = _more((step.before, step.predicted), (step.before, step.after))
    before, predicted, after = (
        number(value, more) for value in (step.before, step.predicted, step.after)
    )
    return Section(
        "What the loss does",
        (
            f"The loss of this image is {_LOSS[step.loss]}. All gradients times all steps, "
            f"added up, are {number(step.slope)}: so much would the whole step change it, if the "
            f"loss went on as straight as it begins, from {before} to {predicted}. After the step "
            f"it is found to be {after}."
            + (" No loss is below 0: it bends on the way." if step.predicted < 0 else "")
            + compared,
            Table(tuple(headings), tuple(rows), marked=int(np.flatnonzero(table.factors == 1)[0])),
            Drawing(step, others),
            *_overshoot(step, others),
            "None of this is kept: the run stays as it is.",
        ),
    )


def _column(values: Floats) -> list[str]:
    more = _more(values.tolist())
    return [number(value, more) for value in values.tolist()]


_LOSS = {
    "categorical_crossentropy": "its cross-entropy in nats, as above",
    "sparse_categorical_crossentropy": "its cross-entropy in nats, as above",
    "binary_crossentropy": "the binary cross-entropy of each of its ten probabilities, their mean "
    "in nats",
}


def _overshoot(step: LearningStep, others: str) -> list[Part]:
    factors, own, theirs = step.curve.factors, step.curve.own, step.curve.others
    said = f"The loss of the image itself {_course(factors, own)}."
    if _turns(own):
        said += " Where it rises again, the step has overshot: hence small learning rates."
    if theirs is None:
        return [said]
    mean = (
        f"But the weights belong to all images. The mean loss of the {step.others:,} {others} "
        f"{_course(factors, theirs)}."
    )
    if _turns(theirs):
        mean += " Where it rises again, the step has overshot."
    elif theirs.argmin() == 0:
        mean += (
            " This direction does not help them: it was found with the gradient of one image, not "
            "with theirs. Hence the gradients of many images at once, in batches."
        )
    return [said, mean]


def _turns(losses: Floats) -> bool:
    """Say whether a loss falls first, and then rises."""
    return 0 < int(losses.argmin()) < len(losses) - 1


def _course(factors: Floats, losses: Floats) -> str:
    least = int(losses.argmin())
    values = [float(losses[i]) for i in (0, least, -1)]
    more = _more(values)
    first, lowest, last = (number(value, more) for value in values)
    end = f"{last} at {factors[-1]:g} times the step"
    if least == 0:
        return f"only rises, from {first} to {end}"
    if least == len(losses) - 1:
        return f"only falls, from {first} to {end}"
    return (
        f"falls from {first} to {lowest} at {factors[least]:.3g} times the step, and then rises "
        f"to {end}"
    )


def _sum(bias: float, terms: Floats, whole: float) -> Formula:
    raised, lowered = float(terms[terms > 0].sum()), float(terms[terms < 0].sum())
    return Formula(f"{number(bias)} + {number(raised)} - {number(-lowered)} = {number(whole)}")


def _cells(view: LayerView) -> Picture:
    """Picture a layer's values, a cell a node, row by row."""
    rows = -(-len(view.values) // _ABREAST)
    cells = np.zeros(rows * min(_ABREAST, len(view.values)))
    cells[: len(view.values)] = view.values
    caption = f"what each node gives, {min(_ABREAST, len(view.values))} a row"
    return signed([cells.reshape(rows, -1)], [caption])[0]


def _key(maps: Sequence[Floats]) -> str:
    """Say how to read the colours that `_maps` takes."""
    if _has_negative(maps):
        return "red is above 0, blue below, and the stronger the colour, the further"
    return "the darker, the larger"


def _has_negative(maps: Sequence[Floats]) -> bool:
    return min(float(part.min()) for part in maps) < 0


def _maps(maps: Sequence[Floats], captions: Sequence[str]) -> tuple[Picture, ...]:
    if _has_negative(maps):
        return signed(maps, captions)
    limit = max(float(part.max()) for part in maps)
    return tuple(grey(part, text, limit) for part, text in zip(maps, captions, strict=True))


def _network(explanation: Explanation) -> DenseNetwork:
    if explanation.network is None:
        raise TypeError("not an explanation of a dense network")
    return explanation.network


def _range(values: Floats) -> str:
    low, high = _low(values), _high(values)
    if not (values % 1).any():  # pixels as they came
        return f"{low:.0f} to {high:.0f}"
    return f"{number(low)} to {number(high)}"


def _low(values: Floats | None) -> float:
    return float(np.min(np.asarray(values)))


def _high(values: Floats | None) -> float:
    return float(np.max(np.asarray(values)))
