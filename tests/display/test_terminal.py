import io
import re

import numpy as np
import pytest
from rich.console import Console

from mnistry.display.terminal import DigitPictures
from mnistry.errors import UsageError

# A 4x3 image in which all four patterns of two stacked pixels occur.
PATTERNS = np.array(
    [[[0, 255, 255], [0, 255, 0], [0, 127, 128], [255, 0, 128]]],
    np.uint8,
)


def printed(pictures, *, encoding="utf-8", **settings):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    Console(file=file, width=settings.pop("width", 80), **settings).print(pictures)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def test_without_colours_half_blocks_keep_the_shape():
    assert printed(DigitPictures(PATTERNS, np.array([3]), [0])).splitlines() == [
        "       █▀",
        "      ▄ █",
        "image 0, label 3",
    ]


def test_no_color_drops_every_escape_code(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(DigitPictures(PATTERNS, None, [0]), force_terminal=True)
    assert "\x1b" not in text
    assert "█▀" in text


def test_an_encoding_without_blocks_gets_ascii():
    text = printed(DigitPictures(PATTERNS, None, [0]), encoding="cp1252", force_terminal=True)
    assert text.splitlines() == ["   #'", "  . #", "image 0"]


def test_with_colours_each_pixel_is_its_own_grey_on_white_paper():
    text = printed(
        DigitPictures(PATTERNS, None, [0]), force_terminal=True, color_system="truecolor"
    )
    cells = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m(▀+)", text)
    upper = [int(cell[0]) for cell in cells for _ in cell[6]]
    lower = [int(cell[3]) for cell in cells for _ in cell[6]]
    assert all(len({*cell[:3]}) == len({*cell[3:6]}) == 1 for cell in cells)
    expected = 255 - PATTERNS[0].astype(int)
    assert upper == expected[0::2].ravel().tolist()
    assert lower == expected[1::2].ravel().tolist()


def test_the_last_row_of_an_odd_number_has_nothing_below_it():
    image = PATTERNS[:, :3]
    lines = DigitPictures(image, None, [0]).lines(width=80, colours=True)
    assert len(lines) == 3
    assert all(
        span.style.bgcolor is None for span in lines[1].spans if span.style and span.style.color
    )
    plain = DigitPictures(image, None, [0]).lines(width=80, colours=False)
    assert [str(line) for line in plain] == ["   █▀", "    ▀", "image 0"]


@pytest.mark.parametrize("colours", [False, True])
def test_as_many_pictures_as_fit_stand_side_by_side(colours):
    images = np.full((3, 28, 28), 255, np.uint8)
    pictures = DigitPictures(images, np.array([5, 0, 4]), [0, 1, 2])
    lines = pictures.lines(width=58, colours=colours)
    assert max(map(len, lines)) == 58
    assert len(lines) == 14 + 1 + 1 + 14 + 1
    assert re.fullmatch(" +image 0, label 5 +image 1, label 0", str(lines[14]))
    assert str(lines[-1]).strip() == "image 2, label 4"
    assert len(pictures.lines(width=57, colours=colours)) == 3 * (14 + 1) + 2


def test_captions_wider_than_their_pictures_do_not_overlap():
    images = np.full((2, 4, 2), 255, np.uint8)
    text = printed(DigitPictures(images, np.array([5, 0]), [0, 1]))
    assert text.splitlines()[-1] == "image 0, label 5  image 1, label 0"


def test_a_narrow_terminal_cuts_the_picture_and_does_not_wrap_it():
    images = np.full((1, 28, 28), 255, np.uint8)
    assert len(printed(DigitPictures(images, None, [0]), width=20).splitlines()) == 14 + 1


def test_classes_are_named():
    pictures = DigitPictures(PATTERNS, np.array([1]), [0], classes=("Coat", "Ankle boot"))
    assert "label Ankle boot" in printed(pictures)


def test_an_index_out_of_range_is_refused():
    with pytest.raises(UsageError, match="no image 1"):
        DigitPictures(PATTERNS, None, [1])


def test_no_indices_draw_nothing():
    assert printed(DigitPictures(PATTERNS, None, [])) == ""


def test_a_real_seven_looks_like_a_seven(mnist_path):
    with np.load(mnist_path) as arrays:
        pictures = DigitPictures(arrays["x_test"], arrays["y_test"], [0])
    lines = [str(line).strip() for line in pictures.lines(width=80, colours=False)]
    assert lines[-1] == "image 0, label 7"
    drawn = [line for line in lines[:-1] if line]
    assert max(len(line) for line in drawn[:3]) >= 12  # the bar
    assert all(len(line) <= 5 for line in drawn[4:])  # the stroke
