"""Damage real files in a few places, and correct their checksums.

Most damaged files would fail at a checksum. So a seed may also be a part of a file, such as one
member of an archive, which is damaged and then packed into a correct file.
"""

import gzip
import io
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


# Numbers at which counts and sizes overflow; text with a meaning for parsers.
_NUMBERS = (
    *(0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF),
    *(0x80000000, 0xFFFFFFFF, 1 << 63, -1),
)
_WORDS = (
    b"", b"NaN", b"-1", b"1e999", b"Infinity", b"null", b"[]", b"{}", b'"', b"\\u0000", b"\0",
    b"\n", b",", b"[" * 2000, b"9" * 5000, b"../../x", b"\xff\xfe", b"\xef\xbb\xbf",
    "\u0663".encode(), b"1_0",
)  # fmt: skip
_RECORD = struct.Struct("<BHHHB")  # kind, two places, a length, a value
MOST = 8 * _RECORD.size  # bytes of a recipe: up to eight changes


def mutate(seed: Seed, recipe: bytes) -> bytes:
    """Change a seed as a recipe says, deterministically, and pack it; any bytes are a recipe."""
    content = bytearray(seed.content)
    for start in range(0, len(recipe) - _RECORD.size + 1, _RECORD.size):
        _change(content, *_RECORD.unpack_from(recipe, start))
    return seed.pack(bytes(content))


def _change(
    content: bytearray, kind: int, first: int, second: int, length: int, value: int
) -> None:
    place, other = (n * len(content) >> 16 for n in (first, second))
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
