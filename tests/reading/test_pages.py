"""Pages of MNIST's digits, written by the test, read from the picture to the text."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.augmentation.distort import Distortion, distort
from mnistry.augmentation.strokes import Pen
from mnistry.errors import DataError, ModelError, UsageError
from mnistry.images.mnist_form import formed_box
from mnistry.reading import Reader, built_in

LINES = ("2046", "315")


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    """Two lines of digits 60 pixels high: ``uint8``, shape (200, 420), ink 40 on paper 220."""
    images, labels = mnistry.load("sample").train
    ink = np.zeros((200, 420), np.float32)
    for line, number in enumerate(LINES):
        for place, digit in enumerate(number):
            image = Image.fromarray(images[labels == int(digit)][0]).resize((84, 84))
            part = ink[8 + 96 * line :, 20 + 100 * place :][:84, :84]
            part[:] = np.maximum(part, np.asarray(image, np.float32) / 255)
    return (220 - 180 * ink).astype(np.uint8)


def shadowed(page: np.ndarray) -> np.ndarray:
    light = np.linspace(1, 0.5, page.shape[1])[np.newaxis]
    return (page * light).astype(np.uint8)


def grainy(page: np.ndarray) -> np.ndarray:
    return np.clip(page + np.random.default_rng(0).normal(0, 8, page.shape), 0, 255).astype(
        np.uint8
    )


def ruled(page: np.ndarray) -> np.ndarray:
    lined = page.copy()
    lined[25::48] = np.minimum(lined[25::48], 150)
    return lined


WAYS = {
    "as it is": lambda page: page,
    "white on black": lambda page: 255 - page,
    "faint": lambda page: (220 - 0.25 * (220.0 - page)).astype(np.uint8),
    "shadowed": shadowed,
    "grainy": grainy,
    "ruled": ruled,
    "large": lambda page: np.kron(page, np.ones((6, 6), np.uint8)),
    "small": lambda page: np.asarray(Image.fromarray(page).resize((168, 80))),
}


@pytest.mark.parametrize("way", WAYS)
def test_two_lines_are_read_whatever_pen_paper_and_light(read: Reader, page, way: str) -> None:
    assert read.read(WAYS[way](page)).lines == LINES


def test_boxes_lie_round_the_digits_in_reading_order(read: Reader, page) -> None:
    reading = read.read(page)
    assert [digit.line for digit in reading.digits] == [0] * 4 + [1] * 3
    for number, digit in enumerate(reading.digits):
        line, place = divmod(number, 4)
        left, top = 20 + 100 * place, 8 + 96 * line
        x, y, width, height = digit.box
        assert left <= x < x + width <= left + 84
        # MNIST's digits fill 20 of 28 rows or columns.
        assert top <= y < y + height <= top + 84
        assert max(width, height) == pytest.approx(60, abs=5)


def test_boxes_are_those_of_the_large_picture(read: Reader, page) -> None:
    small, large = (read.read(WAYS[way](page)).digits for way in ("as it is", "large"))
    for a, b in zip(small, large, strict=True):
        assert b.box == pytest.approx([6 * value for value in a.box], abs=18)


def test_fault_51_and_49_a_turned_photo_and_ink_on_transparency(
    read: Reader, page, tmp_path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(page)).save(tmp_path / "turned.png", exif=exif)
    assert read.read(tmp_path / "turned.png").lines == LINES
    black = np.zeros((*page.shape, 4), np.uint8)
    black[..., 3] = 220 - page
    file = io.BytesIO()
    Image.fromarray(black).save(file, "PNG")
    assert read.read(file.getvalue()).lines == LINES


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (1, 500), (300, 400)])
def test_fault_47_and_45_on_uniform_paper_there_is_no_digit(read: Reader, grey: int, shape) -> None:
    reading = read.read(np.full(shape, grey, np.uint8))
    assert (reading.lines, reading.text, reading.digits) == ((), "", ())


def test_an_image_of_mnists_form_is_read_as_it_is_of_either_polarity(read: Reader) -> None:
    images, _ = mnistry.load("sample").test
    many = read.read_many(images[:200])
    for image, expected in zip(images[:200], many, strict=True):
        for picture in (image, 255 - image):
            (digit,) = read.read(picture).digits
            assert digit.candidates == expected.digits[0].candidates
    rows, columns = np.nonzero(images[0])
    (digit,) = read.read(images[0]).digits
    assert digit.box == (
        columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
    )  # fmt: skip


def test_a_picture_of_mnists_size_that_lost_its_form_is_read_as_it_is_too() -> None:
    images, labels = mnistry.load("sample").train
    bent = distort(images[::10], Distortion(rotation=12, scale=0.12, shift=1.5, pen=Pen()), seed=3)
    formless = [i for i, image in enumerate(bent) if formed_box(image) is None]
    assert len(formless) > 300
    guess = Reader(threshold=0)  # by its marks alone one in fifteen is lost
    right = [
        [digit.digit for digit in guess.read(bent[i]).digits] == [labels[10 * i]] for i in formless
    ]
    assert np.mean(right) > 0.965


def test_what_lost_mnists_form_must_be_surer_unless_a_threshold_is_given(monkeypatch) -> None:
    images, labels = mnistry.load("sample").train
    seven = np.roll(images[labels == 7][0], 2, axis=1)
    usual = Reader()
    (digit,) = usual.read(seven).digits
    between = digit.confidence + 1e-6
    monkeypatch.setattr(usual._marks, "_strict", between)
    assert usual.read(seven).text == "?"
    assert Reader(threshold=digit.confidence - 1e-6).read(seven).text == "7"


def test_two_digits_in_a_picture_of_mnists_size_are_two(read: Reader) -> None:
    images, labels = mnistry.load("sample").train
    one = np.asarray(Image.fromarray(images[labels == 4][0]).resize((14, 14)))
    other = np.asarray(Image.fromarray(images[labels == 2][0]).resize((14, 14)))
    two = np.zeros((28, 28), np.uint8)
    two[7:21, :14], two[7:21, 14:] = one, other
    assert read.read(two).text == "42"


def test_below_the_threshold_nothing_is_said_but_the_candidates_are_there(page) -> None:
    reading = Reader(threshold=1).read(page)
    assert "?" in reading.text
    for digit in reading.digits:
        assert digit.digit is None or digit.confidence >= 1
        confidences = [candidate.confidence for candidate in digit.candidates]
        assert len(confidences) == 3
        assert confidences == sorted(confidences, reverse=True)
        assert digit.confidence == confidences[0]
    with pytest.raises(UsageError, match="threshold"):
        Reader(threshold=1.5)


def test_arrays_of_another_kind_are_refused_with_the_remedy(read: Reader, page) -> None:
    with pytest.raises(DataError, match=r"255 \* array"):
        read.read(page / 255)
    for wrong in (page[np.newaxis], page[:0]):
        with pytest.raises(DataError):
            read.read(wrong)
    with pytest.raises(DataError, match=r"\(28, 28\)"):
        read.read_many(np.zeros((2, 27, 28), np.uint8))


def test_threads_share_a_reader(read: Reader, page) -> None:
    expected = read.read(page)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(read.read, [page] * 24))


@pytest.mark.parametrize("name", ["SHIPPED", "LINES"])
def test_fault_76_a_flipped_bit_in_a_network_that_ships_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    network: Path = getattr(built_in, name)
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / network.name
    damaged.write_bytes(content)
    card = network.with_suffix(".json").read_bytes()
    damaged.with_suffix(".json").write_bytes(card)
    monkeypatch.setattr(built_in, name, damaged)
    with pytest.raises(ModelError, match="SHA-256"):
        Reader()


def test_reading_loads_neither_keras_nor_jax_nor_matplotlib() -> None:
    code = (
        "import sys, numpy as np; from mnistry import Reader\n"
        "Reader().read(np.full((50, 50), 200, np.uint8))\n"
        "assert not {'keras', 'jax', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
