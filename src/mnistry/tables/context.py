"""What a whole table says about one of its numbers.

Whoever fills in a table writes a point in all its decimal numbers, or a comma; a column holds
numbers of one kind; and some columns number the rows. Knows nothing of pictures.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from mnistry.reading.combine import Judgement, ReadLine

_SIGNS = ".,"
# The usual decimal sign of a table is at least so many times as probable as the other one, judged
# by all its numbers together.
_CLEARLY = 20.0
# Smaller probabilities count as this, because the logarithm of 0 is infinite.
_LEAST = 1e-4
# A column has decimals if at least `_SEVERAL` of its numbers, and `_MOSTLY` of them, have a decimal
# sign. There the odds of a decimal sign are `_TIMES` as high as elsewhere, and a number without one
# is unclear.
_SEVERAL, _MOSTLY, _TIMES = 3, 0.6, 10.0
# In a column that numbers the rows, at least this part of what is written is known to do so.
_SOME = 0.4
# From this part on, "nearly all" numbers have something in common.
_NEARLY_ALL = 0.8


def with_usual_decimal_signs(
    lines: Sequence[ReadLine | None], columns: Sequence[int], judgement: Judgement
) -> list[ReadLine | None]:
    """Decide on decimal signs by the other numbers of a table.

    Parameters
    ----------
    lines
        The lines of a table.
    columns
        The column of each line.
    judgement
        Tells how probable a sign must be.
    """
    sign = _usual_sign([line for line in lines if line is not None])
    found = [
        line if line is None or sign is None else _with(line, sign, 1.0, judgement)
        for line in lines
    ]
    guesses = [None if line is None else "".join(c.text for c in line.characters) for line in found]
    for column in decimal_columns(guesses, columns):
        for i, line in enumerate(found):
            if line is not None and columns[i] == column:
                found[i] = _with(line, sign, _TIMES, judgement)
    return found


def numbered(texts: Sequence[str], spelled: Sequence[str]) -> list[int]:
    """Return the rows whose unclear number must be the row's own number, as nearly all others are.

    Parameters
    ----------
    texts
        What was read in each row of a column.
    spelled
        The most probable reading, with no ``?`` for what is not sure.

    Examples
    --------
    >>> numbered(["1", "2", "?", "4", "?"], ["1", "2", "3", "4", "6"])
    [2]
    """
    known = {row: int(text) - row for row, text in enumerate(texts) if text.isdecimal()}
    if not known:
        return []
    offsets = list(known.values())
    first = max(set(offsets), key=offsets.count)
    rows = [row for row, offset in known.items() if offset == first]
    if len(rows) < max(_SEVERAL, _SOME * sum(map(bool, texts)), _NEARLY_ALL * len(known)):
        return []
    between = range(min(rows), max(rows))
    return [row for row in between if "?" in texts[row] and spelled[row] == str(first + row)]


def with_hidden_signs(texts: Sequence[str]) -> list[str]:
    """Put a ``?`` into numbers of a column that lack the decimal sign that most others have.

    Examples
    --------
    >>> with_hidden_signs(["1.5", "2.5", "3.1", "45", "0.3", "1.2", "4.4", "5"])
    ['1.5', '2.5', '3.1', '4?5', '0.3', '1.2', '4.4', '5']
    """
    long = [text for text in texts if sum(map(str.isdigit, text)) > 1]
    ends = [
        len(text) - 1 - max(map(text.rfind, _SIGNS)) for text in long if set(text) & set(_SIGNS)
    ]
    if len(ends) < max(_SEVERAL, _MOSTLY * len(long)):
        return list(texts)
    usual = max(set(ends), key=ends.count)
    return [
        f"{text[: max(1, len(text) - usual)]}?{text[max(1, len(text) - usual) :]}"
        if text.isdecimal() and len(text) > 1
        else text
        for text in texts
    ]


def decimal_columns(texts: Sequence[str | None], columns: Sequence[int]) -> set[int]:
    """Return the columns of which most numbers have a decimal sign; each text with its column."""
    found = set()
    for column in set(columns):
        own = [text for text, place in zip(texts, columns, strict=True) if text and place == column]
        own = [text for text in own if sum(map(str.isdigit, text)) > 1]
        decimal = [text for text in own if set(text) & set(_SIGNS)]
        if len(decimal) >= max(_SEVERAL, _MOSTLY * len(own)):
            found.add(column)
    return found


def _usual_sign(lines: Sequence[ReadLine]) -> str | None:
    """Return the sign that nearly all lines have; None if both are used, or it is not clear."""
    sure = [str(one) for line in lines for one in line.characters if str(one) in _SIGNS]
    signs = np.concatenate([np.zeros((0, 2)), *(line.decimal_signs for line in lines)])
    point, comma = np.log(np.maximum(signs[signs.any(1)], _LEAST)).sum(0).tolist()
    usual = _SIGNS[int(comma > point)]
    is_clear = abs(point - comma) >= np.log(_CLEARLY)
    return usual if is_clear and sure.count(usual) >= _NEARLY_ALL * len(sure) else None


def _with(line: ReadLine, sign: str | None, times: float, judgement: Judgement) -> ReadLine:
    """Decide which decimal sign each uncertain one is, its odds multiplied by `times`."""
    characters = list(line.characters)
    for i, one in enumerate(characters):
        if one.is_sure or one.text not in _SIGNS:
            continue
        known = line.decimal_signs[i].sum() if sign else line.decimal_signs[i].max()
        text = sign or one.text
        confidence = judgement.of_sign(text, float(known))
        confidence = times * confidence / (1 + (times - 1) * confidence)
        characters[i] = dataclasses.replace(
            one, text=text, confidence=confidence, is_sure=confidence >= judgement.sure
        )
    return dataclasses.replace(line, characters=tuple(characters))
