"""Convert written numbers to values, if the value is certain.

A comma separates thousands in one country and decimals in another; a date is not a number; a number
with a ``?`` is unknown. Where the value is in doubt, the text is kept without a value. Knows
nothing of pictures.
"""

import functools
import re
from typing import NamedTuple

# Whole numbers in groups of three, and without groups.
_GROUPED = r"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)"
_FRACTION = re.compile(r"\d+/\d+")
_WHOLE = re.compile(r"\d+")


class Token(NamedTuple):
    """A number's place among the characters of its line: ``text`` is ``line[start:end]``."""

    text: str
    start: int
    end: int


def split(line: str) -> list[Token]:
    """Split a line into numbers at its spaces; a whole number and a fraction are one number.

    Examples
    --------
    >>> [token.text for token in split("12.5 345")]
    ['12.5', '345']
    >>> [token.text for token in split("5 1/2")]
    ['5 1/2']
    """
    words = [Token(m.group(), m.start(), m.end()) for m in re.finditer(r"\S+", line)]
    found: list[Token] = []
    for word in words:
        if found and _FRACTION.fullmatch(word.text) and _WHOLE.fullmatch(found[-1].text):
            start = found.pop().start
            word = Token(line[start : word.end], start, word.end)
        found.append(word)
    return found


def value(text: str, *, decimal_comma: bool = False, thousands: bool = False) -> int | float | None:
    """Return a number's value, or None if it has none or more than one possible value.

    Parameters
    ----------
    text
        The number as written.
    decimal_comma
        Whether a comma separates decimals and a point thousands.
    thousands
        Whether thousands are separated, by the comma or, with `decimal_comma`, by the point.

    Returns
    -------
    int, float or None
        A whole number is an ``int``.

    Examples
    --------
    >>> value("12.5"), value("-3"), value("1,250.00"), value("12,5")
    (12.5, -3, 1250.0, 12.5)
    >>> value("1,250"), value("1,250", thousands=True), value("1,250", decimal_comma=True)
    (None, 1250, 1.25)
    >>> value("18/12/2023"), value("4?"), value("727."), value("368-")
    (None, None, None, None)
    """
    english = _read(text, ".", ",")
    if not decimal_comma and (thousands or "," not in text):
        return english
    continental = _read(text, ",", ".")
    if decimal_comma:
        # Without `thousands`, the point in "1.250" may be a decimal point.
        if "." in text and "," not in text and text.count(".") == 1 and not thousands:
            return None
        return continental
    if english is None or continental is None:
        return continental if english is None else english
    return None


def _read(text: str, point: str, group: str) -> int | float | None:
    match = _pattern(point, group).fullmatch(text)
    if match is None or (match[2] is None and match[3] is None):
        return None
    digits = match[1] + (match[2] or "0").replace(group, "")
    return int(digits) if match[3] is None else float(f"{digits}.{match[3]}")


@functools.lru_cache
def _pattern(point: str, group: str) -> re.Pattern[str]:
    """Return the pattern of a number: its sign, its whole part and its decimals."""
    whole = _GROUPED.format(group=re.escape(group))
    return re.compile(rf"([-+]?)({whole})?(?:{re.escape(point)}(\d+))?", re.ASCII)
