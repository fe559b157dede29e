"""Other people's pictures are read as well as is promised, where their folder is named."""

import os
from pathlib import Path
from types import ModuleType

import pytest

from mnistry.reading import Reader
from tests.scripts import load

pytestmark = pytest.mark.slow

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "handwriting.py"


@pytest.fixture(scope="module")
def handwriting() -> ModuleType:
    return load(BENCHMARK)


@pytest.fixture(scope="module")
def found(handwriting: ModuleType) -> list:
    folder = os.environ.get(handwriting.VARIABLE)
    if folder is None:
        pytest.skip("no MNISTRY_HANDWRITING")
    return handwriting.answers(Path(folder), Reader())


def test_characters_and_lines_are_counted_as_by_hand(handwriting: ModuleType) -> None:
    assert [handwriting.edits(a, b) for a, b in (("", "12"), ("2046", "246"), ("12", "21"))] == [
        2, 1, 2,
    ]  # fmt: skip
    one = handwriting.Answer("a", "number", "photo", "x", 400, ("2046", "315"), ("2046", "3?5"))
    two = handwriting.Answer("b", "number", "photo", "y", 400, ("12",), ("1", "2"))
    # 1 of 8 characters wrong with the line's end, and 1 of 2.
    assert handwriting.characters_right([one, two]) == pytest.approx((7 / 8 + 1 / 2) / 2)
    assert handwriting.lines_right([one, two]) == (1, 3)
    assert not one.right


def test_single_digits_are_read(found: list) -> None:
    digits = [answer for answer in found if answer.kind == "digit"]
    assert sum(answer.right for answer in digits) >= 0.985 * len(digits)
    for style in {answer.style for answer in digits}:
        ones = [answer for answer in digits if answer.style == style]
        if len(ones) >= 50:
            assert sum(answer.right for answer in ones) >= 0.97 * len(ones), style


def test_numbers_are_read(handwriting: ModuleType, found: list) -> None:
    numbers = [answer for answer in found if answer.kind == "number"]
    assert handwriting.characters_right(numbers) >= 0.96
    right, whole = handwriting.lines_right(numbers)
    assert right >= 0.85 * whole
