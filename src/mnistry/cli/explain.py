"""``mnistry explain``: one image's way through a trained network, and one step of learning."""

import dataclasses
import importlib.util
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import MnistryError, UsageError, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnistry.datasets import Dataset, Split
    from mnistry.explain import Explanation
    from mnistry.explain.learning import LearningStep
    from mnistry.runs.directory import Run

_OTHERS = 1000  # images on which to see what a step does to the rest


@click.command(cls=Command)
@options.RUN
@click.option(
    "--index", metavar="N", type=int, help="Which image, counted from 0.", show_default="0"
)
@click.option(
    "--split",
    type=options.SPLITS,
    help="Take it from the training or the test images.",
    show_default="test",
)
@click.option(
    "--image",
    metavar="FILE",
    type=options.PATH,
    help="Explain a picture file of 28x28 pixels instead.",
)
@click.option(
    "--label",
    metavar="N",
    type=click.IntRange(0, 9),
    help="The true class, where the data has none.",
)
@options.OWN_DATA
@options.TRANSPOSE
@click.option(
    "-o",
    "--output",
    metavar="PAGE.html",
    type=options.PATH,
    help="Write a page with figures instead.",
)
@options.JSON
def explain(
    run_path: Path,
    index: int | None,
    split: str | None,
    image: Path | None,
    label: int | None,
    data: str | None,
    transpose: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Follow one image through a run's network, and work out one step of learning, in numbers."""
    from mnistry.explain import Explainer
    from mnistry.runs.directory import Run

    if image is not None and not (index is None and split is None and data is None):
        raise UsageError(
            "--image is a picture of its own", remedy="leave out --index, --split and --data"
        )
    if transpose and data is None:
        raise UsageError("--transpose is for --data", remedy="leave it out, or say which data")
    if output is not None:
        common.check_output(output, image, data)
    run = Run.open(run_path)
    if output is not None:
        common.check_output(output, run.data.origin.data)
    explainer = Explainer(run.checked(run.onnx_path))
    if image is not None:
        chosen = _from_file(run, image, label)
    else:
        chosen = _from_data(run, data, transpose, split, index or 0, label)
    explanation = explainer.explain(chosen.image, chosen.label, chosen.classes)
    report = _Report(run, chosen, explanation)
    if as_json:
        common.print_json(report.to_json())
    if output is not None:
        report.write(output)
        common.stderr().print(f"wrote {output}", soft_wrap=True)
    if output is None and not as_json:
        report.print()
    if chosen.dataset is not None:
        common.finish(chosen.dataset)


@dataclasses.dataclass(frozen=True, eq=False)
class _Chosen:
    """The image to explain, where it is from, and labelled others to compare with."""

    image: "NDArray[np.uint8]"
    label: int | None
    about: str
    source: dict[str, Any]
    data: str
    classes: tuple[str, ...]
    others: "Split | None"
    dataset: "Dataset | None" = None


def _from_file(run: "Run", path: Path, label: int | None) -> _Chosen:
    from mnistry.explain import read_digit

    image, inverted = read_digit(path)
    if inverted:
        common.stderr().print(
            "note: its paper is light, so it was inverted: MNIST's paper is 0, its ink 255",
            style="yellow",
            soft_wrap=True,
        )
    others = None
    if label is not None:
        try:
            others = _others(common.load_own_data(run))
        except MnistryError as error:  # the rest can be told without it
            common.stderr().print(
                f"note: what the step does to other images is left out: {error}",
                style="yellow",
                soft_wrap=True,
            )
    source = {"file": str(path), "inverted": inverted}
    return _Chosen(image, label, str(path), source, run.data.name, run.data.classes, others)


def _from_data(
    run: "Run",
    data: str | None,
    transpose: bool,
    split: str | None,
    index: int,
    label: int | None,
) -> _Chosen:
    from mnistry.datasets import Origin, arrays

    if data is None:
        dataset = common.load_own_data(run)
    else:
        dataset = common.load_dataset(Origin(data, transpose))
    if split is None:
        split = "train" if dataset.test is None else "test"
    chosen = dataset.test if split == "test" else dataset.train
    if chosen is None:
        raise UsageError(f"this data has no {split} images", where=dataset.source)
    arrays.check_indices([index], len(chosen.images))
    if chosen.labels is not None:
        if label is not None:
            raise UsageError(
                f"image {index} is labelled {chosen.labels[index]}", remedy="leave out --label"
            )
        label = int(chosen.labels[index])
    return _Chosen(
        chosen.images[index],
        label,
        f"image {index} of the {split} images of {dataset.name}",
        {"data": dataset.name, "source": dataset.source, "split": split, "index": index},
        dataset.name,
        dataset.classes,
        _others(dataset, index if split == "train" else None),
        dataset,
    )


def _others(dataset: "Dataset", left_out: int | None = None) -> "Split | None":
    """Give the first labelled training images, without the one that is explained."""
    import numpy as np

    from mnistry.datasets import Split

    if dataset.train is None or dataset.train.labels is None:
        return None
    rows = np.arange(min(_OTHERS + 1, len(dataset.train.images)))
    rows = rows[rows != left_out][:_OTHERS]
    return Split(dataset.train.images[rows], dataset.train.labels[rows]) if len(rows) else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Report:
    """What is told of one image, in three forms."""

    run: "Run"
    chosen: _Chosen
    explanation: "Explanation"

    def to_json(self) -> dict[str, Any]:
        step = self.step
        return {
            "run": str(self.run.path),
            "image_from": self.chosen.source,
            **self.explanation.to_json(),
            "learning": None if step is None else step.to_json(),
        }

    def write(self, path: Path) -> None:
        from mnistry.explain import narrative, page
        from mnistry.system import files

        sections = narrative.forward(self.explanation, self.chosen.about)
        if self.step is not None:
            sections += narrative.learning(self.step, self._others())
        text = page.render(self._title(), sections, self._missing() or "")
        files.write_bytes(path, text.encode())

    def print(self) -> None:
        from mnistry.cli import screen
        from mnistry.display import terminal
        from mnistry.explain import narrative

        console = common.stdout()
        console.print(printable(self._title()), style="bold")
        if not terminal.has_colours(console):
            console.print("Pictures in colour are left out: -o PAGE.html draws them.", style="dim")
        sections = narrative.forward(self.explanation, self.chosen.about)
        for number, section in enumerate(sections, start=1):
            screen.print_section(console, number, section)
        if self.step is not None:
            after = narrative.learning(self.step, self._others())
            for number, section in enumerate(after, start=len(sections) + 1):
                screen.print_section(console, number, section)
        else:
            console.print(f"\n{self._missing()}", width=screen.width(console))

    def _title(self) -> str:
        return f"How {self.run.path} answers {self.chosen.about}"

    def _others(self) -> str:
        return f"training images of {self.chosen.data}"

    def _missing(self) -> str | None:
        """Say why there is no step of learning, if there is none."""
        if self.explanation.network is None:
            return "A step of learning is worked out for networks of dense layers alone."
        if self.explanation.label is None:
            return "Say what the image shows, with --label, to see a step of learning too."
        if importlib.util.find_spec("keras") is None:
            return "A step of learning takes the run's optimizer: pip install 'mnistry[train]'"
        return None

    @cached_property
    def step(self) -> "LearningStep | None":
        """The step of learning, if there is one; takes seconds, as Keras is started for it."""
        network, label = self.explanation.network, self.explanation.label
        if network is None or label is None or self._missing() is not None:
            return None
        from mnistry.explain import learning
        from mnistry.training import startup

        startup.import_keras()
        return learning.learn(self.run, network, self.explanation.image, label, self.chosen.others)
