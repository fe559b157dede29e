"""Choose pages of a document: ``1,3-`` for the first and all from the third on."""

import re
from dataclasses import dataclass

from mnistry.errors import UsageError

_PART = re.compile(r"([1-9][0-9]{0,5})( *- *([1-9][0-9]{0,5})?)?")


@dataclass(frozen=True)
class PageNumbers:
    """A choice of pages, numbered from 1.

    Attributes
    ----------
    ranges
        Pairs of a first page and a last one, which is None if all pages follow.

    Examples
    --------
    >>> PageNumbers.parse("1,3-").among(5)
    [1, 3, 4, 5]
    >>> PageNumbers.parse("7,1").among(2)  # page 7 is asked for by its number
    [1, 7]
    >>> PageNumbers.parse("2-9").among(3)
    [2, 3]
    >>> PageNumbers.parse("1 - 2, 4").among(5)
    [1, 2, 4]
    """

    ranges: tuple[tuple[int, int | None], ...]

    @classmethod
    def parse(cls, text: str, option: str = "--pages") -> "PageNumbers":
        """Parse a text such as ``1,3-5,8-``, which was given with an option.

        Raises
        ------
        UsageError
            If it is not such a text.
        """
        ranges = []
        for part in text.split(","):
            match = _PART.fullmatch(part.strip())
            first, dash, last = match.groups() if match else ("0", None, None)
            end = (int(last) if last else None) if dash else int(first)
            ranges.append((int(first), end))
        if any(first == 0 or (last is not None and last < first) for first, last in ranges):
            raise UsageError(
                f"{text!r} names no {option.strip('-')}",
                where=option,
                expected="numbers from 1 and ranges, such as 1,3-5,8-",
            )
        return cls(tuple(ranges))

    def among(self, count: int) -> list[int]:
        """Return the chosen numbers in a document of `count` pages, ascending, each once.

        A range ends with the last page; a page asked for by its number stays, even a missing one.
        """
        numbers: set[int] = set()
        for first, last in self.ranges:
            end = count if last is None else min(last, count)
            if last == first:  # asked for by its number
                end = first
            numbers.update(range(first, end + 1))
        return sorted(numbers)
