"""Colours and transparency: ink that luma does not show, and ink on nothing."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.images import pixels
from mnistry.images.decode import open_content
from tests.images.test_documents import HEIC, page

# Three upright strokes, which are 1, 3 and 4 pixels wide.
INK = np.zeros((120, 160), bool)
INK[20:100, [30, 60, 61, 62, 100, 101, 102, 103]] = True


def coloured(ink: tuple[int, ...], paper: tuple[int, ...]) -> np.ndarray:
    return np.where(INK[..., None], np.uint8(ink), np.uint8(paper))


def saved(pixels: np.ndarray | Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((255, 0, 0), (0, 0, 255)), ((200, 30, 40), (40, 90, 160)), ((255, 240, 60), (255, 255, 255)),
     ((0, 128, 0), (255, 20, 0)), ((90, 60, 220), (40, 100, 60))],
    ids=["red on blue", "red on dark blue", "yellow on white", "green on red", "violet on green"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP"])
def test_ink_that_differs_in_colour_alone_is_as_clear_as_black(
    ink: tuple[int, ...], paper: tuple[int, ...], form: str
) -> None:
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    found = page(saved(coloured(ink, paper), form, **options.get(form, {})))
    assert found.grey[~INK].min() - int(found.grey[INK].max()) > 150


@pytest.mark.parametrize("ink", [(0, 0, 0), (20, 40, 160), (180, 20, 20)])
def test_ink_that_luma_shows_is_grey_by_luma(ink: tuple[int, ...]) -> None:
    pixels = coloured(ink, (240, 235, 220))
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(page(saved(pixels, "PNG")).grey, luma)


def test_for_data_sets_colours_are_always_luma() -> None:
    pixels = coloured((255, 0, 0), (0, 0, 255))
    with open_content(saved(pixels, "PNG"), "it") as document:
        assert set(np.unique(document.page(1, luma=True).grey)) == {29, 76}


def strokes(shade: int) -> Image.Image:
    """Strokes of one shade on a clear ground, which is black underneath."""
    pixels = np.zeros((*INK.shape, 4), np.uint8)
    pixels[INK] = (shade, shade, shade, 255)
    return Image.fromarray(pixels)


def palette(image: Image.Image) -> Image.Image:
    pixels = np.where(np.asarray(image)[..., 3] > 0, np.uint8(1), np.uint8(0))
    indexed = Image.fromarray(pixels)
    shade = int(np.asarray(image)[INK][0, 0])
    indexed.putpalette([0, 0, 0, shade, shade, shade])
    indexed.info["transparency"] = 0
    return indexed


def one_clear_shade(image: Image.Image) -> Image.Image:
    """Draw on a ground of grey 7, to be declared transparent when it is saved."""
    shade = int(np.asarray(image)[INK][0, 0])
    return Image.fromarray(np.where(INK, np.uint8(shade), np.uint8(7)))


WAYS = {
    "PNG RGBA": lambda image: saved(image, "PNG"),
    "PNG LA": lambda image: saved(image.convert("LA"), "PNG"),
    "PNG palette": lambda image: saved(palette(image), "PNG", transparency=0),
    "PNG one shade": lambda image: saved(one_clear_shade(image), "PNG", transparency=7),
    "GIF": lambda image: saved(palette(image), "GIF", transparency=0),
    "WEBP": lambda image: saved(image, "WEBP", lossless=True),
    "AVIF": lambda image: saved(image, "AVIF", quality=95),
    "TIFF": lambda image: saved(image, "TIFF"),
    "PNG 16 bits": lambda image: saved(
        Image.fromarray(np.asarray(one_clear_shade(image)).astype(np.uint16) * 257),
        "PNG", transparency=7 * 257,
    ),
}  # fmt: skip


@pytest.mark.parametrize("shade", [255, 200, 0])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_fault_96_ink_on_transparency_stands_out_whatever_its_shade(way, shade: int) -> None:
    grey = page(way(strokes(shade))).grey.astype(int)
    assert abs(np.median(grey[INK]) - np.median(grey[~INK])) > 150


def test_fault_96_white_ink_on_transparency_in_a_heic() -> None:
    grey = page((HEIC / "clear.heic").read_bytes()).grey
    assert np.median(grey) < 20
    assert (grey > 200).mean() > 0.03


def test_a_cut_out_sheet_lies_on_its_own_colour() -> None:
    pixels = np.full((120, 160, 4), 230, np.uint8)
    pixels[..., 3] = 255
    pixels[INK, :3] = 20
    pixels[:12] = pixels[:, :12] = 0  # clear
    grey = page(saved(pixels, "PNG")).grey
    np.testing.assert_array_equal(grey[:12, :12], 230)


def test_faint_strokes_alone_are_seen_on_transparency() -> None:
    faint = np.asarray(strokes(255)).copy()
    faint[INK, 3] = 90
    grey = page(saved(faint, "PNG")).grey.astype(int)
    assert grey[INK].min() - grey[~INK].max() > 70


@pytest.mark.parametrize("size", [(28, 28), (20, 12), (14, 7), (7, 7)])
def test_areas_are_averaged_whether_an_image_is_halved_first_or_not(size: tuple[int, int]) -> None:
    image = np.float32(mnistry.load("sample").train.images[0])
    at_once = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    assert abs(pixels.reduced(image, size) - at_once).max() < 15
    assert abs(pixels.reduced(image, size).mean() - image.mean()) < 2


@pytest.mark.parametrize("side", [3, 32, 33, 61, 150])
def test_closing_by_squares_of_any_size_equals_opencvs(side: int) -> None:
    values = np.random.default_rng(side).integers(0, 256, (120, 70)).astype(np.uint8)
    expected = cv2.morphologyEx(values, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    np.testing.assert_array_equal(pixels.closed_by_square(values, side), expected)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_percentiles_and_medians_are_numpys_to_the_last_bit(kind: type) -> None:
    random = np.random.default_rng(0)
    for count in [*range(1, 60), 1000]:
        values = (255 * random.random(count)).astype(kind)
        assert pixels.median(values) == np.median(values)
        for percent in (0, 10, 60, 99.5, 100):
            assert pixels.percentile(values, percent) == np.percentile(values, percent)
