"""What was written in a field is cut out, without what is printed there."""

import cv2
import numpy as np
import pytest

from mnistry.forms import alignment, ink
from tests.forms import filled
from tests.forms.filled import BOXES, HEIGHT, SCALE, WIDTH


@pytest.fixture(scope="module")
def page() -> alignment.Blank:
    return alignment.prepare(filled.blank(), WIDTH, HEIGHT)


def ink_of(sheet: np.ndarray, page: alignment.Blank, name: str) -> ink.FieldInk:
    found = alignment.align(filled.scan(sheet), [page])
    assert found is not None
    return ink.field_ink(filled.scan(sheet), found[1], ink.print_in(page, BOXES[name]))


def test_an_empty_field_has_no_ink(page: alignment.Blank) -> None:
    for name in BOXES:
        found = ink_of(filled.blank(), page, name)
        assert not found.strength.any()
        assert not found.is_hidden


@pytest.mark.parametrize("strength", [0.08, 0.9])
def test_faint_pencil_becomes_full_ink(page: alignment.Blank, strength: float) -> None:
    sheet = filled.fill({"depth": "30"}, strength)
    found = ink_of(sheet, page, "depth")
    assert (found.strength > 0.9).mean() > 0.005


def test_a_stroke_across_the_frame_is_mended(page: alignment.Blank) -> None:
    x, y, _, height = BOXES["depth"]
    sheet = filled.blank()
    points = [
        (round((x + 8) * SCALE), round(v * SCALE)) for v in (y + height - 4, y + height + 2.5)
    ]
    cv2.line(sheet, *points, 60, 5)
    found = ink_of(sheet, page, "depth")
    marks = (found.strength > 0.4).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(marks)
    assert count == 2  # paper, and one stroke
    assert stats[1, cv2.CC_STAT_HEIGHT] > 5.5 * ink.PIXELS_PER_MM


def test_a_stroke_along_the_frame_is_said_to_be_hidden(page: alignment.Blank) -> None:
    x, y, width, height = BOXES["depth"]
    sheet = filled.fill({"depth": "3"})
    along = round((x + width - 0.45) * SCALE)
    cv2.line(
        sheet, (along, round((y + 2) * SCALE)), (along, round((y + height - 2) * SCALE)), 60, 4
    )
    assert ink_of(sheet, page, "depth").is_hidden
    assert not ink_of(filled.fill({"depth": "3"}), page, "depth").is_hidden
