"""Read TOML, and find the line of a value.

Knows nothing of what the values mean.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from mnistry.errors import DataError

# How tomllib ends its messages.
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

# What closes the arrays, and the inline tables in them, that are open at the end of a line.
_ENDINGS = ("", "\n]", "\n]]", "\n]}", "\n]}]")

MAX_LINES = 200  # of one value

Path = tuple[str | int, ...]


def parse(text: str, where: str) -> dict[str, Any]:
    r"""Return the values of a TOML text; decimal numbers are exact.

    Raises
    ------
    DataError
        If it is not TOML, with the line.

    Examples
    --------
    >>> parse("[[field]]\nmax = 0.1", "FORM.toml")
    {'field': [{'max': Decimal('0.1')}]}
    >>> parse("title = Water", "FORM.toml")
    Traceback (most recent call last):
    mnistry.errors.DataError: FORM.toml, line 1: not TOML: invalid value; ...
    """

    def decimal(number: str) -> Decimal:
        try:
            return Decimal(number)
        except InvalidOperation:
            line = 1 + text.count("\n", 0, text.find(number))
            raise DataError(
                f"the number {number} has an exponent that is out of range",
                where=f"{where}, line {line}",
                remedy="write a number that can stand in a box",
            ) from None

    try:
        return tomllib.loads(text, parse_float=decimal)
    except (ValueError, RecursionError) as error:  # ValueError: a number of 5000 digits too
        message = str(error)
        place = _PLACE.search(message)
        line = place[1] if place and place[1] else text.count("\n") + 1
        what = message[: place.start()] if place else message
        raise DataError(
            f"not TOML: {what[:1].lower()}{what[1:]}",
            where=f"{where}, line {line}",
            remedy='put texts in quotes, and begin each table with a line like "[[field]]"',
        ) from None


@dataclass(frozen=True)
class _Statement:
    """A heading, or a key with its value: the path that it sets, and its lines, from 1."""

    path: Path
    line: int
    text: str


class Lines:
    r"""The lines of the values in a TOML text.

    Parameters
    ----------
    text
        Valid TOML.
    where
        Its name, for messages.

    Raises
    ------
    DataError
        If a value takes more than `MAX_LINES`: finding its end would take too long.

    Examples
    --------
    >>> lines = Lines('[[field]]\nname = "a"\n\n[[field]]\nname = "b"', "FORM.toml")
    >>> lines.of(("field", 1, "name")), lines.of(("field", 1, "type"))
    (5, 4)
    """

    def __init__(self, text: str, where: str) -> None:
        self._statements = {one.path: one for one in _statements(text, where)}

    def of(self, path: Path) -> int:
        """Return the line on which the value at `path` begins.

        For a value that is missing it is the line of the table that lacks it.

        Parameters
        ----------
        path
            Keys, and numbers in arrays from 0: ``("field", 2, "name")``.
        """
        for end in range(len(path), 0, -1):
            found = self._statements.get(path[:end])
            if found is not None:
                return found.line + _line_within(found.text, path[end:])
        return 1


def _statements(text: str, where: str) -> Iterator[_Statement]:
    """Divide a text into its statements: each begins a line, and is TOML by itself."""
    heading: Path = ()
    counts: Counter[Path] = Counter()  # of the tables in each array
    first, lines = 1, text.replace("\r\n", "\n").split("\n")
    for last in range(1, len(lines) + 1):
        part = "\n".join(lines[first - 1 : last])
        try:
            value = tomllib.loads(part)
        except tomllib.TOMLDecodeError:  # it goes on
            if last - first < MAX_LINES:
                continue
            raise DataError(
                f"a value of more than {MAX_LINES} lines",
                where=f"{where}, line {first}",
                remedy="write a table for each field, beginning with [[field]]",
            ) from None
        # The path is that of the keys, as in [table.part] or key = 1. Each heading [[field]] is one
        # more table of an array: its number, from 0, follows its key in the path.
        is_heading = part.lstrip().startswith("[")
        path: Path = () if is_heading else heading
        while isinstance(value, dict) and len(value) == 1:
            key, value = next(iter(value.items()))
            path = (*path, key)
            if is_heading:
                if isinstance(value, list):
                    counts[path] += 1
                    value = value[0]
                if counts[path]:
                    path = (*path, counts[path] - 1)
        if is_heading or path != heading:  # else it is a comment, or empty
            yield _Statement(path, first, part)
        if is_heading:
            heading = path
        first = last + 1


def _line_within(statement: str, rest: Path) -> int:
    """Return on which line of a statement, from 0, a value within its arrays begins."""
    lines = statement.split("\n")
    if not rest or len(lines) == 1:
        return 0
    low, high = 0, len(lines) - 1
    while low < high:  # the first line with which the value is there
        middle = (low + high) // 2
        if _has("\n".join(lines[: middle + 1]), rest):
            high = middle
        else:
            low = middle + 1
    return low


def _has(start: str, rest: Path) -> bool:
    """Whether a value is in a statement's first lines, when its arrays are closed."""
    for ending in _ENDINGS:
        try:
            value: Any = tomllib.loads(start + ending)
        except tomllib.TOMLDecodeError:
            continue
        while isinstance(value, dict):
            value = next(iter(value.values()))
        try:
            for key in rest:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            return False
        return True
    return False
