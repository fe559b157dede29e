"""Read files in pieces of bounded size, decompressed: gzip, bzip2 and xz.

Knows nothing of what the bytes mean. Errors give the byte offset.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError

CHUNK = 1 << 16  # the most bytes of a piece
_XZ_MEMORY = 1 << 27  # the most bytes of memory that xz may ask for
MAX_RATIO = 1032  # the most that deflate can compress: 258 bytes to 2 bits
GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC, XZ_MAGIC = b"BZh", b"\xfd7zXZ\0"


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's content in pieces of bounded size, decompressed if it is compressed.

    Several compressed streams, one after the other, are read as one.
    """
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if head.startswith(GZIP_MAGIC):
            yield from inflate(file, path, several=True)
        elif head.startswith(BZIP2_MAGIC):
            yield from _expand(bz2.BZ2Decompressor, file, path)
        elif head.startswith(XZ_MAGIC):
            yield from _expand(lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), file, path)
        else:
            yield from raw_pieces(file)


def raw_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Return the rest of an open file in pieces of bounded size, as it is."""
    return iter(lambda: file.read(CHUNK), b"")


def inflate(file: IO[bytes], path: Path, *, several: bool = False) -> Iterator[bytes]:
    """Decompress a gzip file, of a single member or of several, in pieces of bounded size."""
    rest = b""
    try:
        while True:
            decompressor = zlib.decompressobj(wbits=31)  # 31: with gzip's header and checksum
            while not decompressor.eof:
                compressed = decompressor.unconsumed_tail or rest or file.read(CHUNK)
                rest = b""
                if not compressed:
                    what = f"the gzip stream is cut off at byte {file.tell():,}"
                    raise DataError(what, where=path)
                if piece := decompressor.decompress(compressed, CHUNK):
                    yield piece
            rest = decompressor.unused_data + file.read(CHUNK)
            if not (several and rest.startswith(GZIP_MAGIC)):
                break
    except zlib.error as error:
        raise DataError(f"damaged gzip before byte {file.tell():,}: {error}", where=path) from error
    if rest:
        offset = file.tell() - len(rest)
        what = "a second gzip member" if rest.startswith(GZIP_MAGIC) else "trailing bytes"
        raise DataError(f"{what} at byte {offset:,}", where=path, expected="the end of the file")


def _expand(
    make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], file: IO[bytes], path: Path
) -> Iterator[bytes]:
    """Decompress a bzip2 or xz file in pieces of bounded size."""
    magic, rest = file.read(3), b""
    file.seek(0)
    try:
        while True:
            decompressor = make()
            while not decompressor.eof:
                if decompressor.needs_input and not (rest := rest or file.read(CHUNK)):
                    raise DataError(f"the stream is cut off at byte {file.tell():,}", where=path)
                if piece := decompressor.decompress(rest, CHUNK):
                    yield piece
                rest = b""
            rest = decompressor.unused_data + file.read(CHUNK)
            if not rest.startswith(magic):
                break
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise DataError(f"damaged before byte {file.tell():,}: {error}", where=path) from error
    if rest:
        raise DataError("bytes after the end of the stream", where=path)


def fill(array: NDArray[np.uint8], pieces: Iterable[bytes]) -> int:
    """Copy pieces of bytes into an array, as many as fit.

    Returns
    -------
    int
        How many bytes came; more than the array holds if a piece did not fit.
    """
    found = 0
    for piece in pieces:
        start, found = found, found + len(piece)
        if found > array.size:
            break
        array[start:found] = np.frombuffer(piece, np.uint8)
    return found
