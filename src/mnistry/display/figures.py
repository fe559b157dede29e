"""All the figures of a run, drawn into its folder ``figures``."""

from pathlib import Path
from typing import TYPE_CHECKING

from mnistry.datasets.dataset import Dataset
from mnistry.display import plots
from mnistry.evaluation.ledger import Ledger
from mnistry.runs import scoring
from mnistry.runs.directory import Run
from mnistry.training import history

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(run: Run, dataset: Dataset) -> list[Path]:
    """Draw a run's curves, ledger and weights, and what it made of test images if there are any.

    Parameters
    ----------
    run
        A run that is done.
    dataset
        The data that it was trained on.

    Returns
    -------
    list of Path
        The files written, ``RUN/figures/*.png``.
    """
    epochs = run.epochs()
    figures: dict[str, Figure] = {
        "curves": plots.curves(history.curves(epochs)),
        "ledger": plots.ledger(Ledger.of(epochs, run.scores(), run.recipe.loss)),
    }
    if dataset.test is not None and dataset.test.labels is not None:
        card = scoring.score_run(run, dataset.test, dataset.classes)
        figures["confusion"] = plots.confusion(card)
        figures["mistakes"] = plots.mistakes(card, dataset.test.images)
        figures["reliability"] = plots.reliability(card)
    weights = run.model().get_weights()
    if weights and weights[0].ndim == 2:
        figures["first_layer"] = plots.first_layer(weights[0])
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths
