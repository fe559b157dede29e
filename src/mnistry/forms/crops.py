"""Cut parts out of the pictures of pages that a batch keeps, and hide private fields in them."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.forms import layout
from mnistry.forms.definition import Box, Form
from mnistry.forms.reading import KEPT_SCALE, around, key_of
from mnistry.forms.records import Page, Sheet
from mnistry.forms.rules import Key, keys_of
from mnistry.forms.store import Store

# Millimetres round a private field that are hidden, because people write over the edges of boxes.
_HIDDEN = 3.0
_SHADE = 200  # grey
_MARGIN = 3.0  # millimetres round a field, in its picture

Picture = NDArray[np.uint8]


class PrivateFields:
    """Where the private fields of a form are."""

    def __init__(self, form: Form) -> None:
        places = [
            (page.number, key_of(place), around(place.boxes))
            for page in layout.place(form).pages
            for place in page.places
            if place.field.private
        ]
        self._places = places
        self._keys = {at for _, at, _ in places}
        self._form, self._known = form, set(keys_of(form))

    def __contains__(self, at: Key) -> bool:
        """Whether a field is private."""
        return at in self._keys

    def boxes(self, sheet: Sheet, page: int, *, other_than: Key) -> list[Box]:
        """Return where other private fields are on a page: by the form, and as they were read.

        On a sheet of an older version they are where they were read, and so are the fields that the
        form no longer has: they may have been private.
        """
        is_older = not sheet.is_printed_as(self._form)
        found = [
            box
            for number, at, box in self._places
            if number == page and at != other_than and not is_older
        ]
        return found + [
            Box(*answer.box)
            for at, answer in sheet.answers.items()
            if answer.page == page
            and at != other_than
            and (at in self or (is_older and at not in self._known))
        ]


def decoded(store: Store, page: Page) -> Picture | None:
    """Return the picture of a page that a batch keeps: `KEPT_SCALE` pixels for each millimetre."""
    content = store.picture(page)
    if content is None:
        return None
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture, np.uint8)


def of_field(page: Picture, sheet: Sheet, at: Key, private: PrivateFields) -> Picture:
    """Return a field and a little of what is round it; other private fields are hidden."""
    answer = sheet.answers[at]
    box, picture = Box(*answer.box), page.copy()
    hide(picture, private.boxes(sheet, answer.page, other_than=at), box)
    wide, high = box.width + 2 * _MARGIN, box.height + 2 * _MARGIN
    return part(picture, Box(box.x - _MARGIN, box.y - _MARGIN, wide, high))


def hide(page: Picture, boxes: Iterable[Box], shown: Box) -> None:
    """Hide boxes of a page, and what is written over their edges unless it is in the box `shown`.

    Parameters
    ----------
    page
        ``uint8``, `KEPT_SCALE` pixels for each millimetre; changed.
    boxes, shown
        In millimetres.
    """
    hidden = list(boxes)
    own = part(page, shown).copy()
    for box in hidden:
        wide, high = box.width + 2 * _HIDDEN, box.height + 2 * _HIDDEN
        part(page, Box(box.x - _HIDDEN, box.y - _HIDDEN, wide, high))[:] = _SHADE
    part(page, shown)[:] = own
    for box in hidden:
        part(page, box)[:] = _SHADE


def part(page: Picture, box: Box) -> Picture:
    """Return a view of a part of a page, given in millimetres."""
    left, top = (max(0, round(v * KEPT_SCALE)) for v in (box.x, box.y))
    right, bottom = (max(0, round(v * KEPT_SCALE)) for v in (box.right, box.bottom))
    return page[top:bottom, left:right]
