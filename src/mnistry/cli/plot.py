"""``mnistry plot``: the figures of a run, into its folder ``figures``."""

from mnistry.cli import common


def plot(run_path: common.RunPath) -> None:
    """Draw curves, ledger, confusion matrix, mistakes, calibration and weights into RUN/figures."""
    from mnistry.display import figures
    from mnistry.runs.directory import Run

    run = Run.open(run_path)
    dataset = common.load_own_data(run)
    for path in figures.draw(run, dataset):
        common.stdout().print(str(path), soft_wrap=True)
    common.finish(dataset)
