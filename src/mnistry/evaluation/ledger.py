"""The losses of a run as a ledger in bits: what its network has learned, and what it has not.

Cross-entropy in bits is the average number of yes-or-no questions that are still needed to find an
image's class, given the network's probabilities. Knows nothing of files or of how a ledger is
shown.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Self

from mnistry.errors import ModelError
from mnistry.evaluation.scorecard import Scores
from mnistry.training.history import Epoch

# Losses that are the mean cross-entropy of an image, in nats. Binary cross-entropy is a mean over
# the network's outputs, so it says nothing about the bits of an image.
_CROSS_ENTROPIES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


@dataclasses.dataclass(frozen=True)
class Entry:
    """The mean cross-entropy of an epoch or of a class, in bits per image.

    Attributes
    ----------
    name
        The number of the epoch, from 1, or the name of the class.
    train
        The loss on images that the network was trained on; None if there are none.
    unseen
        The loss on other images; None if there are none.
    """

    name: str
    train: float | None
    unseen: float | None

    @property
    def gap(self) -> float | None:
        """The generalisation gap: `unseen` minus `train`."""
        return None if self.train is None or self.unseen is None else self.unseen - self.train


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The mean cross-entropy of a run's images in bits, compared with knowing nothing.

    Attributes
    ----------
    classes
        Number of classes, at least 1.
    frequencies
        Cross-entropy of a guess that knows only how often each class occurs in training: the
        entropy of the class frequencies. It equals `nothing` if all are equal, and is less if not.
    train, unseen
        Cross-entropy with the final weights, on the training images and on others; None if there
        are no others.
    split
        Which images `unseen` is about: ``"test"``, or ``"validation"`` if there are no test
        images, or None if there are neither.
    by_class
        `train` and `unseen` for each class.
    loss
        The loss that the training minimised, by Keras's name.
    epochs
        For each epoch the mean over the training images, while the weights were changing, and
        the loss on the validation images after it. Empty if `loss` is not the cross-entropy of
        an image.
    """

    classes: int
    frequencies: float
    train: float
    unseen: float | None
    split: str | None
    by_class: tuple[Entry, ...]
    loss: str
    epochs: tuple[Entry, ...]

    @classmethod
    def of(cls, epochs: Sequence[Epoch], scores: Scores, loss: str) -> Self:
        """Make the ledger of a finished run.

        Parameters
        ----------
        epochs, scores
            The results of `Run.epochs` and `Run.scores`; losses in nats.
        loss
            The loss that its training minimised, by Keras's name.

        Raises
        ------
        ModelError
            If the history is empty, or a loss in it is not a number.
        """
        train, test = scores.train, scores.test
        other = test or scores.validation
        others = other.by_class if other else [None] * len(train.by_class)
        return cls(
            classes=len(train.classes),
            frequencies=_entropy([one.images for one in train.by_class]),
            train=train.loss_bits,
            unseen=other.loss_bits if other else None,
            split="test" if test else "validation" if other else None,
            by_class=tuple(
                Entry(one.name, one.loss_bits, its.loss_bits if its else None)
                for one, its in zip(train.by_class, others, strict=True)
            ),
            loss=loss,
            epochs=_by_epoch(epochs) if loss in _CROSS_ENTROPIES else (),
        )

    @property
    def nothing(self) -> float:
        """The cross-entropy if all classes have equal probabilities: log2 of their number."""
        return math.log2(self.classes)

    @property
    def left(self) -> float:
        """What the network does not know yet: `unseen`, or `train` without unseen images."""
        return self.train if self.unseen is None else self.unseen

    @property
    def learned(self) -> float:
        """`nothing` minus `left`; negative if the network is worse than knowing nothing."""
        return self.nothing - self.left

    @property
    def gap(self) -> float | None:
        """The generalisation gap: `unseen` minus `train`.

        Part of it is overfitting, and part is chance. The rest comes from other differences
        between the images: MNIST's training and test images are by different writers.
        """
        return None if self.unseen is None else self.unseen - self.train

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, with the lowest validation loss; the first in a tie."""
        costs = [entry.unseen for entry in self.epochs if entry.unseen is not None]
        return costs.index(min(costs)) + 1 if costs else None

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as plain values; the key of `unseen` is the name of its split."""
        return {
            "classes": self.classes,
            "nothing": self.nothing,
            "frequencies": self.frequencies,
            "learned": self.learned,
            "split": self.split,
            **_losses(self, self.split),
            "by_class": [
                {"class": entry.name, **_losses(entry, self.split)} for entry in self.by_class
            ],
            "loss": self.loss,
            "epochs": [
                {"epoch": int(entry.name), **_losses(entry, "validation")} for entry in self.epochs
            ],
        }


def _losses(entry: Entry | Ledger, split: str | None) -> dict[str, float | None]:
    named = {} if split is None else {split: entry.unseen}
    return {"train": entry.train, **named, "gap": entry.gap}


def _by_epoch(epochs: Sequence[Epoch]) -> tuple[Entry, ...]:
    if not epochs:
        raise _damaged("it has no epoch")
    return tuple(
        Entry(
            str(number),
            _bits(number, epoch.loss),
            None if epoch.val_loss is None else _bits(number, epoch.val_loss),
        )
        for number, epoch in enumerate(epochs, start=1)
    )


def _bits(number: int, nats: float | None) -> float:
    # In a file that was cut short or edited, cells may be empty or may not be numbers.
    if nats is None or not math.isfinite(nats):
        raise _damaged(f"a loss of {nats} in epoch {number}")
    return nats / math.log(2)


def _damaged(why: str) -> ModelError:
    return ModelError(f"the run's history is damaged: {why}", remedy="train the run again")


def _entropy(counts: Sequence[int]) -> float:
    """Return -sum p log2 p; Shannon, "A Mathematical Theory of Communication", 1948, section 6."""
    total = sum(counts)
    return math.fsum(count / total * math.log2(total / count) for count in counts if count)
