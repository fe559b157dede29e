"""Read the characters in the ink of fields: in the cells of a comb, or written freely.

Two networks read each digit: one sees the digit alone, in MNIST's form, the other the line or the
cell as it is. The result has the characters that each place may have, with their probabilities; the
field's type and the form's rules are applied later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.forms.altered import AlteredDigits
from mnistry.forms.ink import MARGIN, PIXELS_PER_MM, FieldInk
from mnistry.images.mnist_form import SIDE, bounds, normalise
from mnistry.reading import combine, line_reader
from mnistry.reading.ink_reader import Networks
from mnistry.reading.line_reader import Strip

# Ink of this strength belongs to a mark.
MARK = 0.3
# A mark belongs to a box if at least the share `_INSIDE` of its area lies in the box. It is not
# clear whether it belongs if the share is smaller but more than `_UNCLEAR`.
_INSIDE, _UNCLEAR = 0.5, 0.12
# A mark with at least this share of its area in each of two cells is a line, or digits that touch.
_SHARED = 0.2
# Such a mark is a line across cells if it is this many times wider than high and about as wide as
# a cell, or wider.
_FLAT = 2.5
# If all marks in a cell are lower and narrower than this, in millimetres, they are no digit.
_TALL = 1.2
# A slash through a cell is a stroke that is thinner than `_THIN`, in millimetres, higher than the
# share `_SLASH` of the cell's height, and wider than the share `_SLASH_WIDTH` of its width. A
# slanted 1 is shorter or steeper.
_THIN, _SLASH, _SLASH_WIDTH = 1.0, 1.0, 0.7
# The picture of a character in a cell shows at least this share of the cell's height, so that a
# low mark, such as a dash, is not enlarged as a digit is.
_LEAST_HEIGHT = 0.45
# A decimal point is lower than the share `_POINT` of the height of digits, and its middle lies
# below the share `_POINT_PLACE` of the line's height, from its top.
_POINT, _POINT_PLACE = 0.45, 0.55
# A point in a field of decimals is believed if the line reader gives it at least this probability.
_POINT_SURE = 0.4
_SURE = 0.9  # a character of a line, or a sign, is sure from this probability on
_SURE_IN_CELL = 0.955  # a digit in a cell is sure if its `certainty` is at least this
# The weights of `certainty`, fitted to the cells of 76 generated sheets; the 16 sheets by four pen
# writers count 0.3 each. ``benchmarks/forms.py --calibrate`` fits them to single cells in the same
# proportion.
_WEIGHTS = np.array([0.757, 0.232, -0.133, 0.431, -0.017])
# A 0 is a punched hole if the roundness of its hull (4πA/P², 1 for a circle) is more than `_ROUND`,
# and its width differs from its height by less than the share `_EVEN`. None of 320 generated zeros
# is both.
_ROUND, _EVEN = 0.975, 0.07
_SOLID = 0.4  # ink of this strength counts for the shape of a hole
# A digit is plain, that is neither struck out nor written over, if the log odds of its reading
# exceed the log odds that it was altered by this.
_PLAIN = 3.0
_SMALLEST = 1e-4  # the floor of both probabilities before their log odds are taken
_ALTERED = 0.25  # the highest confidence of a digit that is not plain
# Pixels of blank paper that are kept round a digit.
_PAD = 8
# Probability below which another digit is no candidate.
_CANDIDATE = 0.003

SIGNS = line_reader.CHARACTERS[10:-2]  # neither digits, nor ? and the space

Strength = NDArray[np.float32]
Mask = NDArray[np.bool_]
DigitImage = NDArray[np.uint8]  # in MNIST's form, (28, 28)


@dataclass(frozen=True)
class ReadPlace:
    """What was read in one place.

    Attributes
    ----------
    candidates
        Characters with their probabilities, the most probable first; none for a blank cell.
    confidence
        The probability that the first one is right, which is less than that among the candidates
        if the mark may be something else.
    is_sure
        Whether `confidence` is enough that nobody has to check the character.
    is_contested
        Whether the two networks disagree, or the mark is more than a character.
    """

    candidates: tuple[tuple[str, float], ...] = ()
    confidence: float = 1.0
    is_sure: bool = True
    is_contested: bool = False

    @property
    def text(self) -> str:
        """The most probable character; a space for a blank cell."""
        return self.candidates[0][0] if self.candidates else " "


@dataclass(frozen=True)
class Characters:
    """The characters of a field.

    Attributes
    ----------
    places
        For each cell of a comb; or for each character from left to right, where a space is a gap.
    doubts
        What else makes the reading uncertain, in words.
    is_struck_through
        Whether there is a line across several cells, and nothing else.
    """

    places: tuple[ReadPlace, ...]
    doubts: tuple[str, ...] = ()
    is_struck_through: bool = False

    @property
    def text(self) -> str:
        """The most probable characters."""
        return "".join(place.text for place in self.places)


@dataclass(frozen=True, eq=False)
class Cells:
    """The ink of a comb, and its cells.

    Attributes
    ----------
    ink
        The ink of the whole field.
    edges
        Left and right edge of each cell, in millimetres from the field's left edge.
    """

    ink: FieldInk = field(repr=False)
    edges: tuple[tuple[float, float], ...]


def own_ink(ink: FieldInk) -> tuple[Strength, bool]:
    """Return the ink of a box's own marks, and whether a large mark lies only partly in the box."""
    count, labels = cv2.connectedComponents((ink.strength > MARK).astype(np.uint8))
    areas = np.bincount(labels.ravel(), minlength=count)
    inside = np.bincount(labels[ink.inside()].ravel(), minlength=count) / np.maximum(areas, 1)
    is_own = inside >= _INSIDE
    is_unclear = (inside > _UNCLEAR) & ~is_own
    is_own[0] = is_unclear[0] = False  # label 0 is the paper
    near = cv2.dilate(is_own[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    has_large_unclear = bool((areas[is_unclear] > 0.5 * PIXELS_PER_MM**2).any())
    return np.asarray(ink.strength * near, np.float32), has_large_unclear


def _doubts(ink: FieldInk, is_unclear: bool) -> list[str]:
    """Return what is in doubt about a field before any character is read."""
    doubts = ["a mark lies half in this field"] if is_unclear else []
    return [*doubts, "a stroke may lie on the frame"] if ink.is_hidden else doubts


def read_free(
    ink: FieldInk, networks: Networks, altered: AlteredDigits, *, decimals: bool
) -> Characters:
    """Read what was written freely in a box.

    Parameters
    ----------
    ink
        The field's ink.
    networks
        Both networks.
    altered
        Tells which digits are struck out or written over.
    decimals
        Whether a point or a comma is expected among the digits.
    """
    strength, is_unclear = own_ink(ink)
    doubts = _doubts(ink, is_unclear)
    lines = combine.read_lines(
        strength, networks.lines, networks.answer, networks.judgement, alone=networks.alone
    )
    if len(lines) > 1:
        doubts.append("several lines are written here")
    if not lines:
        return Characters((), tuple(doubts))
    line = max(lines, key=lambda one: len(one.characters))
    spelled = {(one.left, one.right): one for one in line.spelled}
    by_line = {
        (one.left, one.right): row
        for one, row in zip(
            (one for one in line.spelled if one.text != " "), line.as_digits, strict=True
        )
    }
    heights = [
        box[3] for one, box in zip(line.characters, line.boxes, strict=True) if one.text.isdigit()
    ]
    high = float(np.median(heights)) if heights else 0.0
    places = []
    were_altered = altered.probabilities(line.forms).tolist()
    answers = iter(zip(line.probabilities, were_altered, strict=True))
    for one, box in zip(line.characters, line.boxes, strict=True):
        if one.text == " ":
            places.append(ReadPlace())
            continue
        answer, was_altered = next(answers)
        plain = spelled.get((one.left, one.right))
        if plain is None:
            places.append(ReadPlace((("?", 1.0),), 0.0, False, True))
        elif decimals and plain.text in ".," and _is_point(box, line, high):
            sure = plain.confidence >= _POINT_SURE
            places.append(ReadPlace(((plain.text, 1.0),), 1.0 if sure else plain.confidence, sure))
        elif plain.text in SIGNS:
            places.append(_sign(plain.text, one.confidence))
        else:
            row = by_line[one.left, one.right]
            place = _digit(answer, row, plain.text, plain.confidence, networks)
            places.append(_unless_altered(place, was_altered))
    return Characters(tuple(places), tuple(doubts))


def _is_point(box: NDArray[np.float64], line: combine.ReadLine, high: float) -> bool:
    """Whether a mark is small and stands low, as a decimal point or comma does."""
    middle = box[1] + box[3] / 2
    low = line.top + _POINT_PLACE * (line.bottom - line.top)
    return bool(high and box[3] < _POINT * high and middle > low)


def _sign(text: str, confidence: float) -> ReadPlace:
    return ReadPlace(((text, 1.0),), confidence, confidence >= _SURE)


def _digit(
    answer: NDArray[np.float32],
    by_line: NDArray[np.float64],
    spelled: str,
    sure: float,
    networks: Networks,
) -> ReadPlace:
    """Combine both networks' opinions of a digit in a line.

    Parameters
    ----------
    answer
        ``float32``, shape ``(10,)``: the probabilities by the digit network.
    by_line
        ``float64``, shape ``(10,)``: the same by the line reader.
    spelled, sure
        What the line reader spells, and its probability.
    """
    if networks.alone is not None:
        best = int(answer.argmax())
        confidence = float(answer[best])
        return ReadPlace(_candidates(answer), confidence, confidence >= max(networks.alone, _SURE))
    both = networks.judgement.of_marks(answer[None], by_line[None])[0]
    best = int(both.argmax())
    if spelled != str(best):
        return ReadPlace(_candidates(both), min(0.5, float(both[best])), False, True)
    agreed = int(answer.argmax()) == best
    confidence = networks.judgement.of_digit(sure, float(answer[best]), agreed=agreed)
    return ReadPlace(_candidates(both), confidence, confidence >= _SURE, not agreed)


def _candidates(probabilities: NDArray[np.floating]) -> tuple[tuple[str, float], ...]:
    """Return the digits that may be meant, the most probable first."""
    ranked = np.argsort(-probabilities, kind="stable").tolist()
    return tuple(
        (str(digit), float(probabilities[digit]))
        for digit in ranked
        if probabilities[digit] >= _CANDIDATE
    )


def _unless_altered(place: ReadPlace, probability: float) -> ReadPlace:
    """Return the place, marked as doubtful unless it is far more probably plain than altered.

    `probability` is that of `AlteredDigits.probabilities`.
    """
    for_reading = combine.log_odds(place.confidence, _SMALLEST)
    for_alteration = combine.log_odds(probability, _SMALLEST)
    return place if for_reading - for_alteration > _PLAIN else _doubted(place)


def _doubted(place: ReadPlace) -> ReadPlace:
    """Return what was read from a mark that is no plain digit."""
    return ReadPlace(place.candidates, min(place.confidence, _ALTERED), False, True)


def read_combs(
    combs: Sequence[Cells], networks: Networks, altered: AlteredDigits
) -> list[Characters]:
    """Read the cells of combs, all of them in one batch; parameters as for `read_free`."""
    parted = [divide(comb) for comb in combs]
    filled = [
        (number, index, cell)
        for number, one in enumerate(parted)
        for index, cell in enumerate(one.cells)
        if cell is not None
    ]
    strips = [strip_of(cell, combs[number].ink) for number, _, cell in filled]
    steps = line_reader.read_strips(networks.lines, strips)
    forms = np.zeros((len(filled), SIDE, SIDE), np.uint8)
    for form, (*_, cell) in zip(forms, filled, strict=True):
        form[:] = _form_of(cell)
    answers, were_altered = networks.answer(forms), altered.probabilities(forms)
    found = [[ReadPlace() for _ in comb.edges] for comb in combs]
    for (number, index, cell), strip, step, answer, was_altered in zip(
        filled, strips, steps, answers, were_altered.tolist(), strict=True
    ):
        place = _in_cell(strip, step, answer, networks)
        if place.text.isdigit():
            is_hole = place.text == "0" and _is_circle(cell > _SOLID)
            place = _doubted(place) if is_hole else _unless_altered(place, was_altered)
        found[number][index] = place
    return [
        Characters(tuple(places), one.doubts, one.is_struck_through)
        for places, one in zip(found, parted, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class DividedComb:
    """The ink of each cell of a comb, None for a blank one.

    `doubts` and `is_struck_through` are as in `Characters`; `shared` are the cells with a mark that
    lies in another one too.
    """

    cells: tuple[Strength | None, ...]
    doubts: tuple[str, ...] = ()
    is_struck_through: bool = False
    shared: frozenset[int] = frozenset()


def divide(comb: Cells) -> DividedComb:
    """Divide the ink of a comb among its cells, each mark whole where possible."""
    strength, is_unclear = own_ink(comb.ink)
    doubts = _doubts(comb.ink, is_unclear)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((strength > MARK).astype(np.uint8))
    columns = np.arange(strength.shape[1])
    lefts, rights = MARGIN + np.array(comb.edges).T
    walls = (lefts[1:] + rights[:-1]) / 2 * PIXELS_PER_MM  # in the middle between two cells
    cell_of = np.searchsorted(walls, columns, side="right")  # the cell of each column of pixels
    cell_count = len(comb.edges)
    areas = np.bincount((labels * cell_count + cell_of).ravel(), minlength=count * cell_count)
    # Row by mark, column by cell: the share of the mark's area that lies in the cell.
    shares = areas.reshape(count, cell_count).astype(np.float64)
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    width = PIXELS_PER_MM * float(np.mean([right - left for left, right in comb.edges]))
    owner_of = np.full(count, -1, np.intp)  # each mark's cell; -1 if it belongs to none as a whole
    lines_across = 0
    split: list[int] = []  # marks that are cut at the walls
    for label in range(1, count):
        _, _, wide, high, _ = stats[label].tolist()
        if (shares[label] >= _SHARED).sum() > 1 or wide > 1.6 * width:
            if wide > _FLAT * high and wide > 0.9 * width:
                lines_across += 1
            else:
                split.append(label)
        else:
            owner_of[label] = shares[label].argmax()
    owner = owner_of[labels]  # the same for each pixel
    for label in split:
        owner = np.where(labels == label, cell_of[None, :], owner)
    if split:
        doubts.append("a mark lies in two cells")
    shared = frozenset(np.flatnonzero(shares[split].any(0)).tolist())
    if lines_across:
        is_alone = not (owner >= 0).any()
        doubts.append("a line is drawn across cells")
        return DividedComb((None,) * len(comb.edges), tuple(doubts), is_alone)
    tall = PIXELS_PER_MM * _TALL
    for cell in range(len(comb.edges)):
        own = np.flatnonzero(np.bincount(labels[owner == cell].ravel(), minlength=count))
        if own.size and stats[own, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max() < tall:
            owner[owner == cell] = -1  # a point beside the printed one, or dirt
    doubts += _slashes(owner, comb)
    soft = np.stack(
        [cv2.dilate((owner == cell).astype(np.uint8), np.ones((3, 3), np.uint8))
         for cell in range(len(comb.edges))]
    )  # fmt: skip
    cells = [
        np.asarray(strength * mask, np.float32) if (owner == cell).any() else None
        for cell, mask in enumerate(soft)
    ]
    return DividedComb(tuple(cells), tuple(dict.fromkeys(doubts)), shared=shared)


def forms_of_comb(comb: Cells) -> list[DigitImage | None]:
    """Return the characters in the cells that are not blank, in MNIST's form.

    None stands for a cell that shares a mark with another one. The list is empty if a line goes
    through several cells.
    """
    found = divide(comb)
    return [
        None if number in found.shared else _form_of(cell)
        for number, cell in enumerate(found.cells)
        if cell is not None
    ]


def forms_of_free(ink: FieldInk, networks: Networks) -> list[DigitImage | None]:
    """Return the characters of a field that is written freely, in MNIST's form.

    The list is empty unless exactly one line is written.
    """
    strength, _ = own_ink(ink)
    lines = combine.read_lines(
        strength, networks.lines, networks.answer, networks.judgement, alone=networks.alone
    )
    return list(lines[0].forms) if len(lines) == 1 else []


def _slashes(owner: NDArray[np.intp], comb: Cells) -> list[str]:
    """Return a doubt if a cell is crossed out by a stroke from corner to corner."""
    rows, _ = comb.ink.inside()
    high = rows.stop - rows.start
    for cell, (left, right) in enumerate(comb.edges):
        box = bounds(owner == cell)
        if box is None:
            continue
        _, _, wide, tall = box
        thin = (owner == cell).sum() < _THIN * PIXELS_PER_MM * np.hypot(wide, tall)
        if thin and tall > _SLASH * high and wide > _SLASH_WIDTH * (right - left) * PIXELS_PER_MM:
            return ["a stroke goes through a whole box"]
    return []


def _form_of(cell: Strength) -> DigitImage:
    """Bring the ink of a cell to MNIST's form; blank paper round it costs time, and is cut off."""
    x, y, width, height = bounds(cell > 0) or (0, 0, 1, 1)
    top, left = max(0, y - _PAD), max(0, x - _PAD)
    return normalise(np.ascontiguousarray(cell[top : y + height + _PAD, left : x + width + _PAD]))


def strip_of(cell: Strength, ink: FieldInk) -> Strip:
    """Cut a cell's ink out as a line of one character; low marks are not enlarged as digits are."""
    rows = np.flatnonzero((cell > MARK).any(1))
    inside, _ = ink.inside()
    least = _LEAST_HEIGHT * (inside.stop - inside.start)
    top, bottom = float(rows[0]), float(rows[-1] + 1)
    lacking = max(0.0, least - (bottom - top)) / 2
    strip = line_reader.cut(cell, round(top - lacking), round(bottom + lacking))
    if strip is None:
        return Strip(np.zeros((line_reader.HEIGHT, 48), np.uint8), 0, 0, 1)
    return strip


def _in_cell(
    strip: Strip, steps: NDArray[np.float32], answer: NDArray[np.float32], networks: Networks
) -> ReadPlace:
    """Combine both networks' opinions of the mark in a cell."""
    seen = np.exp(steps.max(0).astype(np.float64))[1:]  # of each character, where it is strongest
    spelled = [one for one in line_reader.spell(steps, strip.image.shape[1]) if one.text != " "]
    if len(spelled) == 1 and spelled[0].text in SIGNS and answer.max() < spelled[0].confidence:
        return _sign(spelled[0].text, spelled[0].confidence)
    if networks.alone is not None:
        return _digit(answer, seen[:10], "", 0.0, networks)
    both = networks.judgement.of_marks(answer[None], seen[None, :10])[0]
    best = int(both.argmax())
    confidence = certainty(answer, seen, best)
    agreed = best == int(answer.argmax()) == int(seen[:10].argmax())
    return ReadPlace(_candidates(both), confidence, confidence >= _SURE_IN_CELL, not agreed)


def _is_circle(mark: Mask) -> bool:
    """Whether a mark is as round as a punched hole; hardly any written 0 is."""
    outlines, _ = cv2.findContours(mark.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return False
    hull = cv2.convexHull(np.concatenate(outlines))
    _, _, wide, high = cv2.boundingRect(hull)
    roundness = 4 * np.pi * cv2.contourArea(hull) / max(cv2.arcLength(hull, True), 1) ** 2
    return bool(roundness > _ROUND and abs(wide / high - 1) < _EVEN)


def certainty(answer: NDArray[np.float32], seen: NDArray[np.float64], best: int) -> float:
    """Return the probability that a digit in a cell is right: a logistic regression.

    Parameters
    ----------
    answer
        ``float32``, shape ``(10,)``: the probabilities by the digit network.
    seen
        ``float64``, shape ``(18,)``: by the line reader, of each character where it is strongest.
    best
        The digit.
    """
    return float(1 / (1 + np.exp(-_WEIGHTS @ evidence(answer, seen, best))))


def evidence(
    answer: NDArray[np.float32], seen: NDArray[np.float64], best: int
) -> NDArray[np.float64]:
    """Return what `certainty` weighs: 1, then how sure each network is of the digit and of another.

    The line reader comes before the digit network. "Another" is the next best, maybe a sign.
    """
    others = np.delete(seen[: len(line_reader.CHARACTERS) - 1], best).max()  # without the space
    return np.array(
        [
            1.0,
            combine.log_odds(float(seen[best]), 1e-4),
            np.log(others + 1e-5),
            combine.log_odds(float(answer[best]), 1e-4),
            np.log(np.delete(answer, best).max() + 1e-6),
        ]
    )
