"""Digits of a batch with their labels, for ``mnistry teach``.

A label is what a person said in a review or in an audit, or the only digit that the form allows in
the field; never what was read. The digits are cut out of the pages that the batch keeps. Private
fields give none.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnistry.forms import crops
from mnistry.forms.definition import Field
from mnistry.forms.reading import FormReader, around
from mnistry.forms.records import Decision, Sheet
from mnistry.forms.rules import Key
from mnistry.forms.store import Store

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledDigit:
    """A digit in MNIST's form, ``uint8``, shape ``(28, 28)``; its label; and where it was written.

    `number` is its position among the marks of the field, from 1. A printed point is no mark: in a
    comb with 12.5, the 5 is number 3.
    """

    image: Image = field(repr=False)
    digit: str
    sheet: Sheet
    key: Key
    number: int


@dataclass(frozen=True)
class Labelled:
    """The labelled digits of a batch.

    Attributes
    ----------
    digits
        The digits, sheet by sheet.
    mismatched_fields
        The number of labelled fields whose marks and characters differ in number; they give no
        digits.
    """

    digits: tuple[LabelledDigit, ...]
    mismatched_fields: int


def labelled(
    form_reader: FormReader, store: Store, serials: Collection[int] | None = None
) -> Labelled:
    """Cut the labelled digits out of a batch.

    Parameters
    ----------
    form_reader
        The reader of the batch's form.
    store
        The batch.
    serials
        The numbers of the sheets to take; None takes all.
    """
    found: list[LabelledDigit] = []
    mismatched_fields = 0
    private = crops.PrivateFields(form_reader.form)
    typed = {(one.sheet, one.key): one.typed for one in store.audited()}
    for sheet in store.sheets():
        if serials is not None and sheet.serial not in serials:
            continue
        if not sheet.is_printed_as(form_reader.form):
            continue
        # What was decided in a review counts more than what was typed in an audit.
        texts = {
            key: _text(place.field, sheet.decisions.get(key) or typed.get((sheet.id, key)))
            for key, place in form_reader.places.items()
            if key in sheet.answers
            and key not in private
            and key not in sheet.differing
            # A value typed in an audit that differs from what was read may be a typing error: wait
            # for a review.
            and (key not in sheet.disputed or key in sheet.decisions)
        }
        for page in sheet.pages:
            here = {
                key: text for key, text in texts.items() if sheet.answers[key].page == page.page
            }
            if page.page is None or not any(here.values()):
                continue
            picture = crops.decoded(store, page)
            if picture is None:
                continue
            for key, text in here.items():
                if text is None:
                    continue
                place = form_reader.places[key]
                seen = picture.copy()
                hidden = private.boxes(sheet, page.page, other_than=key)
                crops.hide(seen, hidden, around(place.boxes))
                images = form_reader.digits_in(form_reader.ink_in(seen, page.page, place), place)
                if place.boxes[1:]:  # points and separators are printed between the boxes
                    text = re.sub("[^0-9*-]", "", text)
                pairs = _paired(images, text)
                mismatched_fields += pairs is None
                found += [
                    LabelledDigit(image, digit, sheet, key, number)
                    for number, image, digit in pairs or ()
                ]
    return Labelled(tuple(found), mismatched_fields)


def _text(entry: Field, decision: Decision | None) -> str | None:
    """Return the characters written in a field; None if they are not known.

    ``0*`` stands for any number of zeros, and likewise for other digits.
    """
    if not entry.is_read:
        return None
    if decision is None:
        return None if entry.known_digit is None else f"{entry.known_digit}*"
    if decision.problem is not None or decision.value is None:
        return None
    return "".join(decision.text.split())


def _paired(images: Sequence[Image | None], text: str) -> list[tuple[int, Image, str]] | None:
    """Pair marks with the digits of a text: the mark's number from 1, its image and the digit.

    Return None if the numbers of marks and characters differ.
    """
    if text.endswith("*"):
        text = text[0] * len(images)
    if len(text) != len(images):
        return None
    return [
        (number, image, digit)
        for number, (image, digit) in enumerate(zip(images, text, strict=True), 1)
        if image is not None and digit.isdigit()
    ]
