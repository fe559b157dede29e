import json

import numpy as np
import pytest

import mnistry
from mnistry.doctor.changes import small_changes
from mnistry.doctor.examine import MOST, Diagnosis, examine
from mnistry.reading import Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def digits() -> dict[int, np.ndarray]:
    images, labels = mnistry.load("sample").train
    return {digit: images[labels == digit][0] for digit in range(10)}


def row(*images: np.ndarray) -> np.ndarray:
    """Write digits side by side on grey paper."""
    paper = np.full((68, 32 * len(images) + 36), 190, np.uint8)
    for column, ink in enumerate(images):
        part = paper[20:48, 20 + 32 * column : 48 + 32 * column]
        part[...] = np.minimum(part, 255 - ink)
    return paper


@pytest.fixture(scope="module")
def swapped(reader, digits) -> Diagnosis:
    """The diagnosis of one of MNIST's fives with ink and paper swapped."""
    return examine(reader, 255 - digits[5])


def test_the_last_stage_is_what_was_read(reader, digits) -> None:
    picture = row(*(digits[digit] for digit in (3, 1, 4)))
    diagnosis = examine(reader, picture)
    assert diagnosis.reading == reader.read(picture)
    assert diagnosis.reading.text == "314"
    for case, digit in zip(diagnosis.cases, diagnosis.reading.digits, strict=True):
        last = case.stages[-1].digit
        assert case.digit == digit
        assert last.digit == digit.digit  # by the digit network alone, which may be surer


def test_ink_and_paper_swapped_are_found_to_matter(swapped) -> None:
    as_it_is, inverted = swapped.naive
    assert as_it_is.digit.digit != 5
    assert inverted.digit.digit == 5
    assert swapped.cases[0].mattered.ailment == "ink and paper were swapped"
    assert swapped.cases[0].decision.endswith(
        "became 5 by “inverted if its border is light”: ink and paper were swapped"
    )


def test_a_small_digit_in_a_corner_is_found_to_be_out_of_place(reader, digits) -> None:
    picture = np.full((280, 280), 255, np.uint8)
    picture[10:38, 200:228] = 255 - digits[5]
    [case] = examine(reader, picture).cases
    assert case.digit.digit == 5
    assert case.mattered is not None
    assert "pixels too high" in case.mattered.ailment


def test_nothing_mattered_where_every_stage_reads_the_same(reader, digits) -> None:
    [case] = examine(reader, digits[5]).cases  # light on dark, as MNIST has it
    assert {stage.digit.digit for stage in case.stages} == {5}
    assert case.mattered is None
    assert case.decision == f"what decided: no step; every image is read as {case.digit.digit}"


def test_grey_paper_and_other_marks_are_told_apart(digits) -> None:
    from mnistry.doctor import stages

    cut = np.full((28, 28), 90, np.uint8)
    assert stages._paper_ailment(cut, digits[5]) == "its paper was grey (90 of 255), not black (0)"
    cut[:] = digits[5]
    assert "uneven" in stages._paper_ailment(cut, digits[5])
    cut[:, :2] = 200
    assert stages._paper_ailment(cut, digits[5]) == "other marks were near"


@pytest.mark.parametrize("true", range(10))
def test_a_change_makes_another_answer_and_no_smaller_one_does(digits, true) -> None:
    reader = Reader(threshold=0.99)  # high, so that small changes change the answer

    def answers(images: list[np.ndarray]) -> list[int | None]:
        return [reading.digits[0].digit for reading in reader.read_many(np.stack(images))]

    [case] = examine(reader, digits[true]).cases
    form = case.stages[-1].image
    tried = small_changes(form)
    given = answers([change.image for change in tried])
    smallest = {
        answer: min(change.size for change, g in zip(tried, given, strict=True) if g == answer)
        for answer in {*given} - {case.digit.digit}
    }
    assert {change.digit.digit: change.size for change in case.changes} == smallest
    assert [change.size for change in case.changes] == sorted(smallest.values())
    assert smallest
    for change in case.changes:
        assert answers([change.image]) == [change.digit.digit]


def test_of_many_digits_the_least_sure_are_looked_at_in_their_order(reader, digits) -> None:
    picture = row(*(digits[column % 10] for column in range(MOST + 5)))
    diagnosis = examine(reader, picture)
    numbers = [case.number for case in diagnosis.cases]
    assert len(numbers) == MOST
    assert numbers == sorted(numbers)
    sure = [
        digit.confidence
        for number, digit in enumerate(diagnosis.reading.digits, start=1)
        if number not in numbers
    ]
    assert min(sure) >= max(case.digit.confidence for case in diagnosis.cases)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (200, 300)])
def test_a_picture_without_digits_has_no_cases(reader, shape) -> None:
    diagnosis = examine(reader, np.full(shape, 128, np.uint8))
    assert diagnosis.cases == ()
    assert len(diagnosis.naive) == 2


def test_its_json_is_all_but_the_images(swapped) -> None:
    value = json.loads(json.dumps(swapped.to_json(), allow_nan=False))
    assert value["text"] == "5"
    assert value["paper_is_light"] is True
    [case] = value["cases"]
    assert case["number"] == 1
    assert case["stages"][0]["name"] == "cut out"
    assert case["stages"][-1]["digit"] == 5
    assert len(case["nearest"]) == 3
    assert all(change["size"] > 0 for change in case["changes"])
