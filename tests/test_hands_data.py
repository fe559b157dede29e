"""The files of other people's handwriting, in UCI's formats, are parsed to their digits."""

from pathlib import Path

import numpy as np
import pytest

from tests.scripts import load

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "hands_data.py"


@pytest.fixture(scope="module")
def hands_data():
    return load(SCRIPT)


def test_pen_strokes(hands_data) -> None:
    found = hands_data.pen_digits(
        '.INCLUDE dene.doc\n.SEGMENT DIGIT 0 ? "4"\n.COMMENT 4 26 54\n.PEN_DOWN\n 1 2\n 3 4\n'
        '.PEN_UP\n.DT 10\n.PEN_DOWN\n 5 6\n.PEN_UP\n.SEGMENT DIGIT 1 ? "1"\n.COMMENT 1 3 55\n'
        ".PEN_DOWN\n 7 8\n.PEN_UP\n"
    )
    assert found["points"].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert found["stroke_lengths"].tolist() == [2, 1, 1]
    assert found["strokes_per_digit"].tolist() == [2, 1]
    assert (found["labels"].tolist(), found["writers"].tolist()) == ([4, 1], [26, 3])


def test_bitmaps(hands_data) -> None:
    rows = ["0" * 31 + "1"] * 31 + ["1" * 32]
    found = hands_data.optical_digits("\n".join(["entwidth = 32", "", *rows, " 7", *rows, " 0"]))
    assert found["images"].shape == (2, 32, 32)
    assert found["images"][0].sum() == 31 + 32
    assert found["labels"].tolist() == [7, 0]


def test_lines_of_pixels_and_a_one_hot_label(hands_data) -> None:
    pixels = " ".join(["1.0000"] * 16 + ["0.0000"] * 240)
    found = hands_data.semeion(f"{pixels} 0 0 0 1 0 0 0 0 0 0 \n\n")
    assert found["images"].sum(axis=2).tolist() == [[16] + [0] * 15]
    assert found["labels"].tolist() == [3]


def test_a_digest_knows_names_types_shapes_and_values(hands_data) -> None:
    usual = {"a": np.zeros((2, 3), np.uint8)}
    others = (
        {"b": usual["a"]}, {"a": usual["a"].T}, {"a": usual["a"] + np.uint8(1)},
        {"a": usual["a"].view(np.int8)},
    )  # fmt: skip
    assert hands_data.digest(usual) not in [hands_data.digest(other) for other in others]
