"""Score a network's probabilities against the labels: accuracy, loss, confusions, calibration.

Knows nothing of networks, files or figures.
"""

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistry.concepts import KERAS_EPSILON
from mnistry.datasets.arrays import check_labels
from mnistry.datasets.dataset import DIGITS
from mnistry.errors import DataError, ModelError, UsageError
from mnistry.evaluation.statistics import Interval, wilson
from mnistry.percent import percent

DISPUTED_MNIST_TEST = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520),
    *(3558, 5937, 6651, 6783, 8527, 9679, 9729),
)
"""Indices of MNIST's test images with a disputed label.

Five people were shown each image, and fewer than three chose its label: cleanlab/label-errors,
``mturk/mnist_mturk.json``, of Northcutt, Athalye, Mueller, "Pervasive Label Errors in Test Sets
Destabilize Machine Learning Benchmarks", NeurIPS 2021. The labels are never changed; the images
are scored both with and without them.
"""

_SUM_TOLERANCE = 1e-3  # rounding of the sum of a softmax row in float32 or float16
_BINS = 15


@dataclasses.dataclass(frozen=True)
class Score:
    """How many images were answered correctly, and the loss.

    Attributes
    ----------
    count
        Number of images, at least 1.
    correct
        Number of images answered with their label.
    loss
        Mean categorical cross-entropy in nats.
    """

    count: int
    correct: int
    loss: float

    @property
    def accuracy(self) -> float:
        """Share of the images answered with their label, 0 to 1."""
        return self.correct / self.count

    @property
    def interval(self) -> Interval:
        """95 % confidence interval for the accuracy; see `wilson`."""
        return wilson(self.correct, self.count)

    @property
    def loss_bits(self) -> float:
        """Mean cross-entropy in bits: nats divided by ln 2."""
        return self.loss / math.log(2)

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the properties as plain values."""
        return {
            "count": self.count,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "loss_bits": self.loss_bits,
        }


@dataclasses.dataclass(frozen=True)
class ClassScore:
    """The scores of one class. A score that would be a share or mean of no images is None.

    Attributes
    ----------
    name
        The class's name.
    images
        Number of images with this label.
    precision
        Share of the images answered with this class that have its label.
    recall
        Share of the images with this label that were answered with it.
    f1
        Harmonic mean of precision and recall.
    loss_bits
        Mean cross-entropy of the images with this label, in bits.
    """

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None
    loss_bits: float | None


@dataclasses.dataclass(frozen=True)
class Confusion:
    """How many images of one class were answered as another class."""

    label: int
    answer: int
    count: int


@dataclasses.dataclass(frozen=True)
class Mistake:
    """An image that was answered wrongly, with the probability of that answer."""

    index: int
    label: int
    answer: int
    confidence: float


@dataclasses.dataclass(frozen=True)
class ReliabilityBin:
    """The images whose largest probability is above `low` and at most `high`.

    `confidence` is the mean of these probabilities, `accuracy` the share answered correctly; both
    are None in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclasses.dataclass(frozen=True)
class Scorecard(Score):
    """The scores of a network on labelled images.

    Attributes
    ----------
    classes
        The name of each class.
    confusion
        Number of images by label (row) and answer (column), for every pair of classes.
    by_class
        A score for each class.
    mistakes
        All images answered wrongly, the most confident mistake first.
    bins
        The images by confidence, in 15 bins of equal width, for a reliability diagram.
    disputed
        Indices of the images with a disputed label.
    undisputed
        The score without these; None if `disputed` is empty.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_class: tuple[ClassScore, ...]
    mistakes: tuple[Mistake, ...]
    bins: tuple[ReliabilityBin, ...]
    disputed: tuple[int, ...] = ()
    undisputed: Score | None = None

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"<Scorecard: {self.correct:,} of {self.count:,} right, {percent(self.accuracy)} "
            f"(95 % interval {percent(low)} to {percent(high)}), loss {self.loss:.4f} nats>"
        )

    def _repr_html_(self) -> str:
        """Show the scorecard as a small table in a notebook, in the notebook's colours."""
        low, high = self.interval
        rows = {
            "images": f"{self.count:,}",
            "right": f"{self.correct:,}",
            "accuracy": f"{percent(self.accuracy)} "
            f"(95 % interval {percent(low)} to {percent(high)})",
            "loss": f"{self.loss:.4f} nats, {self.loss_bits:.4f} bits",
            "calibration error": percent(self.calibration_error),
        }
        if self.undisputed is not None:
            rows["accuracy without disputed labels"] = percent(self.undisputed.accuracy)
        if self.most_confused:
            pair = self.most_confused[0]
            rows["most confused"] = (
                f"{self.classes[pair.label]} answered as {self.classes[pair.answer]}: "
                f"{pair.count:,} of {sum(self.confusion[pair.label]):,}"
            )
        body = "".join(
            f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
            for name, value in rows.items()
        )
        return f"<table><caption>Scorecard</caption>{body}</table>"

    @property
    def most_confused(self) -> tuple[Confusion, ...]:
        """Every pair of label and wrong answer that occurs, the most frequent first."""
        pairs = [
            Confusion(label, answer, count)
            for label, row in enumerate(self.confusion)
            for answer, count in enumerate(row)
            if count and label != answer
        ]
        return tuple(sorted(pairs, key=lambda pair: -pair.count))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1: the mean distance between confidence and accuracy.

        It is the mean over the bins, weighted by their number of images; equation 3 of Guo,
        Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, with their
        15 bins of equal width.
        """
        return math.fsum(
            part.count / self.count * abs(part.accuracy - part.confidence)
            for part in self.bins
            if part.accuracy is not None and part.confidence is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the properties as plain, finite values."""
        return {
            **super().to_json(),
            "calibration_error": self.calibration_error,
            **dataclasses.asdict(self),
            "most_confused": [dataclasses.asdict(pair) for pair in self.most_confused],
            "undisputed": None if self.undisputed is None else self.undisputed.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: object = "scorecard") -> Self:
        """Make a scorecard from the result of `to_json`.

        Raises
        ------
        ModelError
            If `value`, the content of the file `where`, is not a scorecard.
        """
        try:
            undisputed = value["undisputed"]
            card = cls(
                **_score_fields(value),
                classes=tuple(value["classes"]),
                confusion=tuple(tuple(row) for row in value["confusion"]),
                by_class=tuple(ClassScore(**one) for one in value["by_class"]),
                mistakes=tuple(Mistake(**mistake) for mistake in value["mistakes"]),
                bins=tuple(ReliabilityBin(**part) for part in value["bins"]),
                disputed=tuple(value["disputed"]),
                undisputed=None if undisputed is None else Score(**_score_fields(undisputed)),
            )
            wrong = card.count - card.correct
            if not 0 < card.count == sum(map(sum, card.confusion)) or wrong != len(card.mistakes):
                raise ValueError("its figures contradict one another")
            if [one.images for one in card.by_class] != [sum(row) for row in card.confusion]:
                raise ValueError("its classes contradict its figures")
            losses = [one.loss_bits for one in card.by_class if one.images]
            if not all(loss is not None and 0 <= loss < math.inf for loss in (card.loss, *losses)):
                raise ValueError("a loss is not a finite number of at least 0")
            return card
        except (KeyError, TypeError, ValueError) as error:
            what = f"not a complete scorecard ({type(error).__name__}: {error})"
            raise ModelError(what, where=where, remedy="evaluate the run again") from error


def _score_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("count", "correct", "loss")}


@dataclasses.dataclass(frozen=True)
class Scores:
    """The scorecards of a finished run.

    Attributes
    ----------
    test
        On the test images; None if the data has none.
    train
        On the training images, without those for validation. The accuracy in the history
        differs: it is a mean over an epoch in which the weights were still changing.
    validation
        On the validation images; None if there are none.
    """

    test: Scorecard | None
    train: Scorecard
    validation: Scorecard | None = None

    @property
    def gap(self) -> float | None:
        """The generalisation gap: accuracy on the training images minus that on the test images."""
        return None if self.test is None else self.train.accuracy - self.test.accuracy

    def to_json(self) -> dict[str, Any]:
        """Return the scorecards as plain values."""
        cards = {"test": self.test, "train": self.train, "validation": self.validation}
        values = {name: None if card is None else card.to_json() for name, card in cards.items()}
        return {"gap": self.gap, **values}


def score(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    *,
    disputed: Sequence[int] = (),
    classes: Sequence[str] = DIGITS,
) -> Scorecard:
    """Score a network's probabilities against the labels.

    The answer is the class with the largest probability, the first in a tie. The loss is computed
    like Keras's ``categorical_crossentropy``: each row divided by its sum, probabilities clipped
    to [1e-7, 1 - 1e-7], natural logarithm.

    Parameters
    ----------
    labels
        Integers from 0 to ``len(classes) - 1``, shape ``(n,)``.
    probabilities
        The output of softmax, shape ``(n, len(classes))``: rows from 0 to 1 that sum to 1.
    disputed
        Indices of images with a disputed label: `DISPUTED_MNIST_TEST` for MNIST's test images.
        They are scored too; `Scorecard.undisputed` is the score without them.
    classes
        The name of each class.

    Raises
    ------
    DataError
        If there are no labels, a label is invalid, or the numbers of labels and rows differ.
    ModelError
        If the probabilities are not numbers, have another shape or do not sum to 1.
    UsageError
        If a disputed index is out of range, or all images are disputed.

    Examples
    --------
    >>> answers = np.full((3, 10), 0.05)
    >>> answers[[0, 1, 2], [7, 2, 1]] = 0.55
    >>> card = score(np.array([7, 2, 0]), answers)
    >>> card.correct, card.count, round(card.loss_bits, 3)
    (2, 3, 2.016)
    >>> card.most_confused
    (Confusion(label=0, answer=1, count=1),)
    """
    rows = _as_probabilities(probabilities, classes=len(classes))
    check_labels(labels, classes=len(classes))
    if len(labels) != len(rows) or not len(rows):
        raise DataError(
            f"{len(labels):,} labels for {len(rows):,} answers",
            expected="one label for each answer, and at least one",
        )
    of_label = rows[np.arange(len(rows)), labels]
    losses = -np.log(np.clip(of_label, KERAS_EPSILON, 1 - KERAS_EPSILON))
    answers = rows.argmax(axis=1)
    confidences = rows.max(axis=1)
    right = answers == labels
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (labels, answers), 1)
    return Scorecard(
        **dataclasses.asdict(_summary(right, losses)),
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        by_class=_by_class(classes, confusion, labels, losses),
        mistakes=_mistakes(labels, answers, confidences),
        bins=_reliability(confidences, right),
        disputed=tuple(int(index) for index in disputed),
        undisputed=_undisputed(right, losses, disputed),
    )


def _as_probabilities(probabilities: NDArray[np.floating], *, classes: int) -> NDArray[np.float64]:
    """Check the output of softmax, and return it in double precision with rows that sum to 1."""
    rows = np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or rows.shape[1] != classes:
        raise ModelError(
            f"probabilities of shape {rows.shape}", expected=f"(n, {classes}), a row for each image"
        )
    sums = rows.sum(axis=1)
    # NaN counts as wrong too: every comparison with it is false.
    good = (rows >= 0).all(axis=1) & (np.abs(sums - 1) <= _SUM_TOLERANCE)
    if not good.all():
        index = int(np.flatnonzero(~good)[0])
        raise ModelError(
            f"not probabilities: smallest {rows[index].min():.6g}, sum {sums[index]:.6g}",
            where=f"answer to image {index}",
            expected="numbers from 0 to 1 whose sum is 1",
            remedy="use a network with finite weights that ends in softmax",
        )
    normalised: NDArray[np.float64] = rows / sums[:, np.newaxis]
    return normalised


def _summary(right: NDArray[np.bool_], losses: NDArray[np.float64]) -> Score:
    return Score(count=len(right), correct=int(right.sum()), loss=float(losses.mean()))


def _undisputed(
    right: NDArray[np.bool_], losses: NDArray[np.float64], disputed: Sequence[int]
) -> Score | None:
    if len(disputed) == 0:
        return None
    count = len(right)
    for index in disputed:
        if not 0 <= index < count:
            raise UsageError(f"disputed label {index} of {count}", expected=f"0 to {count - 1}")
    kept = np.delete(np.arange(count), disputed)
    if not len(kept):
        raise UsageError("every label is disputed", expected="at least one undisputed label")
    return _summary(right[kept], losses[kept])


def _by_class(
    classes: Sequence[str],
    confusion: NDArray[np.integer],
    labels: NDArray[np.integer],
    losses: NDArray[np.float64],
) -> tuple[ClassScore, ...]:
    images = confusion.sum(axis=1).tolist()
    answered = confusion.sum(axis=0).tolist()
    hits = confusion.diagonal().tolist()
    bits = np.bincount(labels, weights=losses / math.log(2), minlength=len(classes)).tolist()
    return tuple(
        ClassScore(
            name=name,
            images=images[k],
            precision=_share(hits[k], answered[k]),
            recall=_share(hits[k], images[k]),
            f1=_share(2 * hits[k], images[k] + answered[k]),
            loss_bits=_share(bits[k], images[k]),
        )
        for k, name in enumerate(classes)
    )


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _mistakes(
    labels: NDArray[np.integer], answers: NDArray[np.intp], confidences: NDArray[np.float64]
) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero(answers != labels)
    surest_first = wrong[np.argsort(-confidences[wrong], kind="stable")]
    return tuple(
        Mistake(int(i), int(labels[i]), int(answers[i]), float(confidences[i]))
        for i in surest_first
    )


def _reliability(
    confidences: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[ReliabilityBin, ...]:
    numbers = np.clip(np.ceil(confidences * _BINS).astype(int) - 1, 0, _BINS - 1)
    counts = np.bincount(numbers, minlength=_BINS).tolist()
    sure = np.bincount(numbers, weights=confidences, minlength=_BINS).tolist()
    hits = np.bincount(numbers, weights=right, minlength=_BINS).tolist()
    return tuple(
        ReliabilityBin(
            low=k / _BINS,
            high=(k + 1) / _BINS,
            count=counts[k],
            confidence=_share(sure[k], counts[k]),
            accuracy=_share(hits[k], counts[k]),
        )
        for k in range(_BINS)
    )
