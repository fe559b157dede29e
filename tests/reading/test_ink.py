"""Marks on paper of known shade: where there is ink, and how strong."""

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.images.page_tasks import LINES_SIDE
from mnistry.reading.ink import find_ink


def page(paper: float = 220, ink: float = 40, height: int = 160, width: int = 240) -> np.ndarray:
    """Paper with two upright strokes, 8 pixels wide."""
    grey = np.full((height, width), paper)
    grey[40:120, 60:68] = grey[40:120, 160:168] = ink
    return grey


def strokes() -> np.ndarray:
    return page(0, 1).astype(bool)


@pytest.mark.parametrize(
    ("paper", "ink"), [(220, 40), (40, 220), (255, 0), (0, 255), (120, 90), (200, 170)]
)
def test_marks_are_ink_be_they_darker_or_lighter_than_the_paper(paper: int, ink: int) -> None:
    found = find_ink(page(paper, ink).astype(np.uint8))
    assert found.paper_is_light == (paper > ink)
    assert ((found.strength > 0.5) == strokes()).all()
    assert found.scale == 1


@pytest.mark.parametrize(("paper", "ink"), [(220, 40), (40, 220)])
def test_narrow_lines_are_ink_even_if_they_cover_more_than_the_paper_does(
    paper: int, ink: int
) -> None:
    grey = np.full((160, 160), ink, np.uint8)
    for row in range(4, 160, 14):
        for column in range(4, 160, 14):
            grey[row : row + 10, column : column + 10] = paper
    assert (grey == ink).mean() > 0.5
    assert find_ink(grey).paper_is_light == (paper > ink)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_uniform_paper_has_no_ink(shade: int) -> None:
    assert not find_ink(np.full((60, 90), shade, np.uint8)).strength.any()


def test_a_shadow_across_the_page_is_paper() -> None:
    light = np.linspace(1, 0.45, 240)
    found = find_ink((page() * light).astype(np.uint8))
    assert ((found.strength > 0.5) == strokes()).all()


def test_grain_is_paper_and_the_strokes_in_it_are_ink() -> None:
    grain = np.random.default_rng(0).normal(0, 6, (160, 240))
    found = find_ink(np.clip(page(210, 90) + grain, 0, 255).astype(np.uint8))
    assert (found.strength > 0.5)[strokes()].mean() > 0.99
    assert not (found.strength > 0.5)[:, 70:158].any()


def test_what_reflects_four_percent_less_light_is_a_stain_and_ten_percent_is_pencil() -> None:
    stain = find_ink(page(200, 192).astype(np.uint8))
    pencil = find_ink(page(200, 180).astype(np.uint8))
    assert not (stain.strength > 0.5).any()
    assert ((pencil.strength > 0.5) == strokes()).all()


@pytest.mark.parametrize("wide", [10, 60])
def test_a_dark_table_beside_the_paper_is_no_ink(wide: int) -> None:
    grey = np.full((160, 240 + wide), 30.0)
    grey[:, wide:] = page()
    found = find_ink(grey.astype(np.uint8))
    assert ((found.strength > 0.5)[:, wide:] == strokes()).all()
    assert not (found.strength > 0.5)[:, : wide - 2].any()  # its edge may be taken for a rule


def test_digits_that_touch_a_grid_cut_by_the_picture_are_ink() -> None:
    grey = page(210, 60)
    grey[:3], grey[-3:], grey[40:43] = 60, 60, 60  # rules from edge to edge, over the strokes
    grey[:, 110:113] = 60
    grey[60:110, 200:208] = 60  # touches no rule: else the whole grid would be the page's edge
    found = find_ink(grey.astype(np.uint8)).strength > 0.5
    away = strokes()
    away[:6], away[-6:], away[36:47], away[:, 106:117] = False, False, False, False
    assert away.any()
    assert found[away].mean() > 0.95


def test_a_large_picture_is_reduced_and_says_by_how_much() -> None:
    found = find_ink(np.kron(page(), np.ones((10, 10))).astype(np.uint8))
    assert max(found.strength.shape) <= LINES_SIDE
    assert found.scale == pytest.approx(max(found.strength.shape) / 2400, rel=0.01)
    assert found.strength.dtype == np.float32


def test_a_digit_that_is_cut_out_at_its_ink_keeps_it() -> None:
    images = mnistry.load("sample").test.images[:60]
    right = 0
    for image in images:
        rows, columns = np.flatnonzero(image.max(1)), np.flatnonzero(image.max(0))
        part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        grey = 255 - cv2.resize(part, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        ink = find_ink(grey)
        assert ink.strength.shape == grey.shape
        assert ink.strength.any()
        right += ink.paper_is_light and ink.strength[grey < 60].mean() > 0.5
    assert right >= 55


def test_a_picture_is_reduced_as_far_as_its_thinnest_strokes_allow() -> None:
    digits = mnistry.load("sample").test.images
    page = np.full((1200, 1600), 230, np.uint8)
    page[100:1100, 100:1100] -= cv2.resize(digits[0], (1000, 1000)) // 2
    assert find_ink(page).scale < 0.5
    cv2.ellipse(page, (1350, 600), (200, 500), 0, 0, 360, 90, 9)
    found = find_ink(page)
    ring = (found.strength[:, round(1120 * found.scale) :] > 0.5).astype(np.uint8)
    # OpenCV counts the background too: one unbroken ring, and paper outside and inside it.
    assert cv2.connectedComponents(ring)[0] == 1 + 1
    assert cv2.connectedComponents(1 - ring)[0] == 1 + 2
