import numpy as np
import pytest

from mnistry.datasets.arrays import (
    check_indices,
    check_labels,
    crop,
    describe,
    image_matrix,
)
from mnistry.errors import DataError, UsageError


def numbers_in(matrix: str) -> list[list[int]]:
    """Read the numbers back out of the text of `image_matrix`, page by page."""
    rows: dict[int, list[int]] = {}
    for line in matrix.splitlines():
        if "|" in line:
            row, cells = line.split("|")
            rows.setdefault(int(row), []).extend(int(cell) for cell in cells.split())
    return [rows[row] for row in sorted(rows)]


def test_describe_names_axes_and_range_of_images():
    images = np.zeros((3, 28, 28), np.uint8)
    images[1, 2, 3] = 255
    facts = describe("x_train", images)
    assert (facts.name, facts.ndim, facts.shape) == ("x_train", 3, (3, 28, 28))
    assert facts.axes == ("image", "row", "column")
    assert (facts.dtype, facts.smallest, facts.largest) == ("uint8", 0, 255)
    assert facts.nbytes == 3 * 784


def test_describe_names_the_axis_of_labels():
    facts = describe("y_train", np.array([3, 1, 4], np.uint8))
    assert (facts.axes, facts.smallest, facts.largest) == (("image",), 1, 4)


@pytest.mark.parametrize("shape", [(), (3, 784), (3, 28, 28, 1)])
def test_describe_does_not_guess_axes(shape):
    assert describe("array", np.zeros(shape, np.uint8)).axes == ()


def test_describe_does_not_take_weights_for_labels():
    facts = describe("bias", np.array([-0.5, 0.5], np.float32))
    assert facts.axes == ()
    assert (facts.dtype, facts.smallest, facts.largest) == ("float32", -0.5, 0.5)


def test_describe_says_that_an_empty_array_has_no_range():
    facts = describe("none", np.zeros((0, 28, 28), np.uint8))
    assert (facts.smallest, facts.largest, facts.nbytes) == (None, None, 0)


def test_describe_real_mnist(mnist_path):
    with np.load(mnist_path) as arrays:
        facts = describe("x_train", arrays["x_train"])
    assert (facts.shape, facts.dtype) == ((60_000, 28, 28), "uint8")
    assert (facts.smallest, facts.largest, facts.nbytes) == (0, 255, 47_040_000)


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(DataError, match=f"label 1: {label} is not a label"):
        check_labels(np.array([3, label]))


@pytest.mark.parametrize("labels", [np.array([0.0, 1.0]), np.array([[0], [1]])])
def test_arrays_that_are_not_labels_are_refused(labels):
    with pytest.raises(DataError, match="expected whole numbers from 0 to 9"):
        check_labels(labels)


def test_image_matrix_holds_every_number_within_100_characters(mnist_path):
    with np.load(mnist_path) as arrays:
        images = arrays["x_test"][:200]
    for image in images:
        matrix = image_matrix(image)
        assert numbers_in(matrix) == image.tolist()
        assert max(map(len, matrix.splitlines())) <= 100
        assert len(matrix.splitlines()) == 2 + 28


def test_image_matrix_aligns_columns_under_their_numbers():
    image = np.zeros((2, 12), np.uint8)
    image[0, 10] = 7
    image[1, 10] = 255
    assert image_matrix(image) == (
        "                         1 1\n"
        "   0 1 2 3 4 5 6 7 8 9   0 1\n"
        "0| 0 0 0 0 0 0 0 0 0 0   7 0\n"
        "1| 0 0 0 0 0 0 0 0 0 0 255 0"
    )


def test_image_matrix_continues_below_where_the_page_is_too_narrow():
    image = np.full((28, 28), 200, np.uint8)
    image[:, -1] = 201
    lines = image_matrix(image).splitlines()
    assert numbers_in("\n".join(lines)) == image.tolist()
    assert max(map(len, lines)) <= 100
    assert lines[30] == ""
    assert len(lines) == 30 + 1 + 30


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 28, 28), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((28, 28)),
        np.zeros((0, 28), np.uint8),
    ],
)
def test_image_matrix_refuses_anything_but_one_image(image):
    with pytest.raises(DataError, match=r"images\[0\]"):
        image_matrix(image)


@pytest.mark.parametrize(
    ("window", "rows", "columns"),
    [
        ("14:,14:", slice(14, None), slice(14, None)),
        ("7:-7,7:-7", slice(7, -7), slice(7, -7)),
        (":,:", slice(None), slice(None)),
        (" -3: , :5 ", slice(-3, None), slice(None, 5)),
        ("20:99,0:28", slice(20, None), slice(None)),
    ],
)
def test_crop_is_what_numpy_slices_give(window, rows, columns):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    assert np.array_equal(crop(images, window), images[:, rows, columns])


@pytest.mark.parametrize(
    "window",
    [
        "",
        "14:",
        "14,14",
        ":,:,:",
        "::2,:",
        "a:,:",
        "1.5:,:",
        "٣:,:",
        "1_0:,:",
        "len(x):,:",
        "9" * 99,
    ],
)
def test_crop_refuses_anything_but_two_slices(window):
    with pytest.raises(UsageError, match=r"is not a crop; expected two.*for example 14:,14:"):
        crop(np.zeros((3, 28, 28), np.uint8), window)


@pytest.mark.parametrize("window", ["28:,:", ":,14:14", "20:10,:", "99:,99:"])
def test_crop_refuses_to_leave_nothing(window):
    with pytest.raises(UsageError, match="expected a part of 28 rows and 28 columns"):
        crop(np.zeros((3, 28, 28), np.uint8), window)


@pytest.mark.parametrize("index", [-1, 10_000])
def test_indices_out_of_range_are_refused(index):
    with pytest.raises(UsageError, match=f"no image {index}; expected 0 to 9999"):
        check_indices([0, 9_999, index], 10_000)
