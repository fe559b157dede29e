"""The losses of a run as a ledger in bits: what its network learned, and what it has yet to ask.

Cross-entropy in bits counts yes-or-no questions: how many an image still takes, on average, once
the network has given its probabilities. Knows nothing of files, nor of how a ledger is shown.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Self

from mnistry.errors import ModelError
from mnistry.evaluation.scorecard import Scores
from mnistry.training.history import Epoch

# Losses that are the mean cross-entropy of an image, in nats. Binary cross-entropy is a mean over
# the network's outputs, each a question of its own: no number of bits an image.
_OF_AN_IMAGE = ("categorical_crossentropy", "sparse_categorical_crossentropy")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the images of one epoch or one class cost: mean cross-entropy, in bits an image.

    Attributes
    ----------
    name
        The epoch's number, from 1, or the class's name.
    train
        Images that the network was trained on; None if there are none.
    unseen
        Images that it was not trained on; None if there are none.
    """

    name: str
    train: float | None
    unseen: float | None

    @property
    def gap(self) -> float | None:
        """What an unseen image costs more than one of the training: the generalisation gap."""
        return None if self.train is None or self.unseen is None else self.unseen - self.train


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Where the loss of a run stands between knowing nothing and 0, in bits an image.

    Attributes
    ----------
    classes
        Number of classes, at least 1.
    frequencies
        What a guesser pays who knows how often each class occurs among the training images, and
        nothing else: the entropy of these shares, which is below `nothing` unless all are equal.
    train, unseen
        What images cost that the final weights were trained on, and others; None if there are
        none.
    split
        Which others: ``"test"``; where there is none, ``"validation"``, the images set aside;
        where there are neither, None.
    by_class
        The same for the images of each class.
    loss
        What the training minimised, by Keras's name.
    epochs
        An entry an epoch: the running mean over the training images, taken while the weights
        were still changing, and the images set aside, after it. Empty where `loss` is no
        cross-entropy of an image.
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
        """Draw up the ledger of a finished run.

        Parameters
        ----------
        epochs, scores
            What the run's `Run.epochs` and `Run.scores` give; losses in nats.
        loss
            What its training minimised, by Keras's name.

        Raises
        ------
        ModelError
            If the history is empty, or a loss in it is no number.
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
            epochs=_by_epoch(epochs) if loss in _OF_AN_IMAGE else (),
        )

    @property
    def nothing(self) -> float:
        """What an image costs if every class is as likely as any other: log2 of their number."""
        return math.log2(self.classes)

    @property
    def left(self) -> float:
        """What an image still costs: an unseen one, where there are any."""
        return self.train if self.unseen is None else self.unseen

    @property
    def learned(self) -> float:
        """How far `left` is below `nothing`; negative where the network misleads."""
        return self.nothing - self.left

    @property
    def gap(self) -> float | None:
        """What an unseen image costs more than one of the training: the generalisation gap.

        Overfitting is a part of it. Chance is another, and so is every other difference between
        the images: MNIST's test images are by other writers than its training images.
        """
        return None if self.unseen is None else self.unseen - self.train

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, after which the images set aside cost least; the first of equals."""
        costs = [entry.unseen for entry in self.epochs if entry.unseen is not None]
        return costs.index(min(costs)) + 1 if costs else None

    def to_json(self) -> dict[str, Any]:
        """Give the ledger as plain values; what unseen images cost is called by their split."""
        named = {} if self.split is None else {self.split: self.unseen}
        return {
            "classes": self.classes,
            "nothing": self.nothing,
            "frequencies": self.frequencies,
            "learned": self.learned,
            "split": self.split,
            "train": self.train,
            **named,
            "gap": self.gap,
            "by_class": [
                {"class": entry.name, **_costs(entry, self.split)} for entry in self.by_class
            ],
            "loss": self.loss,
            "epochs": [
                {"epoch": int(entry.name), **_costs(entry, "validation")} for entry in self.epochs
            ],
        }


def _costs(entry: Entry, split: str | None) -> dict[str, float | None]:
    named = {} if split is None else {split: entry.unseen}
    return {"train": entry.train, **named, "gap": entry.gap}


def _by_epoch(epochs: Sequence[Epoch]) -> tuple[Entry, ...]:
    if not epochs:
        raise _damaged("there is no epoch in it")
    return tuple(
        Entry(
            str(number),
            _bits(number, epoch.loss),
            None if epoch.val_loss is None else _bits(number, epoch.val_loss),
        )
        for number, epoch in enumerate(epochs, start=1)
    )


def _bits(number: int, nats: float | None) -> float:
    # A file that was cut short or edited has cells that are empty or no number.
    if nats is None or not math.isfinite(nats):
        raise _damaged(f"a loss of {nats} in epoch {number}")
    return nats / math.log(2)


def _damaged(why: str) -> ModelError:
    return ModelError(f"the run's history is damaged: {why}", remedy="train the run again")


def _entropy(counts: Sequence[int]) -> float:
    """Mean of -log2 of the shares; Shannon, "A Mathematical Theory of Communication", 1948, §6."""
    whole = sum(counts)
    return math.fsum(count / whole * math.log2(whole / count) for count in counts if count)
