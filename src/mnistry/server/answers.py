"""Compute the answer to a picture, in whichever process or thread; knows nothing of HTTP.

An answer is JSON in bytes, so that it is written where it is computed.
"""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.images import decode, sources
from mnistry.images.decode import Page
from mnistry.images.page_tasks import LINES_SIDE, TABLES_SIDE
from mnistry.images.pixels import jpeg
from mnistry.reading import Reader
from mnistry.server.tasks import DETAILS, FORM, JSON, PNG, PREVIEW, Answer, Task

if TYPE_CHECKING:
    from mnistry.forms.reading import FormReader

_SMALLEST = np.finfo(np.float32).tiny  # -log2(0) would be infinite
_DECIMALS = 6  # of probabilities
_PREVIEW_SIDE = 1200  # pixels: the long side of a preview is at most this
_QUALITY = 80  # of a preview's JPEG, of 100
# A scan of a form is decoded with at least this many pixels on its long side, if it has them.
_FORM_SIDE = 4200


def answer(reader: Reader, task: Task, forms: "Mapping[str, FormReader] | None" = None) -> Answer:
    """Do a task; `forms` are those that can be read, by their names.

    Raises
    ------
    DataError
        If the picture or its page cannot be read.

    Examples
    --------
    >>> white = b"P2 40 30 255 " + 1200 * b"255 "
    >>> answer(Reader(), Task("read", white, fields=("text", "width"))).body
    b'{"text":"","width":40}'
    """
    is_form = task.kind.startswith(FORM)
    form = (forms or {})[task.kind.removeprefix(FORM)] if is_form else None
    side = TABLES_SIDE if task.kind == "tables" else LINES_SIDE if form is None else _FORM_SIDE
    with decode.open_content(task.content, "the image") as document:
        if task.kind == "doctor" and document.count > 1:
            what, remedy = f"{document.count} pages", "send one page at a time"
            raise DataError(what, where="the image", expected="one page", remedy=remedy)
        page = sources.checked_page(document, task.page, side)
        pages = document.count
    if task.kind == "doctor":
        from mnistry.doctor import examine, sheet

        return Answer(sheet.png(examine.examine(reader, page), "the picture"), PNG, pages)
    if form is not None:
        from mnistry.server import form_answers

        found = form_answers.read(form, page)
    elif task.kind == "tables":
        found = _tables(reader, page)
    else:
        found = _reading(reader, page, task.fields)
    kept = {name: found[name] for name in task.fields if name in found}
    return Answer(to_json(kept), JSON, pages)


def to_json(value: Any) -> bytes:
    """Write a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _reading(reader: Reader, page: Page, fields: tuple[str, ...]) -> dict[str, Any]:
    detail = reader.read_in_detail(page)
    height, width = detail.size
    found = detail.reading.to_json()
    found |= {
        "width": width,
        "height": height,
        "picture": list((detail.picture_size or detail.size)[::-1]),
    }
    for one in (*found["digits"], *found["numbers"]):
        one["confidence"] = round(one["confidence"], _DECIMALS)
    for digit in found["digits"]:
        for candidate in digit["candidates"]:
            candidate["confidence"] = round(candidate["confidence"], _DECIMALS)
    if PREVIEW in fields:
        found[PREVIEW] = _preview(detail.grey if detail.picture is None else detail.picture)
    if DETAILS in fields:
        bits = -np.log2(np.maximum(detail.probabilities, _SMALLEST))
        each = zip(found["digits"], detail.forms, detail.probabilities, bits, strict=True)
        for digit, image, probabilities, costs in each:
            digit["image"] = image.tolist()
            digit["probabilities"] = probabilities.tolist()
            digit["bits"] = costs.tolist()
    return found


def _preview(grey: NDArray[np.uint8]) -> str:
    """Return a grey picture, reduced, as the data URL of a JPEG."""
    content = jpeg(grey, _QUALITY, side=_PREVIEW_SIDE)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _tables(reader: Reader, page: Page) -> dict[str, Any]:
    height, width = page.size
    tables = [table.to_json() for table in reader.read_tables(page)]
    return {"tables": tables, "width": width, "height": height}
