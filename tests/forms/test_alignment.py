"""A page is found in a scan, and each of its points to a fifth of a millimetre."""

import cv2
import numpy as np
import pytest

from mnistry.forms import alignment
from tests.forms import filled
from tests.forms.filled import HEIGHT, SCALE, WIDTH

CORNERS = np.array([(x + dx, y + dy) for x, y, w, h in filled.BOXES.values()
                    for dx in (0, w) for dy in (0, h)], float)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> alignment.Blank:
    return alignment.prepare(filled.blank(), WIDTH, HEIGHT)


def expected(move: np.ndarray) -> np.ndarray:
    return CORNERS * SCALE @ move[:, :2].T + move[:, 2]


@pytest.mark.parametrize("angle", [-2.5, 0.0, 90.0, 178.0])
def test_a_turned_scan_is_found_to_a_fifth_of_a_millimetre(
    page: alignment.Blank, angle: float
) -> None:
    sheet = filled.fill({"station": "123", "count": " 45 "})
    turns = round(angle / 90) % 4  # quarter turns; the scan is askew by the rest of the angle
    seen = np.ascontiguousarray(np.rot90(filled.scan(sheet, angle - 90 * turns, 0.8), turns))
    found = alignment.align(seen, [page])
    assert found is not None
    _, where = found
    goal = expected(filled.matrix(angle - 90 * turns, 0.8))
    height, width = filled.scan(sheet, 0, 0.8).shape
    for _ in range(turns):  # to the left, as np.rot90 does
        goal = np.stack([goal[:, 1], width - goal[:, 0]], axis=1)
        height, width = width, height
    off = np.hypot(*(where.pixels(CORNERS) - goal).T) / where.scale
    assert off.max() < 0.2
    assert where.turned == 90 * turns
    assert where.scale == pytest.approx(0.8 * SCALE, rel=0.01)


def test_a_curled_page_is_found_to_a_fifth_of_a_millimetre(page: alignment.Blank) -> None:
    y, x = np.mgrid[0 : HEIGHT * SCALE, 0 : WIDTH * SCALE].astype(np.float32)
    bend = 1.0 * SCALE * np.sin(np.pi * y / (HEIGHT * SCALE))  # one millimetre in the middle
    seen = cv2.remap(filled.fill({}), x + bend.astype(np.float32), y, cv2.INTER_LINEAR)
    found = alignment.align(seen, [page])
    assert found is not None
    moved = CORNERS - np.stack([np.sin(np.pi * CORNERS[:, 1] / HEIGHT), 0 * CORNERS[:, 1]], 1)
    off = np.hypot(*(found[1].pixels(CORNERS) / SCALE - moved).T)
    assert off.max() < 0.2


def test_another_form_and_blank_paper_are_not_this_page(page: alignment.Blank) -> None:
    other = np.full_like(filled.blank(), 255)
    for row in range(12):
        text = f"Line {row} of a letter that is no form at all"
        at = (100, 200 * row + 200)
        cv2.putText(other, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1.5, 0, 3, cv2.LINE_AA)
    assert alignment.align(other, [page]) is None
    assert alignment.align(np.full_like(other, 240), [page]) is None


def test_pages_are_told_apart(page: alignment.Blank) -> None:
    second = filled.blank()[::-1].copy()
    pages = [page, alignment.prepare(second, WIDTH, HEIGHT)]
    found = alignment.align(filled.scan(second), pages)
    assert found is not None
    assert found[0] == 1


def test_a_page_is_found_by_two_markers_and_not_by_one() -> None:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    sheet = np.full((HEIGHT * SCALE, WIDTH * SCALE), 255, np.uint8)
    wanted = {0: (10.0, 10.0, 10.0, 10.0), 2: (190.0, 277.0, 10.0, 10.0)}
    for number, (x, y, width, _) in wanted.items():
        left, top, side = (round(v * SCALE) for v in (x, y, width))
        marker = cv2.aruco.generateImageMarker(dictionary, number, side)
        sheet[top : top + side, left : left + side] = marker
    found = alignment.find_markers(filled.scan(sheet, 2.0, 0.8))
    assert set(found) == {0, 2}
    where = alignment.by_markers(found, wanted, (WIDTH, HEIGHT))
    assert where is not None
    off = np.hypot(*(where.pixels(CORNERS) - expected(filled.matrix(2.0, 0.8))).T) / where.scale
    assert off.max() < 1.4  # near enough for the printed corners to be looked for
    assert alignment.by_markers({0: found[0]}, wanted, (WIDTH, HEIGHT)) is None
    swapped = {0: found[2], 2: found[0] + [0, 500]}
    assert alignment.by_markers(swapped, wanted, (WIDTH, HEIGHT)) is None
