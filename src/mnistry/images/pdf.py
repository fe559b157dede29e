"""Draw the pages of PDFs with PDFium, at the resolution of the scan on them; list form fields.

PDFium works in another process; see `mnistry.images.isolated`. Nothing in a document is run or
fetched: PDFium is built without JavaScript and XFA, and neither links, attachments nor forms'
actions are looked at.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.images import isolated


class Pdf:
    """An open PDF.

    Parameters
    ----------
    source
        The content of a file, or its path; then pages are read as they are needed.
    where
        Its name, for messages.
    max_pixels
        The most pixels that a page is drawn with, and that a picture on it may have.

    Attributes
    ----------
    count
        The number of its pages.

    Raises
    ------
    DataError
        If it is encrypted or damaged.
    """

    def __init__(self, source: bytes | Path, where: str, max_pixels: int) -> None:
        self._where = where
        with self._our_errors():
            self._opened = isolated.Opened("pdf", source, max_pixels=max_pixels)
        self.count: int = self._opened.facts["count"]

    def close(self) -> None:
        """Free the memory."""
        self._opened.close()

    def draw(
        self, number: int, side: int | None
    ) -> tuple[NDArray[np.uint8], tuple[int, int], float]:
        """Draw a page.

        Parameters
        ----------
        number
            From 1.
        side
            If the longer side has twice as many pixels or more, the page is drawn at a half, a
            quarter or an eighth of its size. None draws it whole.

        Returns
        -------
        pixels, size, dpi
            ``uint8``, shape ``(rows, columns, 3)``: red, green, blue; the page's height and width
            at the scan's resolution; that resolution.

        Raises
        ------
        DataError
            If the page is damaged, or takes too much time or memory to draw.
        """
        with self._our_errors(number):
            answer, pixels = self._opened.ask(page=number - 1, side=side)
        height, width = answer["size"]
        shape = answer["rows"], answer["columns"], 3
        return np.frombuffer(pixels, np.uint8).reshape(shape), (height, width), answer["dpi"]

    def fields(self) -> list[dict[str, Any]]:
        """List the form fields: the dicts of `mnistry.images.decoder_process`, boxes in points.

        Raises
        ------
        DataError
            If the document is damaged, or has too many.
        """
        with self._our_errors():
            answer, _ = self._opened.ask(fields=True)
        fields: list[dict[str, Any]] = answer["fields"]
        return fields

    @contextlib.contextmanager
    def _our_errors(self, number: int | None = None) -> Iterator[None]:
        where = self._where if number is None else f"{self._where}, page {number}"
        try:
            yield
        except isolated.DecodingError as error:
            if "password" in error.reason:
                raise DataError(
                    "encrypted: it needs a password",
                    where=where,
                    remedy="open it with the password and print it to a new PDF",
                ) from None
            raise DataError(
                error.reason if error.is_refused else f"a damaged PDF: {error.reason}",
                where=where,
                remedy="print it to a new PDF, at a lower resolution",
            ) from None
