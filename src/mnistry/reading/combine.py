"""Combine two readers: the digit network confirms or contradicts each digit of the line reader.

The line reader sees signs, rules and neighbouring characters, and finds the place of each
character. Each digit is cut out there, without rules, and read by the digit network, which was
trained separately on other pictures. How often both together are right was measured on generated
lines: a character that is right less often than `Judgement.sure` is a ``?``. Knows nothing of how
lines were found.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.images.mnist_form import normalise, stroke_width
from mnistry.reading.line_reader import (
    HEIGHT,
    Character,
    Strip,
    find_strips,
    hidden,
    read_strips,
    spell,
    without_rules,
)

# Ink in a strip.
_MARK = 100
# A mark belongs to a character whose columns hold at least this fraction of its area.
_OWN = 0.7
# A mark that belongs to no single character, as where digits touch, is divided at the boundaries;
# parts below this fraction of its area are dropped.
_SOME = 0.08
_LEAST = 1e-6

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The probability that a character is right, given the outputs of both readers.

    These are logistic regressions, fitted on generated lines; see
    ``benchmarks/line_reader.py``.

    Attributes
    ----------
    agreed, opposed
        For a digit on which both networks agree, or disagree: the bias, the weight of the line
        reader's log odds, and the weight of the digit network's log probability of that digit.
    signs
        For each sign and the space: the bias and the weight of the line reader's log odds.
    hidden
        Least probability of a missed character between two others at which a ``?`` is inserted.
    sure
        Least probability of being right; a character below it becomes a ``?``.
    """

    agreed: tuple[float, float, float]
    opposed: tuple[float, float, float]
    signs: dict[str, tuple[float, float]]
    hidden: float
    sure: float

    @classmethod
    def load(cls, path: Path) -> "Judgement":
        """Read the weights from the line reader's card."""
        record = json.loads(path.read_text("utf-8"))["judgement"]
        return cls(
            tuple(record["agreed"]), tuple(record["opposed"]),
            {sign: tuple(weights) for sign, weights in record["signs"].items()},
            float(record["hidden"]), float(record["sure"]),
        )  # fmt: skip

    def of_digit(self, line: float, digit: float, agreed: bool) -> float:
        """Return the probability that a digit is right.

        Parameters
        ----------
        line, digit
            Its probability by the line reader and by the digit network.
        agreed
            Whether it is the digit network's most probable digit.
        """
        weights = self.agreed if agreed else self.opposed
        return _sigmoid(
            weights[0] + weights[1] * log_odds(line) + weights[2] * np.log(max(digit, _LEAST))
        )

    def of_sign(self, sign: str, line: float) -> float:
        """Return the probability that a sign is right."""
        constant, weight = self.signs.get(sign, (-np.inf, 0.0))
        return _sigmoid(constant + weight * log_odds(line))


def log_odds(probability: float) -> float:
    """Return the natural log odds of a probability, bounded.

    Examples
    --------
    >>> log_odds(0.5), round(log_odds(1.0), 2)
    (0.0, 13.82)
    """
    p = min(max(probability, _LEAST), 1 - _LEAST)
    return float(np.log(p / (1 - p)))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -50, 50))))


@dataclasses.dataclass(frozen=True, eq=False)
class ReadLine:
    """A written line as both readers read it.

    Attributes
    ----------
    characters
        From left to right, each with the probability that it is right; ``?`` where that is too
        small. The first and the last are not spaces.
    strip
        The strip in which they were read.
    forms
        ``uint8``, shape ``(n, 28, 28)``: each digit of the line reader as the digit network saw it.
    probabilities
        ``float32``, shape ``(n, 10)``: the digit network's answers.
    """

    characters: tuple[Character, ...]
    strip: Strip
    forms: Images = dataclasses.field(repr=False)
    probabilities: Probabilities = dataclasses.field(repr=False)

    @property
    def text(self) -> str:
        """The characters in a row."""
        return "".join(one.text for one in self.characters)


def read_lines(
    strength: NDArray[np.float32],
    line_session: onnxruntime.InferenceSession,
    answer: Callable[[Images], Probabilities],
    judgement: Judgement,
) -> list[ReadLine]:
    """Read all written lines of a picture with both readers.

    Parameters
    ----------
    strength
        The ink: ``float32``, shape ``(height, width)``.
    line_session
        The line reader.
    answer
        Returns the digit network's probabilities for images of MNIST's form.
    judgement
        Combines the two readers' probabilities.
    """
    strips = find_strips(strength)
    answers = read_strips(line_session, strips)
    lines = [spell(one, strip.image.shape[1]) for one, strip in zip(answers, strips, strict=True)]
    images = [forms(strip, line) for strip, line in zip(strips, lines, strict=True)]
    ends = np.cumsum([0, *map(len, images)])
    probabilities = answer(np.concatenate(images)) if ends[-1] else np.zeros((0, 10), np.float32)
    found = []
    for i, (strip, line) in enumerate(zip(strips, lines, strict=True)):
        own = probabilities[ends[i] : ends[i + 1]]
        gaps = hidden(answers[i], line, strip.image.shape[1])
        characters = _with_hidden(judged(line, own, judgement), gaps, judgement.hidden)
        found.append(ReadLine(_trimmed(characters), strip, images[i], own))
    return [line for line in found if line.characters]


def judged(
    characters: Sequence[Character], digits: Probabilities, judgement: Judgement
) -> list[Character]:
    """Replace characters whose probability of being right is below `Judgement.sure` by ``?``.

    Parameters
    ----------
    characters
        A line as the line reader spells it.
    digits
        ``float32``, shape ``(number of digits among them, 10)``: the digit network's answers.

    Returns
    -------
    list of Character
        Each with the probability that it is right; spaces and ``?`` are unchanged.
    """
    answers = iter(digits)
    found = []
    for one in characters:
        if one.text in " ?":
            found.append(one)
            continue
        if one.text.isdigit():
            answer = next(answers)
            digit = int(one.text)
            agreed = int(answer.argmax()) == digit
            sure = judgement.of_digit(one.confidence, float(answer[digit]), agreed)
        else:
            sure = judgement.of_sign(one.text, one.confidence)
        text = one.text if sure >= judgement.sure else "?"
        found.append(dataclasses.replace(one, text=text, confidence=sure))
    return found


def _with_hidden(
    characters: Sequence[Character], gaps: Sequence[float], least: float
) -> list[Character]:
    """Insert ``?`` where a character may have been missed, unless a ``?`` is next to it."""
    found: list[Character] = []
    for i, gap in enumerate(gaps):
        beside = [one.text for one in characters[max(0, i - 1) : i + 1]]
        if gap >= least and "?" not in beside:
            at = characters[i - 1].right if i else characters[0].left if characters else 0.0
            found.append(Character("?", gap, at, at))
        found += characters[i : i + 1]
    return found


def _trimmed(characters: Sequence[Character]) -> tuple[Character, ...]:
    marks = [i for i, one in enumerate(characters) if one.text != " "]
    return tuple(characters[marks[0] : marks[-1] + 1]) if marks else ()


def forms(strip: Strip, characters: Sequence[Character]) -> Images:
    """Cut the digits out of a strip, without rules, and convert them to MNIST's form.

    Parameters
    ----------
    strip
        The line.
    characters
        The characters read in it.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(number of digits, 28, 28)``.
    """
    solid = (strip.image > _MARK).astype(np.uint8)
    clean = without_rules(solid, max(1.5, stroke_width(solid > 0)))
    count, labels = cv2.connectedComponents(clean)
    areas = np.bincount(labels.ravel(), minlength=count)
    edges = boundaries(characters, strip.image.shape[1])
    found = []
    for one, left, right in zip(characters, edges[:-1], edges[1:], strict=True):
        if not one.text.isdigit():
            continue
        # Ink further out than a quarter of the height belongs to another character.
        start = max(int(left) - HEIGHT // 4, 0)
        near = labels[:, start : int(np.ceil(right)) + HEIGHT // 4]
        a, b = int(left) - start, int(np.ceil(right)) - start
        inside = np.bincount(near[:, a:b].ravel(), minlength=count)
        whole = (inside >= _OWN * areas) & (inside > 0)
        part = (inside > _SOME * areas) & ~whole
        whole[0] = part[0] = False
        cut = part[near]
        cut[:, :a], cut[:, b:] = False, False
        mask = cv2.dilate((whole[near] | cut).astype(np.uint8), np.ones((3, 3), np.uint8))
        seen = strip.image[:, start : start + near.shape[1]] / np.float32(255)
        found.append(normalise(np.asarray(seen * mask, np.float32)))
    return np.stack(found) if found else np.zeros((0, 28, 28), np.uint8)


def boundaries(characters: Sequence[Character], columns: int) -> list[float]:
    """Return the columns between characters: half-way, and the two ends at most a digit away.

    Examples
    --------
    >>> boundaries([Character("1", 1, 8, 12), Character("2", 1, 28, 32)], 64)
    [0, 20.0, 58.8]
    """
    if not characters:
        return []
    middles = [(one.left + one.right) / 2 for one in characters]
    between = [(a + b) / 2 for a, b in pairwise(middles)]
    reach = 0.6 * HEIGHT
    return [max(0, middles[0] - reach), *between, min(columns, middles[-1] + reach)]
