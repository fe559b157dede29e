"""The work that one picture can cause is bounded, by the number of forms and their pixels."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mnistry.images.mnist_form import normalise
from mnistry.reading import mark_reader
from mnistry.reading.reader import Reader
from mnistry.reading.segment import Piece

# A picture is read at most three times. Each time gives at most 800 forms: 200 whole marks, single
# parts of marks that are cut, and 400 runs of such parts.
MOST_FORMS = 3 * 800
# Each time, the forms come in two batches, each reduced to 2 million pixels without its margins.
MOST_PIXELS = 3 * 2 * 3_000_000
# Of each ellipse: its middle's column and row, and half its width.
RANGES = ((0, 1600), (0, 1600), (30, 150))


def fan() -> NDArray[np.uint8]:
    page = np.full((1600, 1600), 255, np.uint8)
    for angle in np.linspace(0, np.pi, 60, endpoint=False):
        end = int(800 + 1500 * np.cos(angle)), int(1590 - 1500 * np.sin(angle))
        cv2.line(page, (800, 1590), end, (0,), 3, cv2.LINE_AA)
    return page


def flat_ellipses() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    page = np.full((1600, 1600), 255, np.uint8)
    for _ in range(200):
        x, y, width = (int(rng.integers(low, high)) for low, high in RANGES)
        axes = width, max(4, int(width * rng.uniform(0.1, 0.3)))
        cv2.ellipse(page, (x, y), axes, 0, 0, 360, (0,), 3, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("picture", [fan(), flat_ellipses()], ids=["fan", "flat ellipses"])
def test_few_forms_of_few_pixels_are_made_of_a_texture(
    picture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(strength: NDArray[np.float32]) -> NDArray[np.uint8]:
        sizes.append(strength.size)
        return normalise(strength)

    monkeypatch.setattr(mark_reader, "normalise", counted)
    Reader(threads=1).read(picture)
    assert 0 < len(sizes) <= MOST_FORMS
    assert sum(sizes) <= MOST_PIXELS


def test_a_reduced_mark_keeps_its_form_even_if_its_stroke_is_one_pixel_wide() -> None:
    strength = np.zeros((1000, 1000), np.float32)
    cv2.ellipse(strength, (500, 500), (300, 450), 0, 0, 360, (1.0,), 1)
    piece = Piece(200, 50, strength[50:951, 200:801] > 0.5)
    (alone,) = mark_reader.to_forms([piece], strength)
    among_many = mark_reader.to_forms([piece] * 100, strength)[0]
    difference = np.abs(alone.astype(float) - among_many)
    assert alone.any()
    assert difference.mean() < 8
