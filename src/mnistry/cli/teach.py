"""``mnistry teach``: a network learns a hand from some labelled digits."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError, counted_noun
from mnistry.percent import percent

if TYPE_CHECKING:
    from mnistry.datasets import Dataset, Split
    from mnistry.runs.teaching import Figures, Lesson

_SHOWN = 8  # how many doubtful labels are printed


@click.command(cls=Command)
@click.argument(
    "labelled",
    metavar="LABELLED…",
    nargs=-1,
    required=True,
    type=options.PATH,
    help="One writer's digits: a folder with a subfolder for each digit, a CSV file of picture "
    "files and labels, or what the studio saved. Give one for each writer.",
)
@click.option(
    "--from",
    "start",
    metavar="RUN",
    type=options.PATH,
    help="The run to begin with.",
    show_default="the built-in network",
)
@click.option("--keep", is_flag=True, help="Write the run even if it reads no better.")
@options.output("RUN", "The run directory to make.", required=True)
@options.JSON
def teach(
    labelled: tuple[Path, ...], start: Path | None, keep: bool, output: Path, as_json: bool
) -> None:
    """Teach a network a hand (one person's digits), from 5 to 2,000 labelled digits.

    The run is written only if it reads digits of this hand better, measured on digits that it was
    not taught with, and MNIST's test images and marks that are not digits no worse. Use it with
    mnistry read --model RUN, or in the studio.
    """
    # The parts of the cross-validation are computed at the same time; with more threads in each, a
    # third of the processor time would be busy waiting. Set before NumPy is loaded, because
    # OpenBLAS reads the variable then.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from mnistry.datasets import Origin
    from mnistry.runs import directory, teaching
    from mnistry.runs.directory import Run

    directory.refuse_taken(output)
    run = None if start is None else Run.open(start)
    read = [common.load_dataset(Origin(str(path), fit=True)) for path in labelled]
    writers = [_labelled_digits(one) for one in read]
    dataset = common.load_dataset(Origin())
    lesson = teaching.teach_as_run(run, writers, dataset, output, keep=keep)
    if as_json:
        common.print_json(_as_json(lesson, dataset))
    else:
        _print(lesson, dataset)
    _print_notes(lesson, labelled)
    for one in read:
        common.finish(one)
    if lesson.run is None:
        raise DataError(
            f"not kept: {'; '.join(lesson.reasons)}",
            where=" ".join(map(str, labelled)),
            remedy="give more examples, or write the run all the same: --keep",
        )


def _labelled_digits(dataset: "Dataset") -> "Split":
    """Return all labelled images of a dataset of digits."""
    import numpy as np

    from mnistry.datasets import Split

    splits = [split for split in dataset.splits().values() if split.labels is not None]
    if not splits:
        raise DataError(
            "no labels",
            where=dataset.source,
            expected="a subfolder for each digit, or a CSV file with the columns file and label",
        )
    strange = [name for name in dataset.classes if name not in tuple("0123456789")]
    if strange:
        raise DataError(
            f"a label is {strange[0]!r}",
            where=dataset.source,
            expected="digits, 0 to 9",
            remedy="leave out images that are not digits",
        )
    values = np.array([int(name) for name in dataset.classes], np.uint8)
    labels = np.concatenate([values[split.labels] for split in splits])
    return Split(np.concatenate([split.images for split in splits]), labels)


def _print(lesson: "Lesson", dataset: "Dataset") -> None:
    from mnistry.cli import report

    before, after = lesson.before, lesson.after
    table = report.table("", "before", "after", left=1)
    test = f"{dataset.name} test images"
    rows = [
        ("examples read wrongly", *(str(one.wrong) for one in (before, after))),
        ("their loss, in nats", *(f"{one.loss:.3f}" for one in (before, after))),
        (f"{test} right", *(percent(one.test.accuracy) for one in (before, after))),
        (
            "  calibration error",
            *(percent(one.test.calibration_error) for one in (before, after)),
        ),
        ("non-digits rejected", *(str(one.rejected) for one in (before, after))),
    ]
    for row in rows:
        table.add_row(*row)
    console = common.stdout()
    console.print(table)
    console.print(
        "After: each example was read by a network that was taught without it. "
        "In brackets: the 95 % interval.",
        style="bright_black",
        soft_wrap=True,
    )
    if lesson.run is not None:
        console.print(f"\nrun: {lesson.run.path}", soft_wrap=True)
        console.print(f"use it: mnistry read --model {lesson.run.path} PICTURE", soft_wrap=True)


def _print_notes(lesson: "Lesson", labelled: tuple[Path, ...]) -> None:
    if lesson.writers == 1:
        common.note("all examples count as one writer's: other hands may be read no better")
    if lesson.repeated:
        again = counted_noun(lesson.repeated, "example")
        common.note(f"{again} left out: the same image came before")
    for doubt in lesson.doubtful[:_SHOWN]:
        common.note(
            f"{labelled[doubt.writer]}, image {doubt.number}: labelled {doubt.label}, surely read "
            f"as {doubt.answer}; is the label right?"
        )
    if lesson.run is not None:
        if lesson.reasons:
            common.note(f"kept because of --keep, although: {'; '.join(lesson.reasons)}")
        common.note(
            "with this run the line reader finds marks and reads signs, but has no vote on digits"
        )


def _as_json(lesson: "Lesson", dataset: "Dataset") -> dict[str, Any]:
    return {
        "run": None if lesson.run is None else str(lesson.run.path),
        "better": not lesson.reasons,
        "reasons": list(lesson.reasons),
        "examples": lesson.before.wrong.of,
        "repeated": lesson.repeated,
        "writers": lesson.writers,
        "data": dataset.name,
        "before": _figures(lesson.before),
        "after": _figures(lesson.after),
        "doubtful": [
            {"writer": d.writer, "image": d.number, "label": d.label, "answer": d.answer}
            for d in lesson.doubtful
        ],
        "threshold": lesson.thresholds[0],
        "line_reader_votes": False,
    }


def _figures(figures: "Figures") -> dict[str, Any]:
    test, wrong, rejected = figures.test, figures.wrong, figures.rejected
    return {
        "wrong": wrong.count,
        "wrong_interval": list(wrong.interval),
        "loss": figures.loss,
        "test_accuracy": test.accuracy,
        "test_interval": list(test.interval),
        "calibration_error": test.calibration_error,
        "no_digit_rejected": rejected.count,
        "no_digit": rejected.of,
        "no_digit_interval": list(rejected.interval),
    }
