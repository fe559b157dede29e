"""Read a picture, and draw how it was read, for the API's two picture routes.

Knows nothing of HTTP.
"""

import dataclasses

import numpy as np

from mnistry.doctor import examine, sheet
from mnistry.images import sources
from mnistry.images.decode import Page
from mnistry.reading import Reader
from mnistry.reading.ink import LONG_SIDE
from mnistry.reading.reader import TABLE_SIDE
from mnistry.server import schemas

_SMALLEST = np.finfo(np.float32).tiny  # -log2(0) would be infinite


def read(reader: Reader, content: bytes) -> schemas.Reading:
    """Read the digits in an image file's content; raise `DataError` if it is not an image."""
    detail = reader.read_in_detail(_page(content))
    reading, (height, width) = detail.reading, detail.size
    bits = -np.log2(np.maximum(detail.probabilities, _SMALLEST))
    digits = [
        schemas.Digit(
            **dataclasses.asdict(digit),
            image=image.tolist(),
            probabilities=probabilities.tolist(),
            bits=costs.tolist(),
        )
        for digit, image, probabilities, costs in zip(
            reading.digits, detail.forms, detail.probabilities, bits, strict=True
        )
    ]
    return schemas.Reading(
        lines=list(reading.lines),
        text=reading.text,
        digits=digits,
        numbers=list(reading.numbers),
        width=width,
        height=height,
        picture=(detail.picture_size or detail.size)[::-1],
        turned=reading.turned,
        corners=reading.corners,
        notes=list(reading.notes),
    )


def tables(reader: Reader, content: bytes) -> schemas.Tables:
    """Read the tables in an image file's content; errors as in `read`."""
    page = _page(content, TABLE_SIDE)
    height, width = page.size
    return schemas.Tables(tables=reader.read_tables(page), width=width, height=height)


def doctor_sheet(reader: Reader, content: bytes) -> bytes:
    """Draw every step from an image file's content to its digits, as PNG; errors as in `read`."""
    return sheet.png(examine.examine(reader, _page(content)), "the picture")


def _page(content: bytes, side: int = LONG_SIDE) -> Page:
    return sources.only_page(content, "the image", side, "send one page at a time")
