"""Train with many settings, and rank them by accuracy on held-out images.

Networks of one shape are trained in one program on this machine; others on a Ray cluster, where Ray
Tune starts the trainings. Those that fall behind are stopped (ASHA: L. Li and others, A System for
Massively Parallel Hyperparameter Tuning, 2020). Each training is an ordinary run, and never
receives the test split. Its result is recorded as soon as it ends, so a sweep that is started again
trains only the remaining trials.
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import statistics
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnistry.cluster import shared_folder
from mnistry.cluster import trial as work
from mnistry.cluster.connection import import_ray, last_line
from mnistry.cluster.trial import Place, Trial
from mnistry.datasets.dataset import Dataset
from mnistry.errors import MnistryError, ResourceError, UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment, share_a_program
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.system import cores, files

_PLAN, _ENDED, _RUNS, RESULTS = "sweep.json", "ended.jsonl", "runs", "results.csv"
_RATES = ("learning_rate", "momentum")
_REDUCTION = 4  # ASHA's reduction factor: of so many trainings, one goes on
_TOGETHER = 40  # trainings in one program, at most
_TRIES = 3  # for a trial whose worker dies
_SECONDS_TO_RELEASE = 30.0  # seconds for a stopped worker to release its run


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a trial.

    Attributes
    ----------
    trial
        The trial.
    epochs
        Number of epochs that it was trained for.
    accuracy
        Accuracy on the held-out images after the last of them; 0 if it diverged.
    end
        ``"done"``, ``"stopped"`` if it fell behind, or ``"diverged"``.
    """

    trial: Trial
    epochs: int
    accuracy: float
    end: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a sweep.

    Attributes
    ----------
    results
        The results, the best first.
    failures
        Why the other trials failed, by name. The same sweep, started again, retries them.
    """

    results: tuple[Result, ...]
    failures: Mapping[str, str]


def make_trials(
    experiment: Experiment, settings: Sequence[Mapping[str, Any]], seeds: int
) -> list[Trial]:
    """Make a trial for each combination of settings and seed.

    `experiment` has the settings that do not vary, and the first of the `seeds` seeds; each of
    `settings` has the values of the recipe's fields that vary.

    Raises
    ------
    UsageError
        If a setting is out of its range, or no images are held out.
    """
    if not experiment.recipe.validation:
        raise UsageError(
            "a sweep needs held-out images to rank trials", remedy="give --validation 0.1"
        )
    if seeds < 1:
        raise UsageError(f"{seeds} seeds", expected="at least 1")
    recipes = [dataclasses.replace(experiment.recipe, name="custom", **one) for one in settings]
    width = len(str(len(settings) - 1))
    return [
        Trial(
            f"{number:0{width}}-s{seed}",
            dict(one),
            dataclasses.replace(experiment, recipe=made, seed=seed),
        )
        for number, (one, made) in enumerate(zip(settings, recipes, strict=True))
        for seed in range(experiment.seed, experiment.seed + seeds)
    ]


def check(trials: Sequence[Trial], dataset: Dataset) -> None:
    """Raise any error that one of the trainings would raise before it starts."""
    kinds = {}
    for trial in trials:
        # The ranges of the rates are checked already, so one trial with a rate is enough.
        recipe = dataclasses.asdict(trial.experiment.recipe)
        are_default = [recipe.pop(name) is None for name in _RATES]
        kinds[json.dumps([are_default, recipe])] = trial.experiment
    from mnistry.runs import experiment

    for one in kinds.values():
        experiment.check(one, dataset)


def can_run_here(trials: Sequence[Trial]) -> bool:
    """Return whether this process alone trains all trials at least as quickly as a cluster here.

    That is so if enough networks have the same shape to keep all cores busy.
    """
    return all(
        len(group) >= cores.cores() and share_a_program([trial.experiment for trial in group])
        for group in _groups(trials)
    )


def is_finished(trials: Sequence[Trial], out: Path) -> bool:
    """Return whether the sweep in a folder has the result of each trial, so that none is left."""
    by_name = {trial.name: trial for trial in trials}
    with contextlib.suppress(UsageError):  # `run` refuses what cannot be read
        return len({result.trial.name for result in _read(out / _ENDED, by_name)}) == len(by_name)
    return False


def _groups(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Group trials that differ only in their learning rate."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        alike = dataclasses.replace(trial.experiment.recipe, learning_rate=None)
        key = json.dumps([dataclasses.asdict(alike), trial.experiment.seed])
        groups.setdefault(key, []).append(trial)
    return list(groups.values())


def run(
    trials: Sequence[Trial],
    dataset: Dataset,
    out: Path,
    *,
    here: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Train all trials, or continue the sweep in `out`.

    Parameters
    ----------
    trials
        From `make_trials`.
    dataset
        The data, loaded from the trials' origin, which every worker must find too. Its test split
        is not used.
    out
        A folder for the runs, which every worker must find.
    here
        Whether to train in this process, for which `can_run_here` or `is_finished` must hold,
        instead of on the Ray cluster to which it is connected.
    on_progress
        Called with the number of trials that have ended, and the total number.

    Raises
    ------
    UsageError
        If `out` holds another sweep, or other files.
    ResourceError
        If no trial could be trained, a worker has different data or another version of mnistry, or
        another sweep writes to `out`. Finished trials are kept.
    """
    digests = dict(dataclasses.replace(dataset, test=None).digests)
    with (
        shared_folder.marked(out) as mark,
        files.lock(out / ".lock", what="another sweep writes there"),
    ):
        folder = out.resolve() / _RUNS
        place = Place(str(folder), str(mark), digests)
        _check_plan(out, trials, digests)
        folder.mkdir(exist_ok=True)
        results = _Results(out / _ENDED, trials, on_progress)
        try:
            if results.left and here:
                _train_here(results, dataclasses.replace(dataset, test=None), folder)
            elif results.left:
                _tune(results, place)
        except BaseException:
            if not here:
                import_ray().shutdown()  # ends the workers
            with contextlib.suppress(OSError):  # only the first error is raised
                results.write_table(out)
            raise
        finally:
            for trial in trials:
                failed = trial.name in results.failures
                status = Status.FAILED if failed else Status.INTERRUPTED
                with contextlib.suppress(MnistryError, OSError):
                    directory.note_end(folder / trial.name, status, wait=_SECONDS_TO_RELEASE)
        for trial in results.left:
            results.failures.setdefault(trial.name, "it was not started: a worker was lost")
        if not results.by_name:
            raise ResourceError(f"no trial could be trained: {results.failure()}", where=out)
        return Outcome(results.write_table(out), results.failures)


def by_settings(results: Sequence[Result]) -> list[tuple[Mapping[str, Any], list[Result]]]:
    """Group trials that differ only in their seed, the best mean accuracy first."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(json.dumps(result.trial.settings), []).append(result)
    ordered = sorted(
        groups.values(),
        key=lambda group: statistics.mean(result.accuracy for result in group),
        reverse=True,
    )
    return [(group[0].trial.settings, group) for group in ordered]


def _check_plan(out: Path, trials: Sequence[Trial], digests: Mapping[str, str]) -> None:
    """Write the plan of a new sweep, or check that it equals the plan of the sweep in `out`."""
    planned = [
        {
            "name": trial.name,
            "settings": trial.settings,
            "recipe": dataclasses.asdict(trial.experiment.recipe),
            "seed": trial.experiment.seed,
        }
        for trial in trials
    ]
    origin = trials[0].experiment.origin.to_json()  # the same for all trials
    plan = {**origin, "digests": digests, "trials": planned}
    path = out / _PLAN
    if not path.exists():
        if any(not entry.name.startswith(".") for entry in out.iterdir()):
            raise UsageError("it has other files in it", where=out, remedy="choose another -o")
        files.write_json(path, plan)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        for trial in before["trials"]:  # an older version may have other field names
            trial["recipe"] = dataclasses.asdict(Recipe.from_json(trial["recipe"]))
        differing = [name for name in plan if before[name] != json.loads(json.dumps(plan[name]))]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}", where=path) from error
    if differing:
        what = f"it holds a sweep with other {' and '.join(differing)}"
        raise UsageError(what, where=out, remedy="choose another -o")


class _Results:
    """The results of trials, in memory and in a file with one line per trial."""

    def __init__(
        self, path: Path, trials: Sequence[Trial], on_progress: Callable[[int, int], None] | None
    ) -> None:
        self._path, self._trials = path, {trial.name: trial for trial in trials}
        self._on_progress = on_progress
        self.failures: dict[str, str] = {}
        self.fault: Exception | None = None
        self.by_name = {result.trial.name: result for result in _read(path, self._trials)}
        lines = map(self._line, self.by_name.values())
        files.write_bytes(path, "".join(lines).encode())  # without an incomplete last line

    @property
    def left(self) -> list[Trial]:
        """The trials without a result."""
        return [trial for name, trial in self._trials.items() if name not in self.by_name]

    def add(self, name: str, report: Mapping[str, Any]) -> None:
        """Record the last report of a trial that has ended."""
        end = report.get(work.END)
        if end == work.UNFIT:
            self.fault = ResourceError(
                report[work.WHY], remedy="fix it, and repeat the command: finished trials are kept"
            )
        elif end == work.FAILED:
            self.fail(name, report[work.WHY])
        elif work.SCORE in report and self.fault is None:
            result = Result(
                self._trials[name], report[work.EPOCH], report[work.SCORE], end or "stopped"
            )
            with self._path.open("a", encoding="utf-8") as file:
                file.write(self._line(result))
                file.flush()
                os.fsync(file.fileno())
            self.by_name[name] = result
        self._tell()

    def fail(self, name: str, why: str) -> None:
        """Record why a trial failed."""
        self.failures[name] = why
        self._tell()

    def failure(self) -> str:
        """Return one of the reasons why trials failed, and the number of others."""
        reasons = sorted(set(self.failures.values()))
        return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")

    def write_table(self, out: Path) -> tuple[Result, ...]:
        """Write all results as a CSV table, and return them, the best first."""
        results = sorted(self.by_name.values(), key=lambda it: it.accuracy, reverse=True)
        names = list(results[0].trial.settings) if results else []
        lines: list[list[Any]] = [[*names, "seed", "epochs", "end", work.SCORE, "run"]]
        for one in results:
            settings = [one.trial.settings[name] for name in names]
            path = f"{_RUNS}/{one.trial.name}"
            lines.append(
                [*settings, one.trial.experiment.seed, one.epochs, one.end, one.accuracy, path]
            )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        files.write_bytes(out / RESULTS, text.getvalue().encode())
        return tuple(results)

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(len(self.by_name) + len(self.failures), len(self._trials))

    def _line(self, result: Result) -> str:
        value = dataclasses.asdict(result) | {"trial": result.trial.name}
        return json.dumps(value) + "\n"


def _read(path: Path, trials: Mapping[str, Trial]) -> list[Result]:
    """Read the results of trials, which are given by name."""
    if not path.exists():
        return []
    # The part after the last line end is an incomplete line.
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    try:
        values = [json.loads(line) for line in whole.decode().splitlines()]
        return [Result(**one | {"trial": trials[one["trial"]]}) for one in values]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(
            f"cannot be read: {error!r}", where=path, remedy="choose another -o"
        ) from error


def _train_here(results: _Results, dataset: Dataset, folder: Path) -> None:
    """Train the remaining trials in this process, those of one shape in one program."""
    for group in _groups(results.left):
        ladder = _Ladder(group[0].experiment.recipe.epochs)
        new = [trial for trial in group if not Run.exists(folder / trial.name)]
        for trial in group:
            if trial not in new or len(new) == 1:
                _train_alone(results, trial, dataset, folder / trial.name)
        for start in range(0, len(new) if len(new) > 1 else 0, _TOGETHER):
            _train_together(results, new[start : start + _TOGETHER], dataset, folder, ladder)


def _first_rung(epochs: int) -> int:
    """Return the number of epochs after which a training may first be stopped."""
    return max(1, epochs // 5)


class _Ladder:
    """Successive halving: after certain epochs only the best quarter of the trainings goes on."""

    def __init__(self, epochs: int) -> None:
        first = _first_rung(epochs)
        rungs = (first * _REDUCTION**number for number in range(epochs))
        self._scores: dict[int, list[float]] = {r: [] for r in rungs if r < epochs}

    def behind(self, epoch: int, scores: Mapping[int, float]) -> list[int]:
        """Return which of these trainings are to stop, by their accuracies after an epoch."""
        if epoch not in self._scores:
            return []
        self._scores[epoch] += scores.values()
        least = np.percentile(self._scores[epoch], 100 - 100 / _REDUCTION)
        return [number for number, score in scores.items() if score < least]


def _train_together(
    results: _Results, trials: Sequence[Trial], dataset: Dataset, folder: Path, ladder: _Ladder
) -> None:
    """Train new trials of one shape, and record how each ended."""
    from mnistry.runs import experiment

    stopped: dict[int, tuple[int, float]] = {}

    def after_epoch(epoch: int, trainings: Sequence[Any]) -> None:
        scores = {
            number: training.epochs[-1].val_accuracy
            for number, training in enumerate(trainings) if training.is_active
        }  # fmt: skip
        for number in ladder.behind(epoch, scores):
            trainings[number].stop()
            stopped[number] = epoch, scores[number]

    why = ""
    try:
        experiment.run_together(
            [trial.experiment for trial in trials],
            dataset,
            [folder / trial.name for trial in trials],
            after_epoch=after_epoch,
        )
    except Exception as error:
        why = work.reason(error)
    for number, trial in enumerate(trials):
        if number in stopped:
            epoch, score = stopped[number]
            results.add(trial.name, {work.EPOCH: epoch, work.SCORE: score})
        else:
            _add_run(results, trial, folder / trial.name, why)


def _train_alone(results: _Results, trial: Trial, dataset: Dataset, path: Path) -> None:
    """Train a trial, or resume it, and record how it ended."""
    why = ""
    try:
        work.run_or_resume(trial, dataset, path)
    except Exception as error:
        why = work.reason(error)
    _add_run(results, trial, path, why)


def _add_run(results: _Results, trial: Trial, path: Path, why: str) -> None:
    """Record a run that is done or has diverged; `why` says why it is neither."""
    run = Run.open(path) if Run.exists(path) else None
    if run is not None and run.status == Status.DONE:
        epochs = run.epochs()
        report = {work.EPOCH: len(epochs), work.SCORE: epochs[-1].val_accuracy}
        results.add(trial.name, report | {work.END: work.DONE})
    elif run is not None and run.status == Status.DIVERGED:
        results.add(trial.name, {work.EPOCH: 0, work.SCORE: 0.0, work.END: work.DIVERGED})
    else:
        results.fail(trial.name, why)


def _tune(results: _Results, place: Place) -> None:
    """Train the remaining trials with Ray Tune."""
    import_ray("tune")
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    epochs = max(trial.experiment.recipe.epochs for trial in results.left)
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as unused,
    ):
        warnings.simplefilter("ignore")
        tuner = tune.Tuner(
            tune.with_resources(work.train, {"cpu": 1}),
            param_space={"trial": tune.grid_search(results.left), "place": place},
            tune_config=tune.TuneConfig(
                metric=work.SCORE,
                mode="max",
                scheduler=ASHAScheduler(
                    time_attr=work.EPOCH,
                    max_t=epochs,
                    grace_period=_first_rung(epochs),
                    reduction_factor=_REDUCTION,
                ),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=unused,  # for Ray's own records
                verbose=0,
                callbacks=[_callback(results)],
                failure_config=tune.FailureConfig(max_failures=_TRIES - 1),
            ),
        )
        try:
            tuner.fit()
        except tune.TuneError as error:
            failed = ResourceError(f"the sweep failed: {last_line(str(error))}")
            raise results.fault or failed from error


def _callback(results: _Results) -> Any:
    from ray import tune

    class Callback(tune.Callback):  # type: ignore[misc]
        """Records how trials end."""

        def __reduce__(self) -> Any:
            # Ray pickles callbacks with its records, which we do not use: a plain one will do.
            return (tune.Callback, ())

        def on_trial_complete(self, trial: Any, **_: Any) -> None:
            try:
                results.add(trial.config["trial"].name, trial.last_result)
            except Exception as error:  # Tune would retry the trial
                results.fault = error

        def on_trial_error(self, trial: Any, **_: Any) -> None:
            text = Path(trial.error_file).read_text(encoding="utf-8")
            results.fail(trial.config["trial"].name, last_line(text))

        def on_step_end(self, **_: Any) -> None:
            if results.fault is not None:
                raise results.fault

    return Callback()
