"""A picture in the forms in which programs have it."""

import codecs
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistry.errors import DataError, Notice
from mnistry.images.sources import one_page, pages

GREYS = np.array([[16, 40, 80], [120, 160, 255]], np.uint8)
RGB = np.dstack([GREYS] * 3)


def saved(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(GREYS).save(file, form, **options)
    return file.getvalue()


FORMS = {
    "bytes": lambda: saved("PNG"),
    "bytearray": lambda: bytearray(saved("PNG")),
    "memoryview": lambda: memoryview(saved("PNG")),
    "open file": lambda: io.BytesIO(saved("PNG")),
    "Pillow, not loaded": lambda: Image.open(io.BytesIO(saved("BMP"))),
    "Pillow RGBA": lambda: Image.fromarray(RGB).convert("RGBA"),
    "Pillow 16 bits": lambda: Image.fromarray(GREYS.astype(np.uint16) * 257),
    "grey": lambda: GREYS,
    "one channel": lambda: GREYS[..., None],
    "grey and alpha": lambda: np.dstack([GREYS, np.full_like(GREYS, 255)]),
    "colours": lambda: RGB,
    "colours and alpha": lambda: np.dstack([RGB, np.full_like(GREYS, 255)]),
    "not contiguous": lambda: np.dstack([GREYS, GREYS])[..., 1],
    "16 bits": lambda: GREYS.astype(np.uint16) * 257,
    "int64": lambda: GREYS.astype(np.int64),
    "page": lambda: one_page(GREYS),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_picture_has_the_same_greys(form) -> None:
    np.testing.assert_array_equal(one_page(form()).grey, GREYS)


def test_a_file_by_its_path_in_either_form_and_open(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved("PNG"))
    for source in (path, str(path)):
        np.testing.assert_array_equal(one_page(source).grey, GREYS)
    with path.open("rb") as file:
        np.testing.assert_array_equal(one_page(file).grey, GREYS)


@pytest.mark.parametrize("mode", ["r", "w", "a"])
def test_a_file_open_as_text_or_for_writing_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved("PNG"))
    words = "open as text" if mode == "r" else "a.png"
    with path.open(mode) as file, pytest.raises(DataError, match=f'{words}.*mode "rb"'):
        one_page(file)
    with path.open("rb") as file, pytest.raises(DataError, match="text"):
        one_page(codecs.getreader("utf-8")(file))
    with path.open("ab") as file, pytest.raises(DataError, match="cannot be read"):
        one_page(file)
    file = path.open("rb")
    file.read()
    with pytest.raises(DataError, match=r"a.png: an empty file.*seek\(0\)"):
        one_page(file)
    file.close()
    with pytest.raises(DataError, match="closed file"):
        one_page(file)


def test_true_is_white() -> None:
    assert one_page(GREYS > 100).grey.tolist() == [[0, 0, 0], [255, 255, 255]]


def test_an_image_of_pillow_is_turned_as_its_exif_data_say() -> None:
    image = Image.fromarray(GREYS)
    image.getexif()[0x0112] = 6
    np.testing.assert_array_equal(one_page(image).grey, np.rot90(GREYS, -1))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (GREYS // 16 // 15, ["no value above 1", "multiply it by 255", "astype(bool)"]),
        (GREYS // 17, ["no value above 15", "multiply it by 17"]),
        (GREYS.astype(int) - 17, ["pixels of -1 to 238", "expected 0 to 255"]),
        (GREYS.astype(int) * 1000, ["pixels of 16000 to 255000"]),
        (RGB.transpose(2, 0, 1)[:, :, :2].repeat(4, 2), ["(height, width, channels)"]),
        (GREYS[0], ["shape (3,)", "one picture at a time"]),
        (GREYS[:0], ["shape (0, 3)"]),
        (GREYS.astype("U"), ["an array of <U3"]),
        (io.StringIO("text"), ["open as text", 'mode "rb"']),
        ([[1, 2]], ["a list", "read_all(*pictures)", "numpy.asarray"]),
        (b"", ["an empty file"]),
    ],
)
def test_what_is_no_picture_is_refused_with_a_remedy(source, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        one_page(source)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        RGB / np.float64(255),
        RGB.astype(np.float32),
        RGB / 127.5 - 1,
        (RGB.astype(np.float32) - 16) * 300,
        np.where(RGB == 40, np.nan, RGB.astype(float)),
    ],
    ids=["0 to 1", "0 to 255", "-1 to 1", "others", "NaN"],
)
def test_the_remedy_for_an_array_of_floats_is_code_that_gives_the_picture(array) -> None:
    with pytest.raises(DataError) as caught:
        one_page(array)
    message = str(caught.value)
    assert f"an array of {array.dtype}, shape (2, 3, 3); expected uint8, 0 to 255; " in message
    code = message[message.index("numpy.") :]
    names = {"array": array, "numpy": np}
    given = eval(code, names)  # noqa: S307 (what the message tells a user to type)
    if given.dtype != np.uint8:  # the remedy for NaN leaves floats: follow the next remedy too
        names["array"] = given
        with pytest.raises(DataError) as caught:
            one_page(given)
        given = eval(str(caught.value).partition("give ")[2], names)  # noqa: S307
    expected = one_page(RGB).grey
    if "array.min()" in code:  # this remedy stretches the values: the least, 16, becomes 0
        expected = np.rint((expected - 16.0) / 239 * 255).astype(np.uint8)
    if np.isnan(array).any():
        expected = np.where(GREYS == 40, 0, GREYS)
    assert abs(one_page(given).grey.astype(int) - expected).max() <= 1


def test_fault_97_a_file_of_zeros_and_ones_is_refused_and_a_black_one_read() -> None:
    file = io.BytesIO()
    Image.fromarray(GREYS // 255).save(file, "PNG")
    with pytest.raises(DataError, match="no value above 1 in it; expected 0 to 255; multiply"):
        one_page(file.getvalue())
    assert one_page(np.zeros((2, 2), np.uint8)).grey.max() == 0


def test_pages_are_chosen_by_their_number_or_all_read() -> None:
    others = [Image.fromarray(255 - GREYS), Image.fromarray(GREYS)]
    document = saved("TIFF", save_all=True, append_images=others)
    assert [page.number for page in pages(document)] == [1, 2, 3]
    np.testing.assert_array_equal(one_page(document, number=2).grey, 255 - GREYS)
    with pytest.warns(Notice, match="3 pages; the first is read"):
        np.testing.assert_array_equal(one_page(document).grey, GREYS)
    with pytest.raises(DataError, match="there is no page 4; expected 1 to 3"):
        one_page(document, number=4)
    with pytest.raises(DataError, match="there is no page 2; expected 1, its only page"):
        one_page(GREYS, number=2)
    assert len(list(pages(GREYS))) == 1


def test_pillows_current_page_is_read_with_a_notice() -> None:
    file = io.BytesIO()
    first, second = Image.fromarray(GREYS), Image.fromarray(255 - GREYS)
    first.save(file, "TIFF", save_all=True, append_images=[second])
    image = Image.open(file)
    image.seek(1)
    with pytest.warns(Notice, match="2 pages; Pillow's current one is read"):
        np.testing.assert_array_equal(one_page(image).grey, 255 - GREYS)


def test_pages_count_from_1() -> None:
    with pytest.raises(DataError, match="no page 0"):
        one_page(saved("PNG"), number=0)
