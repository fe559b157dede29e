"""``mnistry plot``: draw the figures of a run into its folder ``figures``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mnistry.datasets.dataset import Dataset
    from mnistry.runs.directory import Run


@click.command(cls=Command)
@options.RUN
def plot(run_path: Path) -> None:
    """Draw curves, ledger, confusion matrix, mistakes, calibration and weights into RUN/figures."""
    from mnistry.runs.directory import Run

    run = Run.open(run_path)
    dataset = common.load_own_data(run)
    for path in draw(run, dataset):
        common.stdout().print(str(path), soft_wrap=True)
    common.finish(dataset)


def draw(run: "Run", dataset: "Dataset") -> list[Path]:
    """Draw a run's curves, ledger and weights, and its scores if there are labelled test images.

    An adopted network has no curves and no ledger, and weights only if it is a Keras model.
    Takes a run that is done, and its data; returns the files written, ``RUN/figures/*.png``.
    """
    from mnistry.display import plots
    from mnistry.evaluation.ledger import Ledger
    from mnistry.runs import scoring
    from mnistry.training import history

    figures: dict[str, Figure] = {}
    if run.recipe is not None:
        epochs = run.epochs()
        figures["curves"] = plots.curves(history.curves(epochs), run.recipe.loss)
        figures["ledger"] = plots.ledger(Ledger.of(epochs, run.scores(), run.recipe.loss))
    if dataset.test is not None and dataset.test.labels is not None:
        card = scoring.score_run(run, dataset.test)
        figures["confusion"] = plots.confusion(card)
        figures["mistakes"] = plots.mistakes(card, dataset.test.images)
        figures["reliability"] = plots.reliability(card)
    weights = run.model().get_weights() if run.has_keras else []
    if weights and weights[0].ndim == 2 and len(weights[0]) == 784:
        figures["first_layer"] = plots.first_layer(weights[0])
    folder = run.figure_folder
    folder.mkdir(exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths
