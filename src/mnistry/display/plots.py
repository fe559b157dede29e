"""Figures of digits, training and scores, drawn with matplotlib's objects.

No function uses ``matplotlib.pyplot``, which keeps global state and is slow to import. Knows
nothing of run directories.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.datasets.arrays import check_indices
from mnistry.datasets.dataset import DIGITS, Images, Labels
from mnistry.errors import UsageError
from mnistry.evaluation.ledger import Entry, Ledger
from mnistry.evaluation.scorecard import Scorecard
from mnistry.evaluation.statistics import wilson
from mnistry.percent import confidence, percent
from mnistry.system.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

_DPI = 150

# From the colour-blind safe set of M. Okabe and K. Ito, "Color Universal Design", 2008.
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#666666"
_BITS = "bits per image, logarithmic"
# A loss of the recipes, by its name in Keras, and its unit.
_LOSSES = {
    "binary_crossentropy": "binary cross-entropy (nats)",
    "categorical_crossentropy": "cross-entropy (nats)",
    "mean_squared_error": "mean squared error",
    "sparse_categorical_crossentropy": "cross-entropy (nats)",
}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF: the whole file or nothing, the same bytes each time.

    Raises
    ------
    UsageError
        If the name has another ending, or its folder does not exist.
    """
    import matplotlib

    suffix = path.suffix.lower().removeprefix(".")
    # Metadata left out of each format, because it would contain the time of writing.
    dates = {"png": (), "svg": ("Date",), "pdf": ("CreationDate",)}
    if suffix not in dates:
        expected = "a name that ends in .png, .svg or .pdf"
        raise UsageError("not the name of a figure", where=path, expected=expected)
    if not path.parent.is_dir():
        raise UsageError(
            "there is no such folder", where=path.parent, remedy="make it, or choose another"
        )
    with matplotlib.rc_context({"svg.hashsalt": "mnistry"}), atomic_write(path) as file:
        figure.savefig(file, format=suffix, dpi=_DPI, metadata=dict.fromkeys(dates[suffix]))


def digits(
    images: Images, labels: Labels | None, indices: Sequence[int], classes: Sequence[str] = DIGITS
) -> Figure:
    """Draw images side by side, black on white, each above its index and label.

    Parameters and errors are those of `mnistry.display.terminal.DigitPictures`.
    """
    check_indices(indices, len(images))
    captions = [
        f"image {i}" if labels is None else f"image {i}\nlabel {classes[labels[i]]}"
        for i in indices
    ]
    return _tiles([images[i] for i in indices], captions, min(5, len(captions)))


def curves(
    history: Mapping[str, Sequence[float]], loss: str = "categorical_crossentropy"
) -> Figure:
    """Draw loss and accuracy by epoch, for training and validation images.

    Parameters
    ----------
    history
        One number for each epoch under ``"loss"`` and ``"accuracy"`` and, if there are validation
        images, under ``"val_loss"`` and ``"val_accuracy"``.
    loss
        The loss that was trained with, by its name in Keras.
    """
    figure = _figure(9, 3.8)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _plot_epochs(axes, history[name], history.get(f"val_{name}"))
        axes.set(title=name.capitalize())
        axes.legend()
    loss_axes, accuracy_axes = figure.axes
    loss_axes.set_ylabel(_LOSSES.get(loss, loss))
    accuracy_axes.set_ylabel("images answered correctly")
    accuracy_axes.yaxis.set_major_formatter(_percent_ticks())
    return figure


def _plot_epochs(axes: Axes, training: Sequence[float], validation: Sequence[float] | None) -> None:
    """Draw a curve of training images by epoch, and one of validation images if there are any."""
    from matplotlib.ticker import MaxNLocator

    for values, label, colour, marker in (
        (training, "training, mean over the epoch", _BLUE, "o"),
        (validation, "validation, after the epoch", _ORANGE, "s"),
    ):
        if values is not None:
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, marker=marker, ms=4, label=label)
    axes.set(xlabel="epoch", xlim=(0.5, len(training) + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)


def confusion(scorecard: Scorecard) -> Figure:
    """Draw the confusion matrix: a row for each label, a column for each answer.

    The diagonal, the correct answers, is grey. The colours show the mistakes; the darkest is the
    most frequent mistake.
    """
    from matplotlib.ticker import MaxNLocator

    counts = np.array(scorecard.confusion)
    right = np.eye(len(counts), dtype=bool)
    most = max(1, int(counts[~right].max()))
    figure = _figure(7.6, 6.6)
    axes = figure.add_subplot()
    shown = axes.imshow(np.ma.masked_array(counts, right), cmap="Oranges", vmin=0, vmax=most)
    axes.set_facecolor("0.85")
    for (label, answer), count in np.ndenumerate(counts):
        dark = label != answer and count > 0.7 * most
        colour = "white" if dark else "black" if count else "0.7"
        axes.text(answer, label, f"{count}", ha="center", va="center", color=colour, fontsize=9)
    _name_classes(axes, scorecard.classes)
    wrong = scorecard.count - scorecard.correct
    title = f"{wrong:,} of {scorecard.count:,} images answered wrongly"
    axes.set(title=title, xlabel="answer", ylabel="label")
    figure.colorbar(shown, label="mistakes", shrink=0.8, ticks=MaxNLocator(integer=True))
    return figure


def mistakes(scorecard: Scorecard, images: Images, count: int = 20) -> Figure:
    """Draw the images answered wrongly, the most confident mistake first.

    Parameters
    ----------
    scorecard
        The scores of the answers to `images`.
    images
        All images that were scored: ``uint8``, shape ``(n, 28, 28)``.
    count
        The largest number of mistakes to draw.

    Raises
    ------
    UsageError
        If the number of images is not that of the scorecard.
    """
    if len(images) != scorecard.count:
        raise UsageError(
            f"{len(images):,} images", expected=f"the {scorecard.count:,} that were scored"
        )
    shown = scorecard.mistakes[:count]
    names = scorecard.classes
    joint = ", " if _are_short(names) else "\n"
    captions = [
        f"image {mistake.index}\n"
        f"label {names[mistake.label]}{joint}answer {names[mistake.answer]}\n"
        f"{confidence(mistake.confidence)} sure"
        for mistake in shown
    ]
    title = f"Mistakes, most confident first: {len(shown)} of {len(scorecard.mistakes):,}"
    if not shown:
        figure = _figure(4, 0.6)
        figure.suptitle(title)
        return figure
    wrong = [images[mistake.index] for mistake in shown]
    return _tiles(wrong, captions, min(5, len(shown)), title=title)


def first_layer(kernel: NDArray[np.floating], count: int = 40) -> Figure:
    """Draw the first dense layer's weights, one image for each unit.

    Ink on red pixels raises the unit's value, ink on blue pixels lowers it.

    Parameters
    ----------
    kernel
        Weights from 784 pixels to each unit, shape ``(784, units)``.
    count
        The largest number of units to draw: if there are more, those whose weights have the
        largest Euclidean norm.

    Raises
    ------
    UsageError
        If the weights have another shape.
    """
    if kernel.ndim != 2 or kernel.shape[0] != 784:
        raise UsageError(
            f"first-layer weights of shape {kernel.shape}",
            expected="(784, units), a dense layer",
            remedy="choose a dense or linear network",
        )
    units = kernel.shape[1]
    if units <= count:
        chosen = np.arange(units)
        title = f"First-layer weights of all {units} units"
    else:
        chosen = np.argsort(-np.linalg.norm(kernel, axis=0), kind="stable")[:count]
        title = f"First-layer weights: the {count} of {units} units with the largest norm"
    weights = kernel.T[chosen].reshape(-1, 28, 28)
    # The largest 0.5 % of the weights have the same colour: a few extreme weights would make all
    # others pale.
    limit = float(np.quantile(np.abs(weights), 0.995))
    columns = 5 if len(chosen) <= 10 else 8
    captions = [f"unit {unit}" for unit in chosen]
    foot = 0.9
    look = _Look(pitch=1.1, foot=foot, cmap="RdBu_r", lowest=-limit, highest=limit)
    figure = _tiles(list(weights), captions, columns, title=title, look=look)
    height = figure.get_figheight()
    figure.colorbar(
        figure.axes[0].images[0],
        cax=figure.add_axes((0.1, 0.6 * foot / height, 0.8, 0.15 / height)),
        orientation="horizontal",
        extend="both",
        label="weight: ink here lowers (blue) or raises (red) the unit's value",
    )
    return figure


def reliability(scorecard: Scorecard) -> Figure:
    """Draw a point for each bin of answers, at its mean confidence and its accuracy.

    A line through the point is the 95 % interval of the accuracy. If a network's confidence equals
    its accuracy, the points lie on the diagonal; below it the network is too confident. The bars
    are the number of answers in each bin.
    """
    filled = [part for part in scorecard.bins if part.count]
    lows = [part.low for part in filled]
    width = 1 / len(scorecard.bins)
    accuracies = np.array([part.accuracy for part in filled], float)
    confidences = [part.confidence for part in filled]
    ends = np.array([
        wilson(round((part.accuracy or 0.0) * part.count), part.count) for part in filled
    ])  # fmt: skip
    figure = _figure(5.6, 6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="perfect calibration")
    above.errorbar(
        confidences, accuracies, np.maximum(0, [accuracies - ends[:, 0], ends[:, 1] - accuracies]),
        fmt="o", color=_BLUE, ms=6, lw=1.2, capsize=3, clip_on=False, zorder=3,
        label="answers in a bin, with 95 % interval",
    )  # fmt: skip
    above.text(0.03, 0.93, "not confident enough", color=_GREY, fontstyle="italic")
    above.text(0.97, 0.05, "too confident", color=_GREY, fontstyle="italic", ha="right")
    above.grid(alpha=0.3)
    error = percent(scorecard.calibration_error)
    above.set(title=f"Expected calibration error {error}", ylabel="share that is right")
    above.set(ylim=(0, 1))
    below.bar(
        lows, [part.count for part in filled], width, align="edge", color=_GREY, edgecolor="white"
    )
    below.set(xlabel="confidence: probability of the answer, mean of the bin", ylabel="answers")
    below.set(xlim=(0, 1), yscale="log", ylim=(0.5, None))
    above.yaxis.set_major_formatter(_percent_ticks())
    below.xaxis.set_major_formatter(_percent_ticks())
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def ledger(book: Ledger) -> Figure:
    """Draw the loss of an image in bits: in total, by epoch and by class.

    The bar at the top has a linear scale. The panels have a logarithmic scale, so that 0.01 bits
    can be read beside the 3.32 bits of knowing nothing. The panel of epochs is left out if the
    ledger has none.
    """
    figure = _figure(10 if book.epochs else 8, 6.4)
    panels = ["epochs", "classes"] if book.epochs else ["classes"]
    mosaic = [["whole"] * len(panels), panels]
    axes = figure.subplot_mosaic(mosaic, height_ratios=(1, 8))  # type: ignore[arg-type]
    _draw_whole(axes["whole"], book)
    if book.epochs:
        _draw_epochs(axes["epochs"], book)
    _draw_classes(axes["classes"], book)
    return figure


def _draw_whole(axes: Axes, book: Ledger) -> None:
    """Draw one bar from knowing nothing to 0, split into what was learned and what was not."""
    gap = max(0.0, book.gap or 0.0)
    start = book.nothing
    for cost, colour, what in (
        (book.learned, _BLUE, "learned"),
        (gap, _ORANGE, "generalisation gap"),
        (book.left - gap, _GREY, "not learned"),
    ):
        if cost > 0:
            axes.barh(0, -cost, left=start, color=colour, label=f"{what}: {cost:.3f}")
        start -= cost
    axes.set(
        title=f"An image costs {book.nothing:.2f} bits if you know nothing, 0 if you know it",
        xlim=(max(book.nothing, book.left), 0),
        yticks=[],
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.4), ncols=3, frameon=False)


def _draw_epochs(axes: Axes, book: Ledger) -> None:
    train, unseen = _columns(book.epochs)
    _plot_epochs(axes, train.tolist(), None if book.best_epoch is None else unseen.tolist())
    if book.best_epoch is not None:
        epochs, higher = range(1, len(train) + 1), unseen > train
        axes.fill_between(
            epochs, train, unseen, where=higher, interpolate=True, color=_ORANGE, alpha=0.2, lw=0
        )
    axes.axhline(book.nothing, color=_GREY, linestyle="--", label="knows nothing")
    axes.set(title="By epoch", ylabel=_BITS, yscale="log")
    _mark_bits(axes.yaxis)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)


def _draw_classes(axes: Axes, book: Ledger) -> None:
    """Draw a line for each class, from the loss of training images to that of unseen ones."""
    rows = np.arange(len(book.by_class))
    train, unseen = _columns(book.by_class)
    colours = np.where(unseen > train, _ORANGE, _GREY)
    axes.hlines(rows, train, unseen, color=colours, alpha=0.4, lw=4)
    axes.scatter(train, rows, color=_BLUE, zorder=3, label="training images")
    if book.split is not None:
        what = f"{book.split} images"
        axes.scatter(unseen, rows, color=_ORANGE, marker="s", zorder=3, label=what)
    axes.axvline(book.nothing, color=_GREY, linestyle="--", label="knows nothing")
    axes.set(title="Class by class, by the final weights", xlabel=_BITS, xscale="log")
    axes.set_yticks(rows, [entry.name for entry in book.by_class])
    axes.invert_yaxis()
    _mark_bits(axes.xaxis)
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)


def _columns(entries: Sequence[Entry]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the losses of training and unseen images; NaN, which is not drawn, for None."""
    train = np.array([entry.train for entry in entries], float)
    return train, np.array([entry.unseen for entry in entries], float)


def _mark_bits(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1, 2, 5) if high < 1000 * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:g}"))
    axis.set_minor_formatter(NullFormatter())


def sweep(
    settings: Sequence[Mapping[str, float | str]],
    accuracies: Sequence[Sequence[float]],
    stopped: Sequence[bool],
) -> Figure | None:
    """Draw accuracy against each setting of a sweep, with the spread over seeds.

    Parameters
    ----------
    settings
        The settings of each trial, by name. A setting with at least two values gets a panel.
    accuracies
        For each trial the accuracy, 0 to 1, of each seed.
    stopped
        For each trial whether a training was stopped early, or diverged.

    Returns
    -------
    Figure or None
        None if no setting varies.
    """
    varied = [name for name in settings[0] if len({str(one[name]) for one in settings}) > 1]
    if not varied:
        return None
    columns, rows = min(len(varied), 3), math.ceil(len(varied) / 3)
    figure = _figure(4.2 * columns, 3.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    means = np.array([np.mean(group) for group in accuracies])
    reach = np.array([(np.mean(g) - min(g), max(g) - np.mean(g)) for g in accuracies]).T
    early = np.array(stopped)
    for axes, name in zip(panels, varied, strict=False):
        values = [one[name] for one in settings]
        if any(isinstance(value, str) for value in values):
            places = sorted({str(value) for value in values})
            x = np.array([float(places.index(str(value))) for value in values])
            axes.set_xticks(range(len(places)), places)
            axes.set_xlim(-0.5, len(places) - 0.5)
        else:
            x = np.array(values, float)
            if x.min() > 0 and x.max() > 10 * x.min():
                axes.set_xscale("log")
        for which, colour, face, label in (
            (~early, _BLUE, _BLUE, "trained to the end"),
            (early, _GREY, "none", "stopped, or diverged"),
        ):
            if which.any():
                axes.errorbar(
                    x[which], means[which], reach[:, which], fmt="o",
                    color=colour, mfc=face, ms=5, capsize=3, lw=1, label=label,
                )  # fmt: skip
        axes.set(xlabel=name.replace("_", " "))
        axes.yaxis.set_major_formatter(_percent_ticks())
        axes.grid(alpha=0.3)
    for axes in list(figure.axes)[len(varied) :]:
        axes.set_visible(False)
    figure.axes[0].set_ylabel("validation accuracy:\nmean and range of the seeds")
    shown = figure.axes[0].get_legend_handles_labels()  # the same in every panel
    figure.legend(*shown, loc="outside upper right", ncols=2, fontsize="small")
    return figure


def _figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, whose parts do not overlap."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@dataclass(frozen=True)
class _Look:
    """How tiles are drawn: `pitch` inches apart, `foot` inches free below, in which colours."""

    pitch: float = 1.65
    foot: float = 0.0
    cmap: str = "binary"
    lowest: float = 0
    highest: float = 255


_DIGITS_LOOK = _Look()


def _tiles(
    images: Sequence[NDArray[Any]],
    captions: Sequence[str],
    columns: int,
    *,
    title: str = "",
    look: _Look = _DIGITS_LOOK,
) -> Figure:
    """Draw images of one shape in rows, each above its caption.

    All images are in one coordinate system, in inches from the top left corner: with a coordinate
    system for each image, matplotlib takes ten times as long.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    pitch = look.pitch
    height, width = np.array(images[0].shape) * 0.9 * pitch / max(images[0].shape)
    lines = max(caption.count("\n") + 1 for caption in captions)
    row_height = height + 0.14 * lines + 0.2
    whole_width = max(pitch * columns, 0.09 * len(title))
    left, top = (whole_width - pitch * columns) / 2, 0.4 if title else 0.05
    whole_height = top + -(-len(images) // columns) * row_height + look.foot
    figure = Figure(figsize=(whole_width, whole_height))
    figure.suptitle(title)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        middle, y = left + (column + 0.5) * pitch, top + row * row_height
        x = middle - width / 2
        extent = (x, x + width, y + height, y)
        axes.imshow(image, look.cmap, vmin=look.lowest, vmax=look.highest, extent=extent)
        axes.add_patch(Rectangle((x, y), width, height, fill=False, lw=0.8))
        axes.text(middle, y + height + 0.05, caption, ha="center", va="top", fontsize=8)
    axes.set(xlim=(0, whole_width), ylim=(whole_height, 0))
    return figure


def _name_classes(axes: Axes, classes: Sequence[str]) -> None:
    places = range(len(classes))
    axes.set_yticks(places, classes)
    if _are_short(classes):
        axes.set_xticks(places, classes)
    else:
        axes.set_xticks(places, classes, rotation=45, ha="right", rotation_mode="anchor")


def _are_short(classes: Sequence[str]) -> bool:
    return max(map(len, classes)) <= 2


def _percent_ticks() -> Formatter:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1, symbol=" %")
