"""``mnistry explain``: one image's path through a trained network, and one step of learning."""

import dataclasses
import importlib.util
import os
from collections.abc import Iterator
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
    from mnistry.explain.learning import LearningStep, Saliency
    from mnistry.explain.narrative import Section
    from mnistry.runs.directory import Run

_OTHERS = 1000  # other images, to measure a step's effect on them
# Without --index and --wrong: the first right answer with a confidence in this range is chosen.
_SOMEWHAT_SURE = 0.5, 0.95
_SEARCHED = 1000  # images among which it is searched for


@click.command(cls=Command)
@options.RUN
@click.option(
    "--index",
    metavar="N",
    type=int,
    help="The image's index, from 0.",
    show_default="the first with a right but unsure answer",
)
@click.option("--wrong", is_flag=True, help="Choose the most confident mistake instead.")
@click.option(
    "--label",
    metavar="CLASS",
    help="Choose an image of this class; or the true class of --image, or of an image without a "
    "label.",
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
@options.OWN_DATA
@options.TRANSPOSE
@options.output("PAGE.html", "Write a page with figures instead.")
@options.JSON
def explain(
    run_path: Path,
    index: int | None,
    wrong: bool,
    label: str | None,
    split: str | None,
    image: Path | None,
    data: str | None,
    transpose: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Follow one image through a run's network, and work out one step of learning, in numbers.

    For a convolutional network it shows filters, feature maps, and which pixels count.
    """
    from mnistry.explain import Explainer
    from mnistry.runs.directory import Run

    if image is not None and not (index is None and split is None and data is None and not wrong):
        raise UsageError(
            "--image excludes --index, --wrong, --split and --data",
            remedy="leave out one or the other",
        )
    if wrong and index is not None:
        raise UsageError("--wrong with --index", remedy="leave out one or the other")
    if transpose and data is None:
        raise UsageError("--transpose without --data", remedy="leave it out, or give --data")
    if output is not None:
        common.check_output(output, image, data)
    run = Run.open(run_path)
    if output is not None:
        common.check_output(output, run.data.origin.data)
    explainer = Explainer(run.checked(run.onnx_path))
    if image is not None:
        number = None if label is None else common.class_number(run.data.classes, label)
        chosen = _from_file(run, image, number)
    else:
        chosen = _from_data(run, data, transpose, split, _Wanted(index, wrong, label))
    explanation = explainer.explain(chosen.image, chosen.label, chosen.classes)
    report = _Report(run, chosen, explanation)
    if as_json:
        common.print_json(report.to_json())
    if output is not None:
        common.write_output(output, report.to_html().encode())
    if output is None and not as_json:
        report.print()
    if chosen.dataset is not None:
        common.finish(chosen.dataset)


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """Which image of a split to explain.

    Attributes
    ----------
    index
        Its index; None chooses one.
    wrong
        Whether to choose one that the network got wrong.
    label
        The class to choose from, by its name; None chooses from all.
    """

    index: int | None
    wrong: bool
    label: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class _Chosen:
    """The image to explain, its origin, and other labelled images to compare with.

    `about` is its origin in words, `source` the same for JSON; `data` is the dataset's name.
    """

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
        name = printable(str(path))
        common.note(f"{name} has light paper, so it was inverted: in MNIST, paper is 0 and ink 255")
    others = None
    if label is not None:
        try:
            others = _others(common.load_own_data(run))
        except MnistryError as error:  # the image can be explained without them
            common.note(f"the effect of a step of learning on other images is not shown: {error}")
    source = {"file": str(path), "inverted": inverted}
    return _Chosen(image, label, str(path), source, run.data.name, run.data.classes, others)


def _from_data(
    run: "Run", data: str | None, transpose: bool, split: str | None, wanted: _Wanted
) -> _Chosen:
    from mnistry.datasets import Origin, arrays

    if data is None:
        dataset = common.load_own_data(run)
    else:
        dataset = common.load_other_data(run, Origin(data, transpose))
    if split is None:
        split = "train" if dataset.test is None else "test"
    chosen = common.choose_split(dataset, split)
    named = wanted.label
    label = None if named is None else common.class_number(dataset.classes, named)
    index = wanted.index
    if index is None:
        index = _find(run, chosen, label if chosen.labels is not None else None, wanted.wrong)
    arrays.check_indices([index], len(chosen.images))
    if chosen.labels is not None:
        own = int(chosen.labels[index])
        if label is not None and label != own:
            what = f"image {index} is labelled {dataset.classes[own]}"
            raise UsageError(what, remedy="leave out --label or --index")
        label = own
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


def _find(run: "Run", split: "Split", label: int | None, wrong: bool) -> int:
    """Return the index of an image to explain: of a mistake, or of an answer not quite sure.

    A sure answer has a loss and gradients of almost 0, so little can be seen.
    """
    import numpy as np

    from mnistry.runs import scoring

    images, labels = split
    if wrong and labels is None:
        raise UsageError("--wrong: these images have no labels", remedy="give --index")
    among = np.arange(len(images) if wrong else min(_SEARCHED, len(images)))
    if label is not None and labels is not None:
        among = np.flatnonzero(labels == label)[: None if wrong else _SEARCHED]
    if not len(among):
        raise UsageError("no image has this label", remedy="choose another --label")
    probabilities = scoring.predict(run, images[among])
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = np.ones(len(among), bool) if labels is None else answers == labels[among]
    if wrong:
        if right.all():
            raise UsageError("no such image is answered wrongly", remedy="leave out --wrong")
        return int(among[np.where(right, 0, confidence).argmax()])
    low, high = _SOMEWHAT_SURE
    fitting = np.flatnonzero(right & (confidence >= low) & (confidence <= high))
    # Else the least confident right answer: wrong ones count as 2, more than any confidence.
    place = fitting[0] if len(fitting) else np.where(right, confidence, 2).argmin()
    return int(among[place])


def _others(dataset: "Dataset", left_out: int | None = None) -> "Split | None":
    """Return the first labelled training images, without the one at index `left_out`."""
    import numpy as np

    from mnistry.datasets import Split

    if dataset.train is None or dataset.train.labels is None:
        return None
    rows = np.arange(min(_OTHERS + 1, len(dataset.train.images)))
    rows = rows[rows != left_out][:_OTHERS]
    return Split(dataset.train.images[rows], dataset.train.labels[rows]) if len(rows) else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Report:
    """The explanation of one image as JSON, HTML and text."""

    run: "Run"
    chosen: _Chosen
    explanation: "Explanation"

    def to_json(self) -> dict[str, Any]:
        step = self.step
        return {
            "run": str(self.run.path),
            "image_from": self.chosen.source,
            **self.explanation.to_json(),
            "saliency": None if self.saliency is None else self.saliency.to_json(),
            "learning": None if step is None else step.to_json(),
        }

    def to_html(self) -> str:
        from mnistry.explain import page

        return page.render(self._title(), list(self._sections()), self._why_no_step() or "")

    def print(self) -> None:
        from mnistry.cli import screen
        from mnistry.display import terminal

        console = common.stdout()
        console.print(printable(self._title()), style="bold")
        if not terminal.has_colours(console):
            console.print("Pictures in colour are left out: -o PAGE.html draws them.", style="dim")
        for number, section in enumerate(self._sections(), start=1):
            screen.print_section(console, number, section)
        if self.step is None:
            console.print(f"\n{self._why_no_step()}", width=screen.width(console))

    def _title(self) -> str:
        return f"How {self.run.path} answers {self.chosen.about}"

    def _sections(self) -> Iterator["Section"]:
        from mnistry.explain import narrative

        yield from narrative.forward(self.explanation, self.chosen.about)
        if self.saliency is not None:
            yield narrative.saliency(self.saliency, self.explanation)
        if self.step is not None:
            others = f"training images of {self.chosen.data}"
            yield from narrative.learning(self.step, others)

    def _why_no_step(self) -> str | None:
        """Return why there is no step of learning, or None if there is one."""
        if self.run.taught is not None:
            return "A taught network has no step of learning: its last layer was fitted as a whole."
        if self.run.recipe is None:
            return "An adopted network has no step of learning: how it was trained is not known."
        if self.explanation.label is None:
            return "To see a step of learning too, give the image's class with --label."
        if importlib.util.find_spec("keras") is None:
            return "A step of learning needs the run's optimizer: pip install 'mnistry[train]'"
        if self.explanation.network is None and not _is_jax():
            return "A step of learning of a network that is not dense needs Keras's JAX backend."
        return None

    @cached_property
    def step(self) -> "LearningStep | None":
        """The step of learning, if there is one; takes seconds, because it imports Keras."""
        image, label = self.explanation.image, self.explanation.label
        if label is None or self._why_no_step() is not None:
            return None
        from mnistry.training import startup

        startup.import_keras()
        if self.explanation.network is not None:
            from mnistry.explain import learning

            network = self.explanation.network
            return learning.learn(self.run, network, image, label, self.chosen.others)
        from mnistry.explain import any_network

        return any_network.learn(self.run, image, label, self.chosen.others)

    @cached_property
    def saliency(self) -> "Saliency | None":
        """Which pixels count, for a network that is not dense; needs Keras, and the JAX backend."""
        is_dense = self.explanation.network is not None
        if is_dense or not self.run.has_keras or not _is_jax():
            return None
        from mnistry.training import startup

        startup.import_keras()
        from mnistry.explain import any_network

        found = self.explanation
        return any_network.saliency(self.run.model(), found.image, found.answer)


def _is_jax() -> bool:
    """Return whether Keras is installed, and computes with JAX."""
    is_installed = importlib.util.find_spec("keras") is not None
    return is_installed and os.environ.get("KERAS_BACKEND", "jax") == "jax"
