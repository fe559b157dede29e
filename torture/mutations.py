"""Damage real files in a few places, and correct their checksums.

Most damaged files would fail at a checksum. So a seed may also be a part of a file, such as one
member of an archive, which is damaged and then packed into a correct file. Most damaged texts would
fail at their syntax, so half of the recipes move, double and replace whole words and lines.
"""

import functools
import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """Content to change, and a function that makes a file of it.

    Attributes
    ----------
    name
        The name of the file.
    content
        The bytes to change.
    pack
        Makes the file's bytes from the changed content.
    """

    name: str
    content: bytes
    pack: Callable[[bytes], bytes] = bytes


# Numbers at which counts and sizes overflow.
_NUMBERS = (
    *(0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF),
    *(0x80000000, 0xFFFFFFFF, 1 << 63, -1),
)
# Texts with a meaning for parsers.
_WORDS = (
    b"", b"NaN", b"-1", b"1e999", b"Infinity", b"null", b"[]", b"{}", b'"', b"\\u0000", b"\0",
    b"\n", b",", b"[" * 2000, b"9" * 5000, b"../../x", b"\xff\xfe", b"\xef\xbb\xbf",
    "\u0663".encode(), b"1_0",
)  # fmt: skip
_RECORD = struct.Struct("<BHHHB")  # kind, two places, a length, a value
RECORD = _RECORD.size
MOST = 8 * RECORD  # bytes of a recipe: up to eight changes
# A word of a text: a quoted string, a number, a name, white space, or another single character.
_TOKEN = re.compile(rb'"[^"\n]*"|[-+]?\d+(?:\.\d+)?(?![\w.])|\w+|\s+|.', re.DOTALL)
# Words at which a check may fail.
_VALUES = (
    b"0", b"1", b"-1", b"2", b"255", b"256", b"1000000007", b"1e999", b"NaN", b"0.5", b"-0.0",
    b"''", b'""', b"[]", b"{}", b"?", b"true", "\u0663".encode(), '"\u0130"'.encode(), b"9" * 400,
)  # fmt: skip


def mutate(seed: Seed, recipe: bytes) -> bytes:
    """Change a seed as a recipe says, deterministically, and pack it; any bytes are a recipe."""
    records = [
        _RECORD.unpack_from(recipe, start) for start in range(0, len(recipe) - RECORD + 1, RECORD)
    ]
    # Half of the recipes begin with such a byte: they change the words of a text.
    lines = _lines(seed.content) if recipe[:1] >= b"\x80" else None
    if lines:
        changed = list(lines)
        for record in records:
            _change_words(changed, *record)
        return seed.pack(b"".join(b"".join(line) for line in changed))
    content = bytearray(seed.content)
    for record in records:
        _change(content, *record)
    return seed.pack(bytes(content))


@functools.lru_cache
def _lines(content: bytes) -> list[list[bytes]] | None:
    """Return the words of each line of a text, or nothing if it is none."""
    if re.search(rb"[\0-\x08]", content):
        return None
    try:
        content.decode()
    except UnicodeDecodeError:
        return None
    return [_TOKEN.findall(line) for line in content.splitlines(keepends=True)]


def _change_words(
    lines: list[list[bytes]], kind: int, first: int, second: int, length: int, value: int
) -> None:
    """Change a text's lines in place; a line is replaced, since seeds share them."""
    if not lines:
        return
    row, other = (n * len(lines) >> 16 for n in (first, second))
    # What lines begin with, such as keys and labels, is changed more often than one of many values.
    place = int((length / 65536) ** 2 * len(lines[row]))
    line = list(lines[row])
    match kind % 8:
        case 0:
            del lines[row]
            return
        case 1:
            lines.insert(other, line)
            return
        case 2:
            lines[row], lines[other] = lines[other], line
            return
        case 3:  # another word of this kind, from anywhere
            alike = [word for word in lines[other] if _kind(word) == _kind(line[place])]
            line[place] = alike[value % len(alike)] if alike else lines[other][0]
        case 4:
            line[place] = _VALUES[value % len(_VALUES)]
        case 5:  # a number that is a little different
            numbers = [at for at, word in enumerate(line) if word.lstrip(b"+-")[:1].isdigit()]
            if numbers:
                at = numbers[place % len(numbers)]
                line[at] = (b"%d" % (value - 128), b"-" + line[at], line[at] + b"0",
                            line[at] + b".5")[value % 4]  # fmt: skip
        case 6:
            line.insert(place, line[second * len(line) >> 16])
        case 7:
            del line[place]
    lines[row : row + 1] = [line] if line else []


def _kind(word: bytes) -> str:
    if word.lstrip(b"+-")[:1].isdigit():
        return "number"
    return "text" if word[:1] == b'"' else "name" if word[:1].isalpha() else "sign"


def _change(
    content: bytearray, kind: int, first: int, second: int, length: int, value: int
) -> None:
    place, other = (n * len(content) >> 16 for n in (first, second))
    # 1 to 64 bytes, or up to a quarter of the content: `length` is below 2^16.
    size = 1 + (length & 63 if length & 64 else length * len(content) >> 18)
    number = _NUMBERS[value % len(_NUMBERS)]
    match kind % 9:
        case 0:
            content[place : place + 1] = bytes([value])
        case 1:
            for byte in content[place : place + 1]:
                content[place] = byte ^ 1 << value % 8
        case 2 | 3:  # a number of 1, 2, 4 or 8 bytes
            width = 1 << length % 4
            order = "little" if kind % 9 == 2 else "big"
            content[place : place + width] = (number % (1 << 8 * width)).to_bytes(width, order)
        case 4:
            del content[place : place + size]
        case 5:
            content[other:other] = content[place : place + size]
        case 6:
            content[other : other + size] = content[place : place + size]
        case 7:
            content[place : place + length % 8] = _WORDS[value % len(_WORDS)]
        case 8:
            del content[place:]


def whole_and_members(name: str, archive: bytes) -> Iterator[Seed]:
    """Yield a zip archive as a whole, and each of its members."""
    yield Seed(name, archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {member: opened.read(member) for member in opened.namelist()}
    for member, content in members.items():
        yield Seed(name, content, lambda changed, member=member: _zip(members | {member: changed}))


def _zip(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def compressed(name: str, content: bytes) -> Iterator[Seed]:
    """Yield a gzip file as a whole, and its content."""
    yield Seed(name, gzip.compress(content, mtime=0))
    yield Seed(name, content, lambda changed: gzip.compress(changed, 1, mtime=0))


def png_with_sums(content: bytes) -> bytes:
    """Correct the checksum of every chunk of a PNG file, as far as it has chunks."""
    result, place = bytearray(content), 8
    while place + 12 <= len(result):
        length = int.from_bytes(result[place : place + 4], "big")
        end = place + 8 + length
        if end + 4 > len(result):
            break
        result[end : end + 4] = zlib.crc32(result[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(result)
