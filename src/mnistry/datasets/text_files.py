"""Text files in pieces, decompressed, as UTF-8 with Unix's line ends.

Knows nothing of what the text says. Excel's "Unicode text" is UTF-16, and old Macintosh files end
their lines with a carriage return alone.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from mnistry.datasets import decompress
from mnistry.errors import DataError

BLOCK = 1 << 18  # bytes of whole lines that are parsed at once, in the processor's cache
MAX_LINE = 1 << 16  # bytes; the usual header has about 7,000, a usual row at most 3,139
_ENOUGH = 1 << 16  # bytes that show a text's encoding and its line ends
BOM = codecs.BOM_UTF8
_ENCODINGS = (  # UTF-32's mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PRINTABLE = rb"[\t\n\r -~]"
_LITTLE = re.compile(rb"(?:%b\0){4}" % _PRINTABLE)
_BIG = re.compile(rb"(?:\0%b){4}" % _PRINTABLE)


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a text file's content in pieces of bounded size.

    Raises
    ------
    DataError
        If it is UTF-16 or UTF-32, and damaged.
    """
    raw = decompress.pieces(path)
    begin = _begin(raw, _ENOUGH)
    encoding = _encoding(begin)
    every = chain((begin,), raw)
    parts = every if encoding is None else _recoded(every, encoding, path)
    first = next(parts, b"")
    is_old = b"\r" in first and b"\n" not in first
    for part in filter(None, chain((first,), parts)):
        yield part.replace(b"\r", b"\n") if is_old else part


def head(path: Path, count: int) -> bytes:
    """Return a file's first bytes, decompressed, and as UTF-8 if it is a text."""
    found = _begin(decompress.pieces(path), count)[:count]
    encoding = _encoding(found)
    if encoding is None:
        return found
    return found.decode(encoding, errors="ignore").encode()


def _begin(parts: Iterator[bytes], count: int) -> bytes:
    """Take parts until they have `count` bytes."""
    found = b""
    while len(found) < count and (part := next(parts, b"")):
        found += part
    return found


def _encoding(begin: bytes) -> str | None:
    """Return the encoding of a text that is not UTF-8, by its first bytes."""
    for mark, name in _ENCODINGS:
        if begin.startswith(mark):
            return name
    return "utf-16-le" if _LITTLE.match(begin) else "utf-16-be" if _BIG.match(begin) else None


def _recoded(parts: Iterator[bytes], encoding: str, path: Path) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for part in parts:
            yield decoder.decode(part).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise DataError(
            f"damaged {encoding.upper()}: {getattr(error, 'reason', error)}",
            where=path,
            remedy="save it again as CSV with UTF-8",
        ) from error


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield a text file's lines with their numbers."""
    reader = Lines(path)
    row = 1
    for block in reader.blocks():
        for row, line in enumerate(block.removesuffix(b"\n").split(b"\n"), start=row):  # noqa: B020
            yield row, line.removesuffix(b"\r")
        row += 1


class Lines:
    """The lines of a file: one by one at first, then in blocks of bounded size."""

    def __init__(self, path: Path) -> None:
        self._pieces = pieces(path)
        self._path = path
        self._rest = b""
        self._given = 0  # bytes returned so far

    def next_line(self) -> bytes:
        """Return the next line, without its end."""
        while b"\n" not in self._rest and len(self._rest) < MAX_LINE:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        self._check(line)
        self._given += len(line) + 1
        return line.removeprefix(BOM).rstrip(b"\r")

    def is_at_end(self) -> bool:
        """Return whether all lines were given."""
        self._rest = self._rest or next(self._pieces, b"")
        return not self._rest

    def push_back(self, line: bytes) -> None:
        """Put a line back, to be returned again."""
        self._rest = line + b"\n" + self._rest
        self._given = max(0, self._given - len(line) - 1)

    def blocks(self) -> Iterator[bytes]:
        """Yield whole lines, about `BLOCK` bytes at a time."""
        parts, size = [self._rest], len(self._rest)
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= BLOCK:
                joined = b"".join(parts)
                stop = joined.rfind(b"\n") + 1
                self._given += stop
                parts, size = [joined[stop:]], len(joined) - stop
                self._check(parts[0])
                if stop:
                    yield joined[:stop]
        if size:
            yield b"".join(parts)

    def _check(self, line: bytes) -> None:
        if len(line) >= MAX_LINE:
            row, left = 1, self._given
            for piece in pieces(self._path):
                row += piece.count(b"\n", 0, max(0, left))
                left -= len(piece)
            raise DataError(
                "the line is too long",
                where=f"{self._path}, row {row}",
                expected=f"784 values in fewer than {MAX_LINE:,} bytes",
            )
