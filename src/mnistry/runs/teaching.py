"""Teach a network a hand from labelled digits, and write the run if it reads them better.

Better means two things. It reads at least as many of the examples that it was not taught with, and
with a smaller loss. And it has forgotten neither MNIST nor how to reject images without a digit. A
taught run has ``model.onnx``, and no Keras model.
"""

import dataclasses
import datetime
import hashlib
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.augmentation import non_digits
from mnistry.concepts import softmax
from mnistry.datasets.dataset import DIGITS, Dataset, Images, Split
from mnistry.errors import DataError, ModelError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.evaluation.statistics import Interval, wilson
from mnistry.inference import onnx_session
from mnistry.networks.two_views import TeachableOnnx
from mnistry.percent import percent
from mnistry.reading import built_in
from mnistry.runs import directory
from mnistry.runs.directory import DataIdentity, Run, Status, Teaching
from mnistry.runs.scoring import score_split
from mnistry.system import cores, files
from mnistry.training import teach
from mnistry.version import __version__

BUILT_IN = "the built-in network"
LEAST, MOST = 5, 2000  # examples
LOST = 0.001  # the most that may be lost of the accuracy on the test images
# Images that the network is taught with besides the examples: digits, and images without a digit.
_REHEARSED, _NON_DIGITS = 4000, 400
_JUDGED = 500  # images without a digit that it is not taught with: are they rejected?
_CHECKED = 200  # images on which ONNX Runtime's answers are compared
_TOLERANCE = 1e-4
# A label is doubted if the start is so sure of another digit, and both networks read that one. With
# the same wrong label on many examples the taught network is no longer sure.
_SURE = 0.9


@dataclasses.dataclass(frozen=True)
class Share:
    """A count out of a total."""

    count: int
    of: int

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval of the share."""
        return wilson(self.count, self.of)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.count:,} of {self.of:,} ({percent(low, 1)} to {percent(high, 1)})"


@dataclasses.dataclass(frozen=True, eq=False)
class Figures:
    """How a network reads, before it was taught or after.

    Attributes
    ----------
    wrong, loss
        Of the examples: how many are read wrongly, and the mean cross-entropy in nats. After
        teaching each example is read by a network that was taught without it.
    test
        The scorecard of the test images.
    rejected
        How many of the images without a digit are rejected at the start's threshold.
    """

    wrong: Share
    loss: float
    test: Scorecard
    rejected: Share


@dataclasses.dataclass(frozen=True)
class Doubt:
    """An example whose label may be wrong: whose it is, its number from 0, label and answer."""

    writer: int
    number: int
    label: int
    answer: int


@dataclasses.dataclass(frozen=True, eq=False)
class Lesson:
    """The result of a teaching.

    Attributes
    ----------
    before, after
        The figures.
    reasons
        Why the network is not better; empty if it is.
    doubtful
        Examples that the start is sure show another digit than the label says, and that are still
        read as that digit after teaching: the label may be wrong.
    repeated
        How many examples were left out because the same image came before.
    writers
        The number of writers of the examples.
    thresholds
        The reader's thresholds, taken over from the start.
    run
        The run; None if it was not kept.
    """

    before: Figures
    after: Figures
    reasons: tuple[str, ...]
    doubtful: tuple[Doubt, ...]
    repeated: int
    writers: int
    thresholds: tuple[float, float]
    run: Run | None


@dataclasses.dataclass(frozen=True, eq=False)
class _StartNetwork:
    """The network to begin with."""

    name: str
    content: bytes
    where: str
    licence: str
    thresholds: tuple[float, float]


def teach_as_run(
    start: Run | None,
    writers: Sequence[Split],
    dataset: Dataset,
    path: Path,
    *,
    keep: bool = False,
    seed: int = 0,
) -> Lesson:
    """Teach a network, and write a run if it has become better.

    Parameters
    ----------
    start
        The run to begin with; None takes the built-in network.
    writers
        For each writer labelled digits in MNIST's form, together 5 to 2,000.
    dataset
        MNIST or other digits that must not be forgotten. Its test images are used once, at the end.
    path
        The run directory to make.
    keep
        Whether to write the run even if it is not better.
    seed
        A whole number from 0. Decides how examples are distorted and divided.

    Raises
    ------
    DataError
        If there are too few or too many examples, or an image has two labels.
    ModelError
        If the start cannot be taught.
    UsageError, ResourceError
        If the directory exists or cannot be made.
    """
    began = time.perf_counter()
    directory.refuse_taken(path)
    origin = _built_in() if start is None else _of_run(start)
    examples, places = _distinct(writers)
    threads = cores.cores()
    network = TeachableOnnx(origin.content, origin.where, threads)
    train, test = _digits(dataset)
    rehearsed, nothing, others = choose_rehearsal(train, seed)
    rehearsal = teach.Rehearsal.of(network, rehearsed, nothing)
    read = teach.cross_validate(network, examples, rehearsal, seed=seed, threads=threads)
    taught = teach.teach(network, examples, rehearsal, seed=seed)
    content = network.with_bent_view(
        taught.bend.places, taught.bend.shares, taught.kernel, taught.bias, teach.DOUBT
    )
    _verify(content, network, taught, rehearsed.images[:_CHECKED])
    judged = [test.images, others, examples.images]
    ends = np.cumsum([len(images) for images in judged])[:-1]
    views = taught.views(network, np.concatenate(judged).astype(np.float32))
    own = views[:, : len(network.kernel)]
    old = softmax(own @ network.kernel + network.bias).astype(np.float32)
    old_test, old_others, old_read = np.split(old, ends)
    new_test, new_others, _ = np.split(taught.probabilities(views), ends)
    least = origin.thresholds[0]
    before = _figures(examples, old_read, test, old_test, old_others, least)
    after = _figures(examples, read, test, new_test, new_others, least)
    reasons = tuple(_against(examples, before, after))
    run = None
    if keep or not reasons:
        record = Teaching(
            origin.name, hashlib.sha256(origin.content).hexdigest(), origin.licence,
            len(examples.images), len(writers), before.wrong.count, after.wrong.count,
            *origin.thresholds,
        )  # fmt: skip
        known = slice(len(rehearsed.images))
        seen = taught.views(network, rehearsal.pixels[known], rehearsal.features[known])
        card = score_split(rehearsed, taught.probabilities(seen), DIGITS)
        scores = Scores(after.test, card)
        run = _write(path, record, content, scores, dataset, began)
    return Lesson(
        before, after, reasons, _doubtful(examples, places, old_read, read, least),
        sum(len(writer.images) for writer in writers) - len(places), len(writers),
        origin.thresholds, run,
    )  # fmt: skip


def _built_in() -> _StartNetwork:
    card = built_in.built_in_card()
    licence = str(card.get("data", {}).get("licence", "see its card"))
    return _StartNetwork(
        BUILT_IN, built_in.SHIPPED.read_bytes(), BUILT_IN, licence, built_in.thresholds_of(None)
    )


def _of_run(run: Run) -> _StartNetwork:
    """Check that a run's network can be taught."""
    if run.data.classes != DIGITS:
        raise ModelError(
            f"it tells {len(run.data.classes)} classes apart, {', '.join(run.data.classes[:4])}, …",
            where=run.path,
            expected="the ten digits",
            remedy="begin with another run, or with the built-in network: leave out --from",
        )
    if run.adopted is not None and not run.has_keras:
        raise run.lacks("it came as ONNX without a Keras model, and cannot be taught")
    file = run.checked(run.onnx_path)
    licence = run.notes(run.scores())["licence"]
    return _StartNetwork(
        f"run {run.path.name}",
        file.read_bytes(),
        str(run.path),
        licence,
        built_in.thresholds_of(file),
    )


def _distinct(writers: Sequence[Split]) -> tuple[Split, list[tuple[int, int]]]:
    """Join the writers' examples; of equal images only the first is kept.

    Returns
    -------
    examples, places
        The examples, and the writer and number of each.

    Raises
    ------
    DataError
        If there are too few or too many, or an image has two labels.
    """
    images = np.concatenate([writer.images for writer in writers])
    labels = np.concatenate([np.asarray(writer.labels) for writer in writers])
    places = [(k, i) for k, writer in enumerate(writers) for i in range(len(writer.images))]
    _, first, which = np.unique(
        images.reshape(len(images), -1), axis=0, return_index=True, return_inverse=True
    )
    earlier = first[which.ravel()]
    for again in np.flatnonzero(labels != labels[earlier])[:1].tolist():
        (writer, number), (before, its) = places[again], places[earlier[again]]
        raise DataError(
            f"image {number} of writer {writer + 1} is labelled {labels[again]}, and the same "
            f"image {its} of writer {before + 1} is labelled {labels[earlier[again]]}",
            expected="one label for an image",
            remedy="leave out the one whose label is wrong",
        )
    first.sort()
    if not LEAST <= len(first) <= MOST:
        what = f"{len(images):,} examples"
        if len(first) < len(images):
            what += f", of which {len(first):,} differ from each other"
        raise DataError(
            what,
            expected=f"{LEAST} to {MOST:,} different ones",
            remedy="give more"
            if len(first) < LEAST
            else "train a network of their own: mnistry train --data",
        )
    kept = [places[i] for i in first.tolist()]
    return Split(images[first], labels[first].astype(np.uint8)), kept


def _digits(dataset: Dataset) -> tuple[Split, Split]:
    """Return a dataset's labelled training and test images; raise `DataError` if it lacks them."""
    train, test = dataset.train, dataset.test
    known = train is not None and train.labels is not None and set(train.labels) == set(range(10))
    if not known or train is None or test is None or test.labels is None:
        raise DataError(
            "not labelled training and test images of all ten digits",
            where=dataset.source,
            expected="MNIST",
        )
    return train, test


def choose_rehearsal(train: Split, seed: int) -> tuple[Split, Images, Images]:
    """Choose images to rehearse from labelled training images, and make some without a digit.

    Returns
    -------
    digits, non_digits, others
        Digits and images without a digit to rehearse, and other images without a digit to judge by.
    """
    random = np.random.default_rng([seed, 4])
    chosen = random.permutation(len(train.images))[:_REHEARSED]
    labels = np.asarray(train.labels)
    kinds = non_digits.make(non_digits.Digits(train.images, labels), _NON_DIGITS + _JUDGED, random)
    made = np.concatenate(list(kinds.values()))
    made = made[random.permutation(len(made))]
    digits = Split(train.images[chosen], labels[chosen])
    return digits, made[:_NON_DIGITS], made[_NON_DIGITS:]


def _verify(content: bytes, network: TeachableOnnx, taught: teach.Taught, images: Images) -> None:
    """Raise `ModelError` if ONNX Runtime does not answer as computed."""
    given = onnx_session.probabilities(onnx_session.open_session(content), images)
    expected = taught.probabilities(taught.views(network, images.astype(np.float32)))
    difference = float(abs(given - expected).max())
    if not difference <= _TOLERANCE:  # written so that NaN counts as wrong
        raise ModelError(
            f"ONNX Runtime's probabilities differ by {difference:.2g}",
            expected=f"at most {_TOLERANCE:g}",
            remedy="nothing was written",
        )


def _figures(
    examples: Split,
    read: NDArray[np.float32],
    test: Split,
    tested: NDArray[np.float32],
    nothing: NDArray[np.float32],
    least: float,
) -> Figures:
    labels = np.asarray(examples.labels)
    wrong = int((read.argmax(axis=1) != labels).sum())
    rejected = int((nothing.max(axis=1) < least).sum())
    return Figures(
        Share(wrong, len(labels)), float(_losses(read, labels).mean()),
        score_split(test, tested, DIGITS), Share(rejected, len(nothing)),
    )  # fmt: skip


def _losses(read: NDArray[np.float32], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    given = read[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.clip(given, 1e-7, 1)))


def _against(examples: Split, before: Figures, after: Figures) -> list[str]:
    """Return the reasons not to keep the taught network."""
    found = []
    digits = np.unique(np.asarray(examples.labels))
    if len(digits) == 1:
        found.append(f"all examples are of one digit, {digits[0]}")
    if 2 * before.wrong.count > before.wrong.of:
        found.append(
            f"the start misreads {before.wrong.count} of {before.wrong.of} examples: "
            "are the labels right?"
        )
    if after.wrong.count > before.wrong.count:
        found.append("more of the examples are read wrongly")
    elif after.loss >= before.loss:
        found.append("the examples are read no better")
    lost = before.test.accuracy - after.test.accuracy
    if lost > LOST:
        found.append(f"{100 * lost:.2f} points of the accuracy on the test images are lost")
    if after.rejected.count / after.rejected.of < before.rejected.interval.low:
        found.append("fewer images without a digit are rejected")
    return found


def _doubtful(
    examples: Split,
    places: Sequence[tuple[int, int]],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    least: float,
) -> tuple[Doubt, ...]:
    labels = np.asarray(examples.labels)
    answers = before.argmax(axis=1)
    sure = before.max(axis=1) >= max(least, _SURE)
    found = np.flatnonzero(sure & (answers == after.argmax(axis=1)) & (answers != labels))
    return tuple(Doubt(*places[i], int(labels[i]), int(answers[i])) for i in found.tolist())


def _write(
    path: Path, record: Teaching, content: bytes, scores: Scores, dataset: Dataset, began: float
) -> Run:
    with directory.begin_whole(path):
        run = Run(
            path, Status.RUNNING, None, None, DataIdentity.of(dataset),
            datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"),
            {"python": platform.python_version(), "mnistry": __version__}, taught=record,
        ).write()  # fmt: skip
        files.write_bytes(run.onnx_path, content)
        run.write_notes(scores)
        run.write_scores(scores)
        return dataclasses.replace(
            run,
            status=Status.DONE,
            seconds={"teach": time.perf_counter() - began},
            digests={run.onnx_path.name: files.sha256(run.onnx_path)},
        ).write()
