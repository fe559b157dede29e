"""The figures of the concept pages, drawn as SVG.

The numbers are computed with `mnistry.concepts` from the sample of real digits. Colours are the
page's own, so that a figure suits light and dark pages. Knows nothing of Sphinx.
"""

import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

import mnistry
from mnistry import concepts
from mnistry.evaluation import statistics

Floats = NDArray[np.floating]
Layer = tuple[Floats, Floats]  # weights and biases

EDGE = "#888888"  # around pictures, which are white on every page
WIDTH = 4.6  # inches: letters stay legible on a phone
# Placeholders for the variables of these names in mnistry.css.
INK, FAINT, BLUE, ORANGE, GREEN = "#010203", "#010204", "#010205", "#010206", "#010207"
PAGE_COLOURS = {
    INK: "currentColor",
    FAINT: "var(--drawing-faint)",
    BLUE: "var(--drawing-blue)",
    ORANGE: "var(--drawing-orange)",
    GREEN: "var(--drawing-green)",
}
STYLE = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), FAINT),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "font.size": 10,
    "axes.titlesize": 10,
    "svg.fonttype": "none",  # text stays text, in the page's own letters
}


def svg(name: str) -> str:
    """Draw the figure of this name as an ``<svg>`` element."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = FIGURES[name]()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    for stand_in, colour in PAGE_COLOURS.items():
        drawn = drawn.replace(stand_in, colour)
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.S)
    return re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font-stack)", drawn[drawn.index("<svg") :])


def tensors() -> Figure:
    """Draw a label, a column of pixels, an image and a pile of images."""
    images, labels = _sample().train
    # Every panel to one scale, and as high as the pile.
    lefts_and_rights = ((-8, 8), (4, 24), (-1, 29), (-1, 41))
    widths = [right - left for left, right in lefts_and_rights]
    figure, axes = _panels(1.8, 1, 4, width_ratios=widths)
    axes[0].text(0, 14, str(labels[0]), ha="center", va="center", fontsize=20)
    _picture(axes[1], images[0][:, 13:14], (12.5, 15.5, 28, 0))
    _picture(axes[2], images[0], (0, 28, 28, 0))
    for number in range(3, -1, -1):
        right, up = 4 * number, -4 * number
        _picture(axes[3], images[number], (right, right + 28, up + 28, up), zorder=-number)
    rows = (("a label", labels[0]), ("a column", images[0][:, 13]), ("an image", images[0]),
            ("images", images))  # fmt: skip
    for rank, (panel, (what, array)) in enumerate(zip(axes, rows, strict=True)):
        middle = 8 if rank == 3 else 14
        panel.set(
            title=f"rank {rank}", xlabel=f"{what}\n{array.shape}", aspect="equal",
            xlim=lefts_and_rights[rank], ylim=(middle + 21, middle - 21),
        )  # fmt: skip
        _bare(panel)
    return figure


def pixels() -> Figure:
    """Draw an image, and the numbers in a part of it."""
    image = _sample().train.images[0]
    rows, columns = slice(5, 13), slice(10, 18)
    figure, (whole, part) = _panels(2.7, 1, 2, width_ratios=(1, 1.35))
    _picture(whole, image, (-0.5, 27.5, 27.5, -0.5))
    _bare(whole)
    corner = (columns.start - 0.5, rows.start - 0.5)
    whole.add_patch(Rectangle(corner, 8, 8, fill=False, edgecolor=ORANGE, linewidth=2))
    whole.set_xlabel("28 rows, 28 columns")
    _picture(part, image[rows, columns], (9.5, 17.5, 12.5, 4.5))
    for row in range(rows.start, rows.stop):
        for column in range(columns.start, columns.stop):
            value = int(image[row, column])
            colour = "white" if value > 127 else "black"
            part.text(column, row, str(value), ha="center", va="center", color=colour, fontsize=8)
    part.set(xlabel="column", ylabel="row", xticks=range(10, 18), yticks=range(5, 13))
    part.tick_params(length=0, labelsize=8)
    return figure


def node() -> Figure:
    """Draw three inputs, their weights, the sum and its ReLU."""
    inputs, weights, bias = [0.0, 0.5, 1.0], [0.8, -0.4, 0.6], 0.1
    total = concepts.node(inputs, weights, bias)
    figure, axes = _panels(2.5, 1, 1)
    axes.set(xlim=(-0.6, 4.9), ylim=(-0.55, 2.75))
    axes.axis("off")
    for height, x, w in zip((2, 1, 0), inputs, weights, strict=True):
        _disc(axes, 0, height, f"{x:g}")
        axes.annotate("", (2.02, 0.8 + 0.2 * height), (0.3, height), arrowprops=_arrow())
        beside = {2: 1.98, 1: 1.13, 0: -0.05}[height]
        axes.text(1.25, beside, f"× {w:g} = {w * x:g}".replace("-", "−"), ha="center", color=BLUE)
    axes.text(2.35, 0.3, f"+ bias {bias:g}", ha="center", color=BLUE)
    _disc(axes, 2.35, 1, f"{total:g}", colour=BLUE)
    axes.annotate("", (4.0, 1), (2.7, 1), arrowprops=_arrow())
    axes.text(3.35, 1.12, "ReLU", ha="center", color=ORANGE)
    _disc(axes, 4.35, 1, f"{float(concepts.relu(total)):g}", colour=ORANGE)
    for x, words in ((0, "inputs x"), (2.35, "sum v"), (4.35, "output")):
        axes.text(x, 2.45, words, ha="center")
    return figure


def layer() -> Figure:
    """Draw the weights of ten nodes that have learned the sample, each as a picture."""
    *_, layers = _training(_sample().train, [10], batch_size=32, epochs=5, rate=0.05)
    weights, _ = layers[0]
    limit = float(np.quantile(np.abs(weights), 0.995))
    figure, grid = _panels(2.2, 2, 5)
    for digit, axes in enumerate(grid.flat):
        image = weights[:, digit].reshape(28, 28)
        axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
        axes.set_title(f"node {digit}", pad=3, fontsize=9)
        _bare(axes)
    return figure


def activations() -> Figure:
    """Draw ReLU, sigmoid and tanh from -4 to 4."""
    v = np.linspace(-4, 4, 201)
    figure, axes = _panels(2.8, 1, 1)
    axes.plot(v, concepts.relu(v), color=BLUE, label="ReLU")
    axes.plot(v, concepts.sigmoid(v), color=ORANGE, linestyle="--", label="sigmoid")
    axes.plot(v, concepts.tanh(v), color=GREEN, linestyle="-.", label="tanh")
    axes.set(xlabel="the node's sum v", ylabel="its output", ylim=(-1.2, 3), xlim=(-4, 4))
    axes.grid(alpha=0.5)
    axes.legend(loc="upper left")
    return figure


def softmax() -> Figure:
    """Draw the logits 1, 3, 2 and the probabilities that softmax makes of them."""
    logits = np.array([1.0, 3.0, 2.0])
    figure, panels = _panels(2.3, 1, 2)
    shown = ((panels[0], logits, BLUE, "logits", "{:g}"),
             (panels[1], concepts.softmax(logits), ORANGE, "probabilities", "{:.4f}"))  # fmt: skip
    for axes, values, colour, title, form in shown:
        bars = axes.bar(range(3), values, color=colour, width=0.6)
        axes.bar_label(bars, [form.format(value) for value in values], padding=2)
        axes.set(
            title=title, xticks=range(3), yticks=[], xlabel="class", ylim=(0, 1.2 * values.max())
        )
        axes.spines["left"].set_visible(False)
    return figure


def cross_entropy() -> Figure:
    """Draw the cost of an answer against its probability of the true class."""
    p = np.linspace(0.02, 1, 400)
    figure, axes = _panels(2.9, 1, 1)
    axes.plot(p, _bits(p), color=BLUE)
    for point, words, dx, dy in (
        (0.1, "0.1: knows nothing", 0.04, 0.15),
        (0.5, "0.5: undecided between two", 0.0, 0.55),
        (0.775, "0.775", -0.03, 0.3),
    ):
        cost = float(_bits(np.array([point]))[0])
        axes.plot(point, cost, "o", color=ORANGE)
        axes.text(point + dx, cost + dy, f"{words}\n{cost:.4f} bits", fontsize=9)
    axes.set(
        xlabel="probability given to the true class", ylabel="cost in bits",
        xlim=(0, 1.02), ylim=(0, 6),
    )  # fmt: skip
    nats = axes.secondary_yaxis(
        "right", functions=(lambda b: b * np.log(2), lambda n: n / np.log(2))
    )
    nats.set_ylabel("in nats")
    nats.spines["right"].set_visible(True)
    axes.grid(alpha=0.5)
    return figure


def one_hot() -> Figure:
    """Draw five labels as rows of ten numbers."""
    labels = _sample().train.labels[:5]
    figure, axes = _panels(2.1, 1, 1)
    for (row, column), value in np.ndenumerate(concepts.one_hot(labels)):
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=BLUE, alpha=0.3 * value, edgecolor="none"))
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor=FAINT))
        axes.text(column, row, f"{value:g}", ha="center", va="center")
    axes.set(xlim=(-0.5, 9.5), ylim=(4.5, -0.5), xticks=range(10), yticks=range(5))
    axes.set_yticklabels([f"label {label}" for label in labels])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_aspect("equal")
    axes.set_frame_on(False)
    return figure


def learning_rates() -> Figure:
    """Draw steps down the parabola w^2 with three learning rates, from w = 2."""
    w = np.linspace(-2.6, 2.6, 101)
    figure, panels = _panels(2.0, 1, 3, sharey=True)
    for axes, (rate, verdict) in zip(
        panels, ((0.05, "too small"), (0.3, "good"), (1.05, "too large")), strict=True
    ):
        path = [2.0]
        for _ in range(7):
            gradient = 2 * path[-1]
            path.append(float(concepts.gradient_descent_step(path[-1], gradient, rate)))
        steps = np.array(path)
        axes.plot(w, w**2, color=FAINT)
        axes.plot(steps, steps**2, "o-", color=ORANGE, markersize=4, linewidth=1)
        axes.plot(steps[0], steps[0] ** 2, "o", color=BLUE)
        axes.set(
            title=f"{rate:g}: {verdict}", xlabel="weight", xticks=[], yticks=[], ylim=(-0.4, 9)
        )
    panels[0].set_ylabel("loss")
    return figure


def optimizers() -> Figure:
    """Draw twenty steps down a narrow valley by each of the three optimizers."""
    start, slopes = np.array([-9.0, 2.0]), np.array([1.0, 12.0])
    paths = {name: [start] for name in ("gradient descent", "momentum 0.7", "RMSprop")}
    velocity = average = np.zeros(2)
    for _ in range(20):
        plain, carried, measured = (path[-1] for path in paths.values())
        plain = concepts.gradient_descent_step(plain, slopes * plain, 0.15)
        carried, velocity = concepts.momentum_step(carried, slopes * carried, velocity, 0.05, 0.7)
        measured, average = concepts.rmsprop_step(measured, slopes * measured, average, 0.4)
        for path, place in zip(paths.values(), (plain, carried, measured), strict=True):
            path.append(place)
    figure, axes = _panels(2.8, 1, 1)
    across, along = np.meshgrid(np.linspace(-10, 2, 200), np.linspace(-2.6, 2.6, 100))
    heights = (slopes[0] * across**2 + slopes[1] * along**2) / 2
    axes.contour(across, along, heights, levels=[1, 5, 13, 25, 41], colors=FAINT, linewidths=0.8)
    marks = zip((ORANGE, BLUE, GREEN), ("o", "s", "^"), paths.items(), strict=True)
    for colour, mark, (name, path) in marks:
        axes.plot(
            *np.array(path).T, f"{mark}-", color=colour, label=name, markersize=3.5, linewidth=1
        )
    axes.plot(0, 0, "+", color=INK, markersize=12)
    axes.set(xlabel="one weight", ylabel="another", xticks=[], yticks=[])
    figure.legend(
        loc="outside upper center", ncols=3, fontsize=9, handlelength=1.2, columnspacing=1
    )
    return figure


def batches() -> Figure:
    """Draw loss against images used, for batches of one, of 128 and of all images."""
    train, test = _sample()
    count, epochs, points = len(train.images), 2, 32
    figure, axes = _panels(2.8, 1, 1)
    for size, colour, line in ((1, ORANGE, "--"), (128, BLUE, "-"), (count, GREEN, "-.")):
        steps = epochs * concepts.steps_per_epoch(count, size)
        shown = range(0, steps + 1, max(1, steps // points))
        states = itertools.islice(
            _training(train, [10], size, epochs, rate=0.02), 0, None, shown.step
        )
        losses = [_mean_bits(test, layers) for layers in states]
        kind = concepts.gradient_descent_kind(size, count)
        axes.plot(
            [epochs * step / steps for step in shown], losses, line,
            color=colour, label=f"{kind}: {size:,} per step",
        )  # fmt: skip
    axes.set(xlabel="epochs", ylabel="bits per unseen image", ylim=(0, 4), xlim=(0, epochs))
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.grid(alpha=0.5)
    axes.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1, 0.18))
    return figure


def overfitting() -> Figure:
    """Draw the loss of 500 training images and of 1,000 others while a network learns the first."""
    sample, epochs = _sample(), 40
    train = mnistry.Split(sample.train.images[:500], sample.train.labels[:500])
    steps = concepts.steps_per_epoch(len(train.images), 20)
    training = _training(train, [128, 10], 20, epochs, rate=0.1)
    states = list(itertools.islice(training, steps, None, steps))
    learned, unseen = ([_mean_bits(split, s) for s in states] for split in (train, sample.test))
    figure, axes = _panels(2.8, 1, 1)
    numbers = range(1, epochs + 1)
    axes.plot(numbers, learned, color=BLUE, label="training images")
    axes.plot(numbers, unseen, "--", color=ORANGE, label="images set aside")
    best = int(np.argmin(unseen))
    axes.annotate(
        f"least in epoch {numbers[best]}", (numbers[best], unseen[best]),
        (numbers[best], unseen[best] + 0.5), ha="center", arrowprops=_arrow(),
    )  # fmt: skip
    axes.set(xlabel="epoch", ylabel="bits per image", ylim=(0, 2), xlim=(0, epochs + 1))
    axes.grid(alpha=0.5)
    axes.legend()
    return figure


def intervals() -> Figure:
    """Draw an accuracy's 95 % interval for several numbers of images."""
    figure, axes = _panels(1.9, 1, 1)
    counts = (100, 1_000, 10_000, 100_000)
    for row, count in enumerate(counts):
        correct = round(0.98 * count)
        low, high = statistics.wilson(correct, count)
        axes.plot([100 * low, 100 * high], [row, row], color=BLUE, linewidth=3)
        axes.plot(100 * correct / count, row, "o", color=ORANGE)
    axes.set_yticks(range(len(counts)), [f"{count:,} images" for count in counts])
    axes.set(xlabel="accuracy in %, with its 95 % interval", ylim=(-0.6, 3.6), xlim=(92.5, 100))
    axes.grid(alpha=0.5, axis="x")
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "activations": activations,
    "batches": batches,
    "cross-entropy": cross_entropy,
    "intervals": intervals,
    "layer": layer,
    "learning-rates": learning_rates,
    "node": node,
    "one-hot": one_hot,
    "optimizers": optimizers,
    "overfitting": overfitting,
    "pixels": pixels,
    "softmax": softmax,
    "tensors": tensors,
}


def _sample() -> mnistry.Dataset:
    return mnistry.load("sample")


def _panels(height: float, rows: int, columns: int, **settings: object) -> tuple[Figure, Any]:
    """Make a figure `height` inches high, and its axes: a single one, or an array of them."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **settings)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _picture(
    axes: Axes, image: Floats, extent: tuple[float, float, float, float], zorder: float = 0
) -> None:
    """Draw an image as ink on paper, with an edge; the extent is left, right, bottom and top."""
    left, right, bottom, top = extent
    axes.imshow(
        image, cmap="binary", vmin=0, vmax=255,
        extent=extent, interpolation="none", zorder=zorder,
    )  # fmt: skip
    place, width, height = (left, top), right - left, bottom - top
    edge = Rectangle(place, width, height, fill=False, edgecolor=EDGE, zorder=zorder + 0.5)
    axes.add_patch(edge)


def _disc(axes: Axes, x: float, y: float, words: str, colour: str = INK) -> None:
    axes.plot(x, y, "o", markersize=32, markerfacecolor="none", markeredgecolor=colour)
    axes.text(x, y, words, ha="center", va="center")


def _arrow() -> dict[str, object]:
    return {"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0}


def _bits(p: Floats) -> Floats:
    """Return the cost of answers with probability p of the true class, and the rest of another."""
    return concepts.cross_entropy(np.stack([p, 1 - p], axis=1), np.zeros(len(p), int), base=2)


def _scaled(images: Floats) -> Floats:
    return images.reshape(len(images), 784) / 255


def _mean_bits(split: mnistry.Split, layers: Sequence[Layer]) -> float:
    probabilities = concepts.softmax(_sums(split.images, layers)[-1])
    return float(concepts.cross_entropy(probabilities, split.labels, base=2).mean())


def _sums(images: Floats, layers: Sequence[Layer]) -> list[Floats]:
    """Return the sums of every layer of a network with ReLU between its layers."""
    sums = [concepts.layer(_scaled(images), *layers[0])]
    for weights, biases in layers[1:]:
        sums.append(concepts.layer(concepts.relu(sums[-1]), weights, biases))
    return sums


def _gradients(images: Floats, labels: NDArray[np.integer], layers: Sequence[Layer]) -> list[Layer]:
    """Return the gradients of every layer, by backpropagation."""
    sums = _sums(images, layers)
    inputs = [_scaled(images), *(concepts.relu(v) for v in sums[:-1])]
    errors = concepts.softmax_cross_entropy_gradient(concepts.softmax(sums[-1]), labels)
    found = [concepts.layer_gradients(inputs[-1], errors)]
    for number in range(len(layers) - 1, 0, -1):
        slopes = concepts.relu_slope(sums[number - 1])
        errors = concepts.backpropagate(errors, layers[number][0]) * slopes
        found.insert(0, concepts.layer_gradients(inputs[number - 1], errors))
    return found


def _training(
    split: mnistry.Split, units: Sequence[int], batch_size: int, epochs: int, rate: float
) -> Iterator[list[Layer]]:
    """Train layers of `units` nodes by gradient descent; yield them before and after each step."""
    generator = np.random.default_rng(0)
    layers = [
        (generator.normal(0, np.sqrt(2 / before), (before, after)), np.zeros(after))
        for before, after in itertools.pairwise((784, *units))
    ]
    yield layers
    for _ in range(epochs):
        order = generator.permutation(len(split.labels))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            gradients = _gradients(split.images[rows], split.labels[rows], layers)
            layers = [
                tuple(
                    concepts.gradient_descent_step(old, gradient, rate)
                    for old, gradient in zip(layer, its, strict=True)
                )
                for layer, its in zip(layers, gradients, strict=True)
            ]
            yield layers
