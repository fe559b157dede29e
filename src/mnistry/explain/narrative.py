"""An explanation in sentences, tables and pictures, for a page or a terminal.

A plain sentence introduces every number. All numbers come from `mnistry.explain.forward` and
`mnistry.explain.learning`. Knows nothing of terminals or HTML.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from mnistry.explain.colours import Picture, grey, signed
from mnistry.explain.dense import DenseLayer, DenseNetwork, Floats, as_inputs
from mnistry.explain.forward import Explanation, LayerView
from mnistry.explain.learning import LearningStep, Saliency

_NODES = 5  # rows in the table of a layer's nodes
_PICTURES = 12  # pictures of weights, or of feature maps
_CELLS = 32  # nodes in one row of the picture of a layer
_SMALLEST = 5  # rows of the smallest feature map that is drawn
_MOST_EXTRA = 8  # extra digits, at most, to tell two numbers apart


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
        The index of the most important row; None for none.
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
        The step to draw.
    others
        What the other images are: ``"training images of mnist"``.
    """

    step: LearningStep
    others: str


# What the page of `mnistry export --format html` says too; there JavaScript fills in the numbers.
SENTENCES = {
    "nodes": "Each of the {units} nodes of the layer “{layer}” has a weight for each of its "
    "{inputs} inputs, and a bias: {inputs} × {units} + {units} = {numbers} numbers, which were "
    "found by training. {work} The sums range from {least} to {largest}.",
    "work": "A node multiplies each input x by its weight w, adds up the products, and adds its "
    "bias: the result is its sum v.",
    "linear": "This layer has no activation function: its outputs are the sums.",
    "relu": "ReLU keeps sums above 0 and replaces the others by 0.",
    "sigmoid": "Sigmoid turns each sum into a number from 0 to 1.",
    "tanh": "Tanh turns each sum into a number from -1 to 1.",
    "above": "{fired} of the {units} nodes have a sum above 0.",
    "fire": "{fired} of the {units} nodes have a sum above 0: they fire.",
    "weights": "A node of the first layer has one weight for each pixel, so its weights are a "
    "picture. Ink on red raises the node's sum, ink on blue lowers it, ink on white does nothing.",
    "sum": "The sum of {name} is its bias, plus what inked pixels add, minus what they take away:",
    "logits": "The last layer has ten nodes, one for each class. Their sums are called logits.",
    "dense logits": "The last layer has ten nodes, one for each class. Each has a weight for each "
    "of its {inputs} inputs, and a bias: {inputs} × 10 + 10 = {numbers} numbers. Their sums are "
    "called logits.",
    "largest": "The largest logit is that of {name}: its bias, plus what raises it, minus what "
    "lowers it:",
    "softmax": "Softmax turns them into probabilities, from 0 to 1 and with the sum 1, in three "
    "steps. First, the largest logit, {largest}, is subtracted from each; this keeps the powers "
    "small and changes no probability. Second, e = 2.718… is raised to the power of each result. "
    "Third, each power is divided by the sum of all ten, {total}.",
    "answer": "The answer is the class with the largest probability, the argmax: {name}, with "
    "{probability}.",
}
SOFTMAX_TITLE = "Ten sums become ten probabilities"
SOFTMAX_HEADINGS = ("class", "logit v", "minus largest", "exp", "probability")

Part = str | Formula | Table | tuple[Picture, ...] | Drawing


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and its parts; a `str` is a paragraph."""

    title: str
    parts: tuple[Part, ...]


def forward(explanation: Explanation, about: str) -> list[Section]:
    """Describe an image's path through a network.

    Parameters
    ----------
    explanation
        From `mnistry.explain.Explainer.explain`.
    about
        Which image it is: ``"image 7 of the test images of mnist"``.
    """
    network = explanation.network
    if network is None:
        middle = [_layers(explanation)]
    else:
        hidden = range(len(explanation.hidden))
        middle = [_vector(explanation), *(_hidden(explanation, network, i) for i in hidden)]
    return [_image(explanation, about), *middle, _softmax(explanation), _loss(explanation)]


def learning(step: LearningStep, others: str = "other images") -> list[Section]:
    """Describe one step of learning on the same image; `others` as in `Drawing`."""
    return [_direction(step), _length(step), _distance(step, others)]


def number(value: float, extra: int = 0) -> str:
    """Write a number with four decimal places, or a small one with two digits and a power of ten.

    Parameters
    ----------
    value
        Any number.
    extra
        How many more decimal places, or digits, to write.

    Examples
    --------
    >>> number(3.14159), number(-0.5), number(0.0000123), number(0), number(0.5, extra=1)
    ('3.1416', '-0.5000', '1.2e-05', '0.0000', '0.50000')
    """
    if value and abs(value) < 0.00095:
        return f"{value:.{1 + extra}e}"
    return f"{value:,.{4 + extra}f}"


def probability(explanation: Explanation, digit: int) -> str:
    """Write a class's probability, or its difference from 1 if it would be rounded to 1."""
    rest = explanation.rest(digit)
    if 0 < rest < 0.00005:
        return f"1 - {number(rest)}"
    return number(float(explanation.probabilities[digit]))


def _extra(*groups: Iterable[float]) -> int:
    """Return how many more digits `number` needs to tell apart the numbers of each group."""
    # Numbers that differ only in the tenth digit differ by rounding errors.
    different = [{float(f"{value:.8e}") for value in group} for group in groups]
    for extra in range(_MOST_EXTRA):
        if all(len({number(v, extra) for v in group}) == len(group) for group in different):
            return extra
    return _MOST_EXTRA


def _image(explanation: Explanation, about: str) -> Section:
    image, label = explanation.image, explanation.label
    known = "It has no label." if label is None else f"It is labelled {explanation.classes[label]}."
    return Section(
        "The image is a tensor",
        (
            f"This is {about}. {known} Every number below is computed, and rounded for reading; "
            "1.5e-06 is short for 0.0000015.",
            (grey(image, "0 is paper, 255 is ink", limit=255),),
            Table(
                ("property", "value", "meaning"),
                (
                    ("rank", "2", "two axes: row and column"),
                    ("shape", "(28, 28)", "28 rows of 28 numbers, 784 in total"),
                    ("dtype", str(image.dtype), "whole numbers from 0 to 255, one byte each"),
                    ("range", f"{image.min()} to {image.max()}", "smallest and largest number"),
                    ("ink", str(np.count_nonzero(image)), "numbers above 0; the others are paper"),
                ),
                words=True,
            ),
        ),
    )


def _vector(explanation: Explanation) -> Section:
    index = int(explanation.image.argmax())
    row, column = divmod(index, 28)
    pixel = int(explanation.image[row, column])
    return Section(
        "It becomes one row of 784 numbers from 0 to 1",
        (
            "A dense layer takes one row of numbers, so the 28 rows are joined end to end: the "
            "pixel in row r and column c becomes input 28 r + c, counted from 0. Each number is "
            "divided by 255. The network does this itself, so it is the same in training and in "
            "use.",
            f"The first of the darkest pixels, in row {row} and column {column}, becomes input "
            f"{index}:",
            Formula(f"28 × {row} + {column} = {index}"),
            "and its value becomes",
            Formula(f"{pixel} / 255 = {pixel / 255:.4f}"),
        ),
    )


def _hidden(explanation: Explanation, network: DenseNetwork, index: int) -> Section:
    view, layer = explanation.hidden[index], network.layers[index]
    inputs, units = layer.kernel.shape
    sums = np.asarray(view.sums)
    work = (
        SENTENCES["work"]
        if index == 0
        else "Its nodes do the same with the outputs of the previous layer."
    )
    fired = SENTENCES["fire" if layer.activation == "relu" else "above"].format(
        fired=f"{view.fired:,}", units=f"{units:,}"
    )
    parts: list[Part] = [
        SENTENCES["nodes"].format(
            units=f"{units:,}",
            layer=layer.name,
            inputs=f"{inputs:,}",
            numbers=f"{layer.kernel.size + units:,}",
            work=work,
            least=number(sums.min()),
            largest=number(sums.max()),
        ),
        f"{SENTENCES[layer.activation]} {fired}",
        (_cells(view),),
    ]
    if index == len(explanation.hidden) - 1:
        parts += _strongest(explanation, view, network.layers[-1])
    if index == 0:
        parts += _first_weights(explanation, layer, view.strongest(_PICTURES).tolist())
    return Section(f"Hidden layer {index + 1}: {units:,} nodes", tuple(parts))


def _cells(view: LayerView) -> Picture:
    """Draw a layer's outputs, row by row, one cell for each node."""
    columns = min(_CELLS, len(view.values))
    cells = np.zeros(-(-len(view.values) // columns) * columns)
    cells[: len(view.values)] = view.values
    return signed([cells.reshape(-1, columns)], [f"each node's output, {columns} in a row"])[0]


def _strongest(explanation: Explanation, view: LayerView, last: DenseLayer) -> list[Part]:
    answer = explanation.answer
    name = explanation.classes[answer]
    sums, weights = np.asarray(view.sums), last.kernel[:, answer]
    rows = tuple(
        (
            f"node {node}",
            number(sums[node]),
            number(view.values[node]),
            number(weights[node]),
            number(view.values[node] * weights[node]),
        )
        for node in view.strongest(_NODES).tolist()
    )
    return [
        f"These {len(rows)} nodes have the largest outputs. Each adds its output times its weight "
        f"to the sum of the answer {name} in the last layer:",
        Table(("", "sum v", "output", f"weight to {name}", f"adds to {name}"), rows),
    ]


def _first_weights(explanation: Explanation, layer: DenseLayer, nodes: list[int]) -> list[Part]:
    """Draw the weights of nodes of the first layer, and write the sum of the first of them."""
    first = nodes[0]
    are_answers = len(explanation.layers) == 1  # the first layer is also the last
    names = [explanation.classes[node] if are_answers else f"node {node}" for node in nodes]
    terms = layer.kernel[:, first] * as_inputs(explanation.image)[0]
    sums = np.asarray(explanation.layers[0].sums)
    return [
        SENTENCES["weights"],
        signed([layer.kernel[:, node].reshape(28, 28) for node in nodes], names),
        SENTENCES["sum"].format(name=f"{'the answer ' if are_answers else ''}{names[0]}"),
        _sum(layer.bias[first], terms, sums[first]),
    ]


def _sum(bias: float, terms: Floats, total: float) -> Formula:
    raised, lowered = float(terms[terms > 0].sum()), float(terms[terms < 0].sum())
    return Formula(f"{number(bias)} + {number(raised)} - {number(-lowered)} = {number(total)}")


def _softmax(explanation: Explanation) -> Section:
    title, names = SOFTMAX_TITLE, explanation.classes
    shares = tuple(explanation.probabilities.tolist())
    logits, shifted, powers = explanation.logits, explanation.shifted, explanation.powers
    if logits is None or shifted is None or powers is None:
        pairs = tuple((name, probability(explanation, k)) for k, name in enumerate(names))
        return Section(title, (Table(("class", "probability"), pairs, shares, explanation.answer),))
    rows = tuple(
        (
            name,
            *(number(float(column[k])) for column in (logits, shifted, powers)),
            probability(explanation, k),
        )
        for k, name in enumerate(names)
    )
    rest = float(np.delete(powers, powers.argmax()).sum())
    total = f"1 + {number(rest)}" if rest < 0.00005 else number(1 + rest)
    return Section(
        title,
        (
            *_logits(explanation, logits),
            SENTENCES["softmax"].format(largest=number(float(logits.max())), total=total),
            Table(SOFTMAX_HEADINGS, rows, shares, explanation.answer),
        ),
    )


def _logits(explanation: Explanation, logits: Floats) -> list[Part]:
    if explanation.network is None:
        return [SENTENCES["logits"]]
    answer, last = explanation.answer, explanation.network.layers[-1]
    inputs = len(last.kernel)
    parts: list[Part] = [
        SENTENCES["dense logits"].format(inputs=f"{inputs:,}", numbers=f"{inputs * 10 + 10:,}")
    ]
    if not explanation.hidden:
        order = explanation.layers[0].strongest(10).tolist()
        return [*parts, *_first_weights(explanation, last, order)]
    terms = explanation.hidden[-1].values * last.kernel[:, answer]
    return [
        *parts,
        SENTENCES["largest"].format(name=explanation.classes[answer]),
        _sum(last.bias[answer], terms, logits[answer]),
    ]


def _loss(explanation: Explanation) -> Section:
    answer, label, names = explanation.answer, explanation.label, explanation.classes
    text = SENTENCES["answer"].format(
        name=names[answer], probability=probability(explanation, answer)
    )
    if label is None or explanation.cost is None or explanation.cost_bits is None:
        text += " The true class is not known, so there is no loss to compute."
        return Section("The answer", (text,))
    text += " That is right." if answer == label else f" That is wrong: it is {names[label]}."
    true = probability(explanation, label)
    return Section(
        "The answer, and its loss",
        (
            text,
            "The loss of an answer is the cross-entropy: minus the logarithm of the probability "
            f"of the true class, {names[label]}. With a probability of 1 the loss would be 0. The "
            "natural logarithm gives it in nats, as in Keras, the logarithm to base 2 in bits.",
            Formula(
                f"-ln {f'({true})' if ' ' in true else true} = "
                f"{number(explanation.cost)} nats = {number(explanation.cost_bits)} bits"
            ),
            "A network that knows nothing gives each class "
            + ("a tenth" if len(names) == 10 else f"1/{len(names)}")
            + f". Its loss is {math.log(len(names)):.4f} nats, {math.log2(len(names)):.4f} bits.",
        ),
    )


def _layers(explanation: Explanation) -> Section:
    rows = tuple(
        (view.name, view.kind, " × ".join(map(str, view.values.shape)), _range(view.values))
        for view in explanation.layers
    )
    parts: list[Part] = [
        "This network has layers other than dense ones. The table shows the output of each layer, "
        "in the order of computation. What a layer computes is named as in ONNX: Gemm computes "
        "the sums of a dense layer. The shape of feature maps is rows × columns × maps. No layer "
        "divides the pixels by 255: instead, the first weights of the network are divided by 255.",
        Table(("layer", "computes", "shape", "range"), rows, words=True),
    ]
    for views in _with_the_same_maps(explanation.layers):
        parts += _drawn_maps(views)
    return Section("From layer to layer", tuple(parts))


def _with_the_same_maps(layers: Sequence[LayerView]) -> list[list[LayerView]]:
    """Group successive layers whose feature maps have the same number and size.

    Layers with a single map, or with maps of a few pixels, are left out: a picture of them would
    show nothing new.
    """
    groups: list[list[LayerView]] = []
    for view in layers:
        shape = view.values.shape
        if len(shape) != 3 or shape[-1] == 1 or shape[0] < _SMALLEST:
            continue
        if groups and groups[-1][-1].values.shape == shape and view.filters is None:
            groups[-1].append(view)
        else:
            groups.append([view])
    return groups


def _drawn_maps(views: list[LayerView]) -> list[Part]:
    """Draw the feature maps of the last of these layers, and the filters that made them."""
    last, first = views[-1], views[0]
    order = np.argsort(-last.values.mean(axis=(0, 1)), kind="stable")[:_PICTURES]
    parts: list[Part] = []
    if first.filters is not None and first.filters.shape[2] == 1:
        rows, columns, _, count = first.filters.shape
        parts += [
            f"{first.name}: each of its {count} filters is {rows} × {columns} weights. A filter "
            "slides over the image; at each place the products of its weights and the pixels "
            "under it are added up, and the sums are its feature map. Ink on red weights raises "
            f"the sum, ink on blue ones lowers it. These are the filters of the {len(order)} maps "
            "below.",
            signed(
                [first.filters[:, :, 0, number] for number in order],
                [f"filter {number}" for number in order],
            ),
        ]
    key, pictures = _maps(last.values[:, :, order], [f"map {number}" for number in order])
    return [
        *parts,
        f"{last.name}: {len(pictures)} of its {last.values.shape[-1]} maps, the one with the "
        f"largest mean first; {key}.",
        pictures,
    ]


def saliency(found: Saliency, explanation: Explanation) -> Section:
    """Describe which pixels and places count for the answer."""
    name = explanation.classes[explanation.answer]
    by_pixel = found.by_pixel
    plus, minus = float(by_pixel.clip(min=0).sum()), float(-by_pixel.clip(max=0).sum())
    parts: list[Part] = [
        "Gradient times input: each pixel, from 0 to 1, times how much the sum of the answer "
        f"{name} before softmax would grow for each unit that the pixel grows. Ink on red speaks "
        f"for {name} ({number(plus)} in total), ink on blue against it ({number(minus)}). (A. "
        "Shrikumar and others: Not Just a Black Box, 2016.)",
        signed([by_pixel], [f"for (red) and against (blue) {name}"]),
    ]
    if found.by_place is not None:
        rows, columns = found.by_place.shape
        parts += [
            f"Grad-CAM: the {rows} × {columns} feature maps of {found.layer}, each times the mean "
            f"gradient of {name}'s sum for it, added up; below 0 is 0. Darker places count more. "
            "(R. Selvaraju and others: Grad-CAM, 2017, equations 1 and 2.)",
            (
                grey(explanation.image, "the image", limit=255),
                grey(_enlarged(found.by_place), "Grad-CAM", float(found.by_place.max())),
            ),
        ]
    return Section("Which pixels count", tuple(parts))


def _enlarged(values: Floats) -> Floats:
    """Scale a picture to 28x28, linearly between its values."""
    rows, columns = (np.linspace(0, side - 1, 28) for side in values.shape)
    across = np.array([np.interp(columns, np.arange(len(row)), row) for row in values])
    return np.array([np.interp(rows, np.arange(len(col)), col) for col in across.T]).T


def _range(values: Floats) -> str:
    low, high = float(values.min()), float(values.max())
    if not (values % 1).any():  # unchanged pixels
        return f"{low:.0f} to {high:.0f}"
    return f"{number(low)} to {number(high)}"


def _maps(maps: Floats, captions: Sequence[str]) -> tuple[str, tuple[Picture, ...]]:
    """Draw feature maps; also return what their colours mean."""
    images = [*np.moveaxis(maps, -1, 0)]
    if maps.min() < 0:
        return "red is above 0, blue is below, and a stronger colour is further from 0", signed(
            images, captions
        )
    limit = float(maps.max())
    pictures = (grey(image, text, limit) for image, text in zip(images, captions, strict=True))
    return "darker is larger", tuple(pictures)


_OTHER_LOSSES = {
    "binary_crossentropy": "the mean of the binary cross-entropies of its probabilities, in nats",
    "mean_squared_error": "the mean of the squares of its errors: each probability, minus 1 for "
    "the true class",
}


def _direction(step: LearningStep) -> Section:
    error = (
        "the derivative of the loss with respect to the node's sum"
        if step.loss in _OTHER_LOSSES
        else "its probability, minus 1 for the true class"
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
    little = f"{step.difference:.5f}".rstrip("0")
    filters = "" if step.is_dense else " (of a convolution: by weight, row by row, and map)"
    largest: list[Part] = [
        "These are the weights of each layer with the largest gradients, named by input and node"
        f"{filters}. The last column checks the gradient by a difference: the loss with {little} "
        "added to the weight, minus the loss with as much subtracted, divided by twice that.",
        Table(("weight", "value", "backpropagation", "difference"), rows),
    ]
    none: list[Part] = ["Here the gradient of every weight is 0: only biases learn from the image."]
    return Section(
        "One step of learning: which way?",
        (
            f"Each of the network's {step.parameters:,} weights and biases has a gradient: how "
            "much the loss grows for each unit that the weight grows. To learn is to change "
            "weights in the opposite direction. Backpropagation computes all gradients in one "
            f"pass. It starts with the error of each output node: {error}. The error of an earlier "
            "node is the sum of the errors of the nodes that it feeds, each times the connecting "
            "weight, times the slope of its activation function (for ReLU: 1 if the node fires, "
            "else 0). The gradient of a weight is its input times the error of its node.",
            *(largest if rows else none),
        ),
    )


def _length(step: LearningStep) -> Section:
    made = step.step
    state = "its state at the end of the training" if made.has_state else "a new state"
    rate = f"learning rate {made.learning_rate:.4g}"
    if made.peak_learning_rate is not None:
        rate += f" (the peak of its schedule is {made.peak_learning_rate:g})"
    extra = _extra(*((w.weight, w.weight + w.change) for w in step.weights))
    rows = tuple(
        (
            f"{weight.layer} {weight.source} to {weight.unit}",
            number(weight.weight, extra),
            f"{weight.change:+.3g}",
            number(weight.weight + weight.change, extra),
        )
        for weight in step.weights
    )
    table = (Table(("weight", "before", "step", "after"), rows),) if rows else ()
    return Section(
        "How far?",
        (
            f"The optimizer that trained this run decides: {made.optimizer}, {rate}, with {state}. "
            f"In step {made.steps_before + 1:,} it changes {step.moved:,} of the "
            f"{step.parameters:,} weights and biases.{_OPTIMIZERS.get(made.optimizer, '')} In "
            "training the gradient is the mean of a whole batch; here it is that of this image.",
            *table,
        ),
    )


_ADAM = (
    " It divides a running mean of the gradients, of which this image's gradient is only the "
    "newest part, by the usual size of each weight's gradients."
)
_OPTIMIZERS = {
    "Adam": _ADAM,
    "AdamW": f"{_ADAM} Every weight also shrinks a little.",
    "RMSprop": " It divides each gradient by the usual size of that weight's gradients. So each "
    "weight moves by about the learning rate: further if its gradient is unusually large, and far "
    "less if it is unusually small, as for an image that the network knows.",
    "SGD": " It multiplies each gradient by the learning rate; with momentum it adds a part of its "
    "last step.",
}


def _distance(step: LearningStep, others: str) -> Section:
    table = step.table
    columns = [step.before + table.factors * step.slope, table.own]
    headings = ["times the step", "slope predicts", "actual loss"]
    compared = ""
    if table.others is not None:
        columns.append(table.others)
        headings.append(f"{step.others:,} others")
        compared = f" The last column is the mean loss of {step.others:,} {others}."
    rows = zip([f"{factor:g}" for factor in table.factors], *map(_numbers, columns), strict=True)
    extra = _extra((step.before, step.predicted), (step.before, step.after))
    before, predicted, after = (
        number(value, extra) for value in (step.before, step.predicted, step.after)
    )
    loss = _OTHER_LOSSES.get(step.loss, "its cross-entropy in nats, as above")
    return Section(
        "What the loss does",
        (
            f"The loss of this image is {loss}. The sum of each gradient times its step is "
            f"{number(step.slope)}: the whole step would change the loss by this much, from "
            f"{before} to {predicted}, if the loss were a straight line. After the step the loss "
            f"is {after}."
            + (" The loss is a curve that never falls below 0." if step.predicted < 0 else "")
            + compared,
            Table(tuple(headings), tuple(rows), marked=int(np.flatnonzero(table.factors == 1)[0])),
            Drawing(step, others),
            *_overshoot(step, others),
            "The step is only computed here: the run stays as it is.",
        ),
    )


def _numbers(values: Floats) -> list[str]:
    extra = _extra(values.tolist())
    return [number(value, extra) for value in values.tolist()]


def _overshoot(step: LearningStep, others: str) -> list[Part]:
    factors, own, theirs = step.curve.factors, step.curve.own, step.curve.others
    text = f"The loss of the image itself {_course(factors, own)}."
    if _turns(own):
        text += " Where it rises again, the step has overshot: so learning rates must be small."
    if theirs is None:
        return [text]
    mean = (
        f"But all images share the weights. The mean loss of the {step.others:,} {others} "
        f"{_course(factors, theirs)}."
    )
    if _turns(theirs):
        mean += " Where it rises again, the step has overshot."
    elif theirs.argmin() == 0:
        mean += (
            " This direction does not help them: it comes from the gradient of one image, not "
            "from theirs. This is why training uses the gradients of many images at once, in "
            "batches."
        )
    return [text, mean]


def _turns(losses: Floats) -> bool:
    """Return whether a loss first falls and then rises."""
    return 0 < int(losses.argmin()) < len(losses) - 1


def _course(factors: Floats, losses: Floats) -> str:
    least = int(losses.argmin())
    first, lowest, last = _numbers(losses[[0, least, -1]])
    end = f"{last} at {factors[-1]:g} times the step"
    if least == 0:
        return f"only rises, from {first} to {end}"
    if least == len(losses) - 1:
        return f"only falls, from {first} to {end}"
    return (
        f"falls from {first} to {lowest} at {factors[least]:.3g} times the step, and then rises "
        f"to {end}"
    )
