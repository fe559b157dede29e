"""Train with many settings on a Ray cluster, and see which do best on images that were set aside.

Ray Tune starts the trainings and stops those that fall behind (ASHA: L. Li and others, A System
for Massively Parallel Hyperparameter Tuning, 2020). Each is an ordinary run directory; none of them
sees the test split.
"""

import dataclasses
import functools
import itertools
import json
import shutil
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistry import __version__, files
from mnistry.cluster.connection import import_ray
from mnistry.errors import DivergedError, ResourceError, UsageError
from mnistry.recipes import Recipe
from mnistry.runs import found_again

if TYPE_CHECKING:
    from mnistry.datasets.dataset import Dataset

_PLAN, _TUNE, _RUNS, _RESULTS = "sweep.json", ".tune", "runs", "results.csv"
_TRIES = 3  # of a trial whose worker dies
_SCORE = "val_accuracy"
_REMEMBERED = 20  # trainings of a worker whose programs stay in memory, 10 MB or so a network
_started = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes
    ----------
    name
        Its run's directory, below ``runs``.
    settings
        What was varied.
    recipe
        All that it is trained by, as JSON has it.
    seed
        Decides weights, order, and which images are set aside.
    """

    name: str
    settings: Mapping[str, Any]
    recipe: Mapping[str, Any]
    seed: int


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a trial.

    Attributes
    ----------
    trial
        Which.
    epochs
        How many it was trained for.
    accuracy
        Of the last of them, on the images that were set aside; 0 if it diverged.
    end
        ``"done"``, ``"stopped"`` where it fell behind, or ``"diverged"``.
    """

    trial: Trial
    epochs: int
    accuracy: float
    end: str


def make_trials(recipe: Recipe, settings: Sequence[Mapping[str, Any]], seeds: int) -> list[Trial]:
    """Give each of some settings a trial with each of so many seeds.

    Raises
    ------
    UsageError
        If a recipe cannot be trained, or sets nothing aside.
    """
    if not recipe.validation:
        raise UsageError("nothing is set aside to judge by", remedy="--validation 0.1")
    if seeds < 1:
        raise UsageError(f"{seeds} seeds", expected="at least 1")
    recipes = [dataclasses.replace(recipe, name="custom", **one) for one in settings]
    width = len(str(len(settings) - 1))
    return [
        Trial(
            f"{number:0{width}}-s{seed}",
            dict(one),
            json.loads(json.dumps(dataclasses.asdict(made))),
            seed,
        )
        for number, (one, made) in enumerate(zip(settings, recipes, strict=True))
        for seed in range(seeds)
    ]


def run(
    trials: Sequence[Trial],
    data: str | None,
    out: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Train by the Ray cluster to which this process is connected; or go on with what is in `out`.

    Parameters
    ----------
    trials
        From `make_trials`.
    data
        As `mnistry.load` takes it; every worker must find the same.
    out
        A folder for the runs, which every worker must find too.
    on_progress
        Called with how many trials have ended, and how many there are.

    Returns
    -------
    list of Result
        The best first. A trial whose worker failed each time is not among them: given again, the
        sweep tries it again.

    Raises
    ------
    UsageError
        If `out` holds another sweep, or something else.
    MnistryError
        If no trial could be trained.
    """
    import_ray()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    dataset = _load(data)
    data = dataset.name if data is None else found_again(data)  # workers may be anywhere
    out.mkdir(parents=True, exist_ok=True)
    with files.lock(out / ".lock", what="another sweep writes there"):
        _check_plan(out, trials, data, dataset.digests)
        epochs = max(trial.recipe["epochs"] for trial in trials)
        space = {
            "trial": tune.grid_search([dataclasses.asdict(trial) for trial in trials]),
            "data": data,
            "digests": dict(dataset.digests),
            "version": __version__,
            "out": str(out.resolve()),
        }
        # What Ray noted of an earlier time is not needed: the runs themselves say how far they are.
        shutil.rmtree(out / _TUNE, ignore_errors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grid = tune.Tuner(
                tune.with_resources(_train, {"cpu": 1}),
                param_space=space,
                tune_config=tune.TuneConfig(
                    metric=_SCORE,
                    mode="max",
                    # One epoch more, for it would cut off the end of those that come to it.
                    scheduler=ASHAScheduler(
                        time_attr="epoch", max_t=epochs + 1, grace_period=max(1, epochs // 5)
                    ),
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    name=_TUNE,
                    storage_path=str(out.resolve()),
                    verbose=0,
                    callbacks=[] if on_progress is None else [_watch(on_progress, len(trials))],
                    failure_config=tune.FailureConfig(max_failures=_TRIES - 1),
                ),
            ).fit()
    results = _results(grid)
    if not results:
        raise ResourceError(f"no trial could be trained: {grid.errors[0]}", where=out)
    _write_table(out, results)
    return results


def by_settings(results: Sequence[Result]) -> list[tuple[Mapping[str, Any], list[Result]]]:
    """Put the trials together that differ in nothing but their seed, the best on average first."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(json.dumps(result.trial.settings), []).append(result)
    ordered = sorted(groups.values(), key=_mean, reverse=True)
    return [(group[0].trial.settings, group) for group in ordered]


def _mean(group: Sequence[Result]) -> float:
    return statistics.mean(result.accuracy for result in group)


def _check_plan(out: Path, trials: Sequence[Trial], data: str, digests: Mapping[str, str]) -> None:
    """Write the plan down, or compare it with the one that was."""
    plan = {
        "data": data,
        "digests": dict(digests),
        "trials": [dataclasses.asdict(trial) for trial in trials],
    }
    path = out / _PLAN
    if not path.exists():
        if any(not entry.name.startswith(".") for entry in out.iterdir()):
            raise UsageError("has other files in it", where=out, remedy="choose another -o")
        files.write_json(path, plan)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}", where=path) from error
    if before != json.loads(json.dumps(plan)):
        raise UsageError("holds another sweep", where=out, remedy="choose another -o")


def _watch(on_progress: Callable[[int, int], None], count: int) -> Any:
    from ray import tune

    class Watch(tune.Callback):  # type: ignore[misc]
        """Counts the trials that have ended."""

        show: Callable[[int, int], None] | None = None
        count = 0
        ended: set[str]

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Ray keeps a copy that is not needed; of a terminal there is none

        def on_trial_complete(self, trial: Any, **_: Any) -> None:
            self.ended.add(trial.trial_id)
            if self.show is not None:
                self.show(len(self.ended), self.count)

    watch = Watch()
    watch.show, watch.count, watch.ended = on_progress, count, set()
    return watch


def _results(grid: Any) -> list[Result]:
    found = []
    for one in grid:
        if one.metrics and _SCORE in one.metrics:
            trial = Trial(**one.config["trial"])
            epochs, end = int(one.metrics["epoch"]), one.metrics["end"] or "stopped"
            found.append(Result(trial, epochs, float(one.metrics[_SCORE]), end))
    return sorted(found, key=lambda result: result.accuracy, reverse=True)


def _write_table(out: Path, results: Sequence[Result]) -> None:
    names = list(results[0].trial.settings)
    lines: list[list[Any]] = [[*names, "seed", "epochs", "end", _SCORE, "run"]]
    for result in results:
        settings = [result.trial.settings[name] for name in names]
        run = f"{_RUNS}/{result.trial.name}"
        lines.append(
            [*settings, result.trial.seed, result.epochs, result.end, result.accuracy, run]
        )
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    files.write_bytes(out / _RESULTS, text.encode())


def _train(config: dict[str, Any]) -> None:
    """Train one trial in a worker, or go on with it, and report every epoch."""
    from ray import tune

    from mnistry import parallel, startup

    # Many small trainings side by side are quicker than one after the other on all cores.
    parallel.use_cores(1)
    with startup.compiled_programs():
        startup.import_keras()
        _forget_programs()
        from mnistry import checkpoints, experiment
        from mnistry.runs import Run

        trial = Trial(**config["trial"])
        path = Path(config["out"], _RUNS, trial.name)

        def report(number: int, accuracy: float | None, end: str | None = None) -> None:
            tune.report({"epoch": number, _SCORE: accuracy, "end": end})

        def on_progress(progress: Any) -> None:
            if progress.finished is not None:
                report(progress.epoch, progress.finished.val_accuracy)

        def go_on(run: Run) -> None:
            state, _ = checkpoints.newest(run.checkpoint_folder)
            done = run.epochs() if run.status == "done" else () if state is None else state.epochs
            for number, epoch in enumerate(done, 1):
                report(number, epoch.val_accuracy)
            if run.status not in ("done", "diverged"):
                experiment.resume(run, dataset, on_progress=on_progress)

        dataset = _load(config["data"])
        if (__version__, dict(dataset.digests)) != (config["version"], config["digests"]):
            raise ResourceError("this worker has another mnistry, or other data", where=path)
        try:
            if (path / "run.json").exists():
                go_on(Run.open(path))
            else:
                path.parent.mkdir(exist_ok=True)
                experiment.perform(
                    Recipe.from_json(dict(trial.recipe)), dataset, seed=trial.seed, path=path,
                    given=config["data"], on_progress=on_progress,
                )  # fmt: skip
        except DivergedError:
            pass
        run = Run.open(path)
        if run.status == "diverged":
            report(0, 0.0, "diverged")
        else:
            epochs = run.epochs()
            report(len(epochs), epochs[-1].val_accuracy, "done")


def _forget_programs() -> None:
    """Every so many trainings, let go of what JAX compiled: it would keep all of it for ever."""
    if next(_started) % _REMEMBERED == 0:
        import jax

        jax.clear_caches()


@functools.lru_cache(maxsize=1)
def _load(data: str | None) -> "Dataset":
    """Load the data once a process, without its test split."""
    from mnistry import datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dataclasses.replace(datasets.load(data), test=None)
