"""Combine two readers: the digit network confirms or contradicts each digit of the line reader.

The line reader sees signs, rules and neighbouring characters, and finds the place of each
character. Each digit is cut out there, without rules, and read by the digit network, which was
trained separately on other pictures. How often both together are right was measured on generated
lines: a character that is right less often than `Judgement.sure` is a ``?``. Knows nothing of how
lines were found.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.images.mnist_form import bounds, normalise
from mnistry.reading.components import components
from mnistry.reading.line_reader import (
    HEIGHT,
    MARGIN,
    TALL,
    Character,
    Strip,
    decimal_signs,
    digit_probabilities,
    find_strips,
    hidden,
    read_strips,
    spell,
)

# A mark belongs to a character whose columns hold at least this fraction of its area.
_OWN = 0.7
# A mark that belongs to no single character, as where digits touch, is divided at the boundaries;
# parts below this fraction of its area are dropped.
_SOME = 0.08
# Smaller probabilities count as this, because the logarithm of 0 is infinite.
_LEAST = 1e-6
# A mark of this part of a digit's height or more is a ``?`` if no character was read from it.
_UNREAD = 0.5
# A space that was read parts two numbers if the characters' middles are more than `UNUSUAL` times
# as far apart as usual; if no two digits of the line are neighbours, more than `_APART` heights.
# `UNUSUAL` also tells an empty cell of a comb, and a space between marks (`mnistry.reading.rows`).
UNUSUAL = 1.4
_APART = 2.0
# Where no space was read, two numbers part if their middles are more than `_WIDER` times as far
# apart as usual, or in any case more than `_FAR` heights.
_WIDER, _FAR = 1.8, 2.8
# After a space, however narrow, these begin a new number: a sign with a digit, and a fraction.
_NEW = re.compile(r"[-+]\d|\d+/\d+(?= |$)")

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The probability that a character is right, given the outputs of both readers.

    These are logistic regressions, fitted on generated lines; see ``benchmarks/line_reader.py``.

    Attributes
    ----------
    agreed, opposed
        For a digit on which both networks agree, or disagree: the bias, the weight of the line
        reader's log odds, and the weight of the digit network's log probability of that digit.
    vote
        For a mark that both read as one character: the weights of the digit network's log
        probabilities and of the line reader's.
    signs
        For each sign: the bias and the weight of the line reader's log odds.
    other
        A picture with a single mark shows a single digit, unless the line reader reads another
        character with at least this probability.
    hidden
        Least probability of a missed character between two others at which a ``?`` is inserted.
    sure
        Least probability of being right; a character below it becomes a ``?``.
    """

    agreed: tuple[float, ...]
    opposed: tuple[float, ...]
    vote: tuple[float, ...]
    signs: dict[str, tuple[float, ...]]
    other: float
    hidden: float
    sure: float

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Judgement":
        """Make it from the card of the line reader; raise KeyError, TypeError or ValueError."""
        return cls(
            tuple(map(float, value["agreed"])), tuple(map(float, value["opposed"])),
            tuple(map(float, value["vote"])),
            {sign: tuple(map(float, weights)) for sign, weights in value["signs"].items()},
            float(value["other"]), float(value["hidden"]), float(value["sure"]),
        )  # fmt: skip

    def of_digit(self, line: float, digit: float, *, agreed: bool) -> float:
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

    def of_marks(
        self, digits: NDArray[np.floating], line: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Return the probabilities of single marks, ``(n, 10)``, from those of both networks."""
        own, lines = self.vote
        logs = own * np.log(np.maximum(digits, _LEAST)) + lines * np.log(np.maximum(line, _LEAST))
        both = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(both / both.sum(axis=1, keepdims=True), np.float32)

    def of_sign(self, sign: str, line: float) -> float:
        """Return the probability that a sign is right."""
        constant, weight = self.signs.get(sign, (-np.inf, 0.0))
        return _sigmoid(constant + weight * log_odds(line))


def log_odds(probability: float, least: float = _LEAST) -> float:
    """Return the natural log odds of a probability, which is taken as `least` to 1 - `least`.

    Examples
    --------
    >>> log_odds(0.5), round(log_odds(1.0), 2)
    (0.0, 13.82)
    """
    p = min(max(probability, least), 1 - least)
    return float(np.log(p / (1 - p)))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -50, 50))))


@dataclasses.dataclass(frozen=True, eq=False)
class SpelledLine:
    """A strip as the line reader alone reads it.

    Attributes
    ----------
    strip
        The picture of the line.
    steps
        ``float32``: the line reader's answer; see `read_strips`.
    characters
        The characters with the line reader's own probabilities.
    as_digits
        The line reader's probability of each digit, for each of `characters` that is no space:
        ``float64``, shape ``(n, 10)``.
    """

    strip: Strip
    steps: NDArray[np.floating] = dataclasses.field(repr=False)
    characters: tuple[Character, ...]
    as_digits: NDArray[np.float64] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, eq=False)
class ReadLine:
    """A written line as both readers read it.

    Attributes
    ----------
    characters
        From left to right, each with the probability that it is right, and whether that is enough.
        No space stands first or last.
    spelled
        The characters as the line reader spells them, with its own probabilities.
    as_digits
        The line reader's probability of each digit, for each of `spelled` that is no space:
        ``float64``, shape ``(n, 10)``.
    decimal_signs
        The line reader's probability of a point and of a comma, for each of `characters`; 0 unless
        the character is a point or a comma: ``float64``, shape ``(characters, 2)``.
    top, bottom
        Its rows in the ink.
    boxes
        ``float64``, shape ``(characters, 4)``: left, top, width and height in the ink.
    forms
        ``uint8``, shape ``(n, 28, 28)``: each character but spaces in MNIST's form.
    probabilities
        ``float32``, shape ``(n, 10)``: what the digit network answered.
    """

    characters: tuple[Character, ...]
    spelled: tuple[Character, ...]
    as_digits: NDArray[np.float64]
    decimal_signs: NDArray[np.float64]
    top: float
    bottom: float
    boxes: NDArray[np.float64]
    forms: Images = dataclasses.field(repr=False)
    probabilities: Probabilities = dataclasses.field(repr=False)

    @property
    def text(self) -> str:
        """The characters, with ``?`` for those that are not sure."""
        return "".join(map(str, self.characters))

    @property
    def is_sure(self) -> bool:
        """Whether every character is sure."""
        return "?" not in self.text

    def is_beside(self, top: float, bottom: float) -> bool:
        """Whether it overlaps these rows of the ink by half of the smaller height."""
        shared = min(self.bottom, bottom) - max(self.top, top)
        return shared > 0.5 * min(self.bottom - self.top, bottom - top)

    def holds(self, top: float, bottom: float) -> bool:
        """Whether a low mark in these rows belongs to this line, as a comma does."""
        height = self.bottom - self.top
        is_seen = self.top <= top <= self.bottom and bottom <= self.bottom + MARGIN * height
        return is_seen and bottom - top < height / 2


def read_lines(
    strength: NDArray[np.float32],
    line_session: onnxruntime.InferenceSession,
    answer: Callable[[Images], Probabilities],
    judgement: Judgement,
    *,
    alone: float | None = None,
    frames: NDArray[np.float32] | None = None,
) -> list[ReadLine]:
    """Read all written lines of a picture: by the line reader, confirmed by the digit network.

    Parameters
    ----------
    strength
        The ink: ``float32``, shape ``(height, width)``.
    line_session
        The line reader.
    answer
        Returns the digit network's probabilities for images of MNIST's form.
    judgement
        Combines the two networks' probabilities.
    alone
        None if both networks decide which digit a character is. Else the digit network alone
        decides, and a digit less probable than this is a ``?``.
    frames
        What was taken out of the ink: rings, boxes, the cells of combs.
    """
    spelled = spell_strips(find_strips(strength, frames), line_session)
    return [line for line in confirmed(spelled, answer, judgement, alone=alone) if line is not None]


def spell_strips(
    strips: Sequence[Strip], line_session: onnxruntime.InferenceSession
) -> list[SpelledLine]:
    """Read strips by the line reader alone, in a few batches."""
    lines = []
    for strip, steps in zip(strips, read_strips(line_session, strips), strict=True):
        columns = strip.image.shape[1]
        characters = spell(steps, columns)
        if strip.is_comb and _is_comb(characters, strip.walls):
            characters = _joined_cells(characters)
        else:
            characters = _with_wide_spaces(_without_narrow_spaces(characters, strip))
        marks = [one for one in characters if one.text != " "]
        as_digits = digit_probabilities(steps, marks, columns)
        lines.append(SpelledLine(strip, steps, tuple(characters), as_digits))
    return lines


def confirmed(
    spelled: Sequence[SpelledLine],
    answer: Callable[[Images], Probabilities],
    judgement: Judgement,
    *,
    alone: float | None = None,
) -> list[ReadLine | None]:
    """Let the digit network confirm lines, all in one batch; None where nothing was read.

    For the other parameters see `read_lines`.
    """
    lines = []
    for one in spelled:
        gaps = hidden(one.steps, one.characters, one.strip.image.shape[1])
        whole = _with_hidden(one.characters, gaps, judgement.hidden)
        lines.append(_with_unread(one.strip, whole))
    cuts = [cut_out(one.strip, line) for one, line in zip(spelled, lines, strict=True)]
    images = np.concatenate([np.zeros((0, 28, 28), np.uint8), *(forms for forms, _ in cuts)])
    probabilities = answer(images) if len(images) else np.zeros((0, 10), np.float32)
    found: list[ReadLine | None] = []
    for read, line, (forms, boxes) in zip(spelled, lines, cuts, strict=True):
        own, probabilities = probabilities[: len(forms)], probabilities[len(forms) :]
        characters = judged(line, own, judgement, alone=alone)
        kept = _kept(characters)
        of_forms = [keep for keep, one in zip(kept, line, strict=True) if one.text != " "]
        if not any(kept):
            found.append(None)
            continue
        _, top, _, height = read.strip.box(0, read.strip.image.shape[1])
        characters = [one for one, keep in zip(characters, kept, strict=True) if keep]
        signs = decimal_signs(read.steps, characters, read.strip.image.shape[1])
        found.append(
            ReadLine(
                tuple(characters), read.characters, read.as_digits, signs, top, top + height,
                boxes[kept], forms[of_forms], own[of_forms],
            )
        )  # fmt: skip
    return found


def judged(
    characters: Sequence[Character],
    digits: Probabilities,
    judgement: Judgement,
    *,
    alone: float | None = None,
) -> list[Character]:
    """Compute how probable each character is, and whether it is sure.

    Parameters
    ----------
    characters
        A line as the line reader spells it.
    digits
        ``float32``, shape ``(characters that are not spaces, 10)``: the digit network's answers.
    alone
        As in `read_lines`.

    Returns
    -------
    list of Character
        Each with the probability that it is right; spaces and ``?`` unchanged.
    """
    answers = iter(digits)
    found = []
    for one in characters:
        answer = None if one.text == " " else next(answers)
        if answer is None or one.text == "?":
            found.append(one)
            continue
        text, least = one.text, judgement.sure
        if not text.isdigit():
            sure = judgement.of_sign(text, one.confidence)
        elif alone is not None:
            text, sure, least = str(answer.argmax()), float(answer.max()), alone
        else:
            digit = int(text)
            sure = judgement.of_digit(
                one.confidence, float(answer[digit]), agreed=int(answer.argmax()) == digit
            )
        found.append(dataclasses.replace(one, text=text, confidence=sure, is_sure=sure >= least))
    return found


def _is_comb(characters: Sequence[Character], walls: NDArray[np.bool_]) -> bool:
    """Whether a wall stands between any two neighbouring characters."""
    marks = [one for one in characters if one.text != " "]
    return len(marks) > 1 and all(
        walls[int(before.middle) : int(after.middle)].any() for before, after in pairwise(marks)
    )


def _joined_cells(characters: Sequence[Character]) -> list[Character]:
    """Drop the spaces between the cells of a comb; where a cell is empty, a space stays."""
    marks = [one for one in characters if one.text != " "]
    apart = [after.middle - before.middle for before, after in pairwise(marks)]
    usual = float(np.median(apart))
    found = [marks[0]]
    for (before, after), distance in zip(pairwise(marks), apart, strict=True):
        if distance > UNUSUAL * usual:
            found.append(Character(" ", before.confidence, before.right, after.left))
        found.append(after)
    return found


def _without_narrow_spaces(characters: list[Character], strip: Strip) -> list[Character]:
    """Drop spaces that are no wider than the gaps between the digits of this line's numbers.

    Digits that stand far apart, and equally far, are one number, unless walls separate them. Walls
    that also stand inside numbers, as on squared paper, separate nothing.
    """
    if not any(one.text == " " for one in characters):
        return characters
    apart = list(_distances(characters).values())
    widest = UNUSUAL * float(np.median(apart)) if apart else _APART * TALL
    marks = [i for i, one in enumerate(characters) if one.text != " "]
    is_walled = {
        (i, j): bool(strip.walls[int(characters[i].right) : int(characters[j].left)].any())
        for i, j in pairwise(marks)
    }
    is_squared = any(is_walled[i, j] for i, j in is_walled if j == i + 1)
    text = "".join(one.text for one in characters)
    narrow = {
        place
        for (i, j), walled in is_walled.items()
        if characters[j].middle - characters[i].middle <= widest
        and (is_squared or not walled)
        and not _NEW.match(text, j)
        for place in range(i + 1, j)
    }
    return [one for i, one in enumerate(characters) if i not in narrow]


def _with_wide_spaces(characters: Sequence[Character]) -> list[Character]:
    """Insert a space between digits much further apart than usual, and characters very far apart.

    An inserted space is wider than the narrowest space that was read.
    """
    apart = _distances(characters)
    marks = [i for i, one in enumerate(characters) if one.text != " "]
    narrowest = min(
        (characters[j].middle - characters[i].middle for i, j in pairwise(marks) if j > i + 1),
        default=0.0,
    )
    found = list(characters[:1])
    for i, (before, after) in enumerate(pairwise(characters)):
        others = [distance for place, distance in apart.items() if place != i]
        usual = float(np.median(others)) if others and i in apart else np.inf
        wide = max(narrowest, min(_FAR * TALL, max(_WIDER * usual, TALL)))
        if " " not in before.text + after.text and after.middle - before.middle > wide:
            found.append(Character(" ", before.confidence, before.right, after.left))
        found.append(after)
    return found


def _distances(characters: Sequence[Character]) -> dict[int, float]:
    """Return how far apart neighbouring digits are, by the place of the first.

    Signs do not count: many are narrower than digits.
    """
    return {
        i: after.middle - before.middle
        for i, (before, after) in enumerate(pairwise(characters))
        if (before.text + after.text).isdigit()
    }


def _with_hidden(
    characters: Sequence[Character], gaps: Sequence[float], least: float
) -> list[Character]:
    """Insert a ``?`` of no width where a character may have been missed."""
    found: list[Character] = []
    for i, gap in enumerate(gaps):
        if gap >= least:
            at = characters[i - 1].right if i else characters[0].left if characters else 0.0
            found.append(Character("?", gap, at, at))
        found += characters[i : i + 1]
    return found


def _with_unread(strip: Strip, characters: Sequence[Character]) -> list[Character]:
    """Insert a ``?`` for each tall mark from which no character was read, such as a lone 1.

    A character is read from the marks in whose columns its middle lies; if there are none, as where
    a 0 is broken in two, from the nearest mark on either side, at most half a height away.
    """
    left, top, width, height = components(strip.clean).boxes.T
    is_inside = np.abs(top + height / 2 - HEIGHT / 2) < TALL / 2
    tall = is_inside & (height >= _UNREAD * TALL) & (height < HEIGHT - 1)
    spans = np.stack([left, left + width], 1)[tall]
    if not len(spans):
        return list(characters)
    is_read = np.zeros(len(spans), bool)
    for one in characters:
        if one.text == " ":
            continue
        away = np.maximum(spans[:, 0] - one.middle, one.middle - spans[:, 1])
        if (away <= 0).any():
            is_read |= away <= 0
        else:
            for side in (spans[:, 0] > one.middle, spans[:, 1] < one.middle):
                is_read |= side & (away == away[side].min(initial=TALL / 2))
    for start, stop in spans[is_read].tolist():  # marks above or below those that were read
        shared = np.minimum(spans[:, 1], stop) - np.maximum(spans[:, 0], start)
        is_read |= shared > 0.3 * (spans[:, 1] - spans[:, 0])
    unread = [
        Character("?", 0.0, float(start), float(stop)) for start, stop in spans[~is_read].tolist()
    ]
    return sorted([*characters, *unread], key=lambda one: one.middle)


def _kept(characters: Sequence[Character]) -> list[bool]:
    """Return which characters stay.

    Spaces at the ends go, and so does a ``?`` for a missed character that is next to another ``?``.
    """
    marks = [i for i, one in enumerate(characters) if one.text != " "]
    kept = []
    for i, one in enumerate(characters):
        beside = "".join(map(str, characters[max(0, i - 1) : i + 2]))
        is_double = one.is_missed and beside.count("?") > 1
        kept.append(bool(marks) and marks[0] <= i <= marks[-1] and not is_double)
    return kept


def cut_out(strip: Strip, characters: Sequence[Character]) -> tuple[Images, NDArray[np.float64]]:
    """Cut the characters out of a strip, without rules.

    Parameters
    ----------
    strip
        The line.
    characters
        What was read in it.

    Returns
    -------
    tuple of ndarray
        Each character but spaces in MNIST's form, ``uint8``, shape ``(n, 28, 28)``, blank where
        there is no ink; and the box of every character in the ink: left, top, width and height.
    """
    count, labels = cv2.connectedComponents(strip.clean)
    areas = np.bincount(labels.ravel(), minlength=count)
    edges = boundaries(characters, strip.image.shape[1])
    forms, boxes = [], []
    for one, left, right in zip(characters, edges[:-1], edges[1:], strict=True):
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
        mask = whole[near] | cut
        if one.text != " ":
            seen = strip.image[:, start : start + near.shape[1]] / np.float32(255)
            soft = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
            forms.append(normalise(np.asarray(seen * soft, np.float32)))
        x, y, width, height = bounds(mask) or (a, 0, b - a, HEIGHT)
        boxes.append((start + x, y, width, height))
    images = np.stack(forms) if forms else np.zeros((0, 28, 28), np.uint8)
    found = np.array(boxes, np.float64).reshape(-1, 4) / strip.scale
    found[:, 1] += strip.y + strip.slope * (found[:, 0] + found[:, 2] / 2)
    found[:, 0] += strip.x
    return images, found


def boundaries(characters: Sequence[Character], columns: int) -> list[float]:
    """Return the columns between characters: half-way, and the two ends at most a digit away.

    Examples
    --------
    >>> boundaries([Character("1", 1, 8, 12), Character("2", 1, 28, 32)], 64)
    [0, 20.0, 58.8]
    """
    if not characters:
        return []
    middles = [one.middle for one in characters]
    between = [(a + b) / 2 for a, b in pairwise(middles)]
    reach = 0.6 * HEIGHT
    return [max(0, middles[0] - reach), *between, min(columns, middles[-1] + reach)]
