"""Train with many settings on a Ray cluster, and see which do best on images that were set aside.

Ray Tune starts the trainings and stops those that fall behind (ASHA: L. Li and others, A System
for Massively Parallel Hyperparameter Tuning, 2020). Each is an ordinary run directory; none of them
sees the test split. How each ended is written down at once, so that the same sweep, given again,
has only the rest to train.
"""

import contextlib
import dataclasses
import json
import os
import statistics
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistry import experiment, files, runs
from mnistry.cluster import trial as work
from mnistry.cluster.connection import import_ray
from mnistry.cluster.trial import Place, Trial
from mnistry.errors import MnistryError, ResourceError, UsageError
from mnistry.recipes import Recipe

if TYPE_CHECKING:
    from mnistry.datasets.dataset import Dataset

_PLAN, _ENDED, _RUNS, RESULTS = "sweep.json", "ended.jsonl", "runs", "results.csv"
_RATES = ("learning_rate", "momentum")
_TRIES = 3  # of a trial whose worker dies
_PATIENCE = 30.0  # seconds until a worker that is ended has let go of its run


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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a sweep.

    Attributes
    ----------
    results
        The best first.
    failures
        Why others could not be trained, by name: given again, the sweep tries them again.
    """

    results: tuple[Result, ...]
    failures: Mapping[str, str]


def make_trials(recipe: Recipe, settings: Sequence[Mapping[str, Any]], seeds: int) -> list[Trial]:
    """Give each of some settings a trial with each of so many seeds.

    Raises
    ------
    UsageError
        If a setting is out of its range, or nothing is set aside.
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


def check(trials: Sequence[Trial], dataset: "Dataset") -> None:
    """Raise what any of the trainings would refuse to begin with."""
    kinds = {}
    for trial in trials:
        # Any rate is as good as another by now; only whether there is one counts.
        given = [trial.recipe[name] is None for name in _RATES]
        others = {name: value for name, value in trial.recipe.items() if name not in _RATES}
        kinds[json.dumps([given, others])] = trial.recipe
    for recipe in kinds.values():
        experiment.check(Recipe.from_json(dict(recipe)), dataset, 0)


def run(
    trials: Sequence[Trial],
    dataset: "Dataset",
    out: Path,
    *,
    given: str | None = None,
    transpose: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Train by the Ray cluster to which this process is connected; or go on with what is in `out`.

    Parameters
    ----------
    trials
        From `make_trials`.
    dataset
        What to train on; its test split is not looked at.
    out
        A folder for the runs, which every worker must find too.
    given, transpose
        What loaded `dataset`: every worker must come to the same by it.
    on_progress
        Called with how many trials have ended, and how many there are.

    Raises
    ------
    UsageError
        If `out` holds another sweep, or something else.
    ResourceError
        If no trial could be trained, a worker has other data or another mnistry, or another sweep
        writes to `out`. What has ended is kept.
    """
    data = dataset.name if given is None else runs.found_again(given)  # workers may be anywhere
    out.mkdir(parents=True, exist_ok=True)
    digests = dict(dataclasses.replace(dataset, test=None).digests)
    place = Place(str((out / _RUNS).resolve()), data, transpose, digests)
    with files.lock(out / ".lock", what="another sweep writes there"):
        _check_plan(out, trials, place)
        notes = _Notes(out / _ENDED, trials, on_progress)
        try:
            if notes.left:
                _tune(notes, place)
        except BaseException:
            import_ray().shutdown()  # ends the workers
            for trial in notes.left:
                with contextlib.suppress(MnistryError, OSError):
                    runs.note_end(Path(place.runs, trial.name), "interrupted", wait=_PATIENCE)
            raise
        finally:
            results = sorted(notes.results.values(), key=lambda it: it.accuracy, reverse=True)
            if results:
                _write_table(out, results)
    if not results:
        raise ResourceError(
            "no trial could be trained: " + "; ".join(set(notes.failures.values())), where=out
        )
    return Outcome(tuple(results), notes.failures)


def by_settings(results: Sequence[Result]) -> list[tuple[Mapping[str, Any], list[Result]]]:
    """Put the trials together that differ in nothing but their seed, the best on average first."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(json.dumps(result.trial.settings), []).append(result)
    ordered = sorted(groups.values(), key=_mean, reverse=True)
    return [(group[0].trial.settings, group) for group in ordered]


def _mean(group: Sequence[Result]) -> float:
    return statistics.mean(result.accuracy for result in group)


def _check_plan(out: Path, trials: Sequence[Trial], place: Place) -> None:
    """Write the plan down, or compare it with the one that was."""
    plan = {
        "data": place.data,
        "transpose": place.transpose,
        "digests": place.digests,
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
        differing = [name for name in plan if before[name] != json.loads(json.dumps(plan[name]))]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}", where=path) from error
    if differing:
        raise UsageError(
            f"holds a sweep with other {' and '.join(differing)}",
            where=out,
            remedy="choose another -o",
        )


class _Notes:
    """How trials ended, in memory and, a line each, in a file."""

    def __init__(
        self,
        path: Path,
        trials: Sequence[Trial],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._path, self._trials = path, {trial.name: trial for trial in trials}
        self._on_progress = on_progress
        self.failures: dict[str, str] = {}
        self.fault: ResourceError | None = None
        self.results = {result.trial.name: result for result in self._read()}
        lines = map(self._line, self.results.values())
        files.write_bytes(path, "".join(lines).encode())  # without a line that was cut off

    @property
    def left(self) -> list[Trial]:
        """What has no result."""
        return [trial for name, trial in self._trials.items() if name not in self.results]

    def note(self, name: str, report: Mapping[str, Any]) -> None:
        """Take up the last report of a trial that has ended."""
        end = report.get(work.END)
        if end == work.UNFIT:
            self.fault = ResourceError(report[work.WHY], expected="the same everywhere")
        elif end == work.FAILED:
            self.fail(name, report[work.WHY])
        elif work.SCORE in report and self.fault is None:
            result = Result(
                self._trials[name], report[work.EPOCH], report[work.SCORE], end or "stopped"
            )
            self.results[name] = result
            with self._path.open("a", encoding="utf-8") as file:
                file.write(self._line(result))
                file.flush()
                os.fsync(file.fileno())
        self._tell()

    def fail(self, name: str, why: str) -> None:
        """Take up why a trial could not be trained."""
        self.failures[name] = why
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(len(self.results) + len(self.failures), len(self._trials))

    def _line(self, result: Result) -> str:
        value = dataclasses.asdict(result) | {"trial": result.trial.name}
        return json.dumps(value) + "\n"

    def _read(self) -> list[Result]:
        found = []
        with contextlib.suppress(FileNotFoundError, ValueError, LookupError, TypeError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                value = json.loads(line)
                found.append(Result(**value | {"trial": self._trials[value["trial"]]}))
        return found


def _tune(notes: _Notes, place: Place) -> None:
    """Let Ray Tune train what has not ended yet."""
    import_ray()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    epochs = max(trial.recipe["epochs"] for trial in notes.left)
    space = {
        "trial": tune.grid_search([dataclasses.asdict(trial) for trial in notes.left]),
        "place": dataclasses.asdict(place),
    }
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as unused:
        warnings.simplefilter("ignore")
        tuner = tune.Tuner(
            tune.with_resources(work.train, {"cpu": 1}),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric=work.SCORE,
                mode="max",
                scheduler=ASHAScheduler(
                    time_attr=work.EPOCH, max_t=epochs, grace_period=max(1, epochs // 5)
                ),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=unused,  # the runs and our own notes say how far they are
                verbose=0,
                callbacks=[_callback(notes)],
                failure_config=tune.FailureConfig(max_failures=_TRIES - 1),
            ),
        )
        try:
            tuner.fit()
        except Exception:
            if notes.fault is not None:
                raise notes.fault from None
            raise


def _callback(notes: _Notes) -> Any:
    from ray import tune

    class Callback(tune.Callback):  # type: ignore[misc]
        """Notes how trials end."""

        def __reduce__(self) -> Any:
            return (tune.Callback, ())  # Ray keeps a copy, which is not needed

        def on_trial_complete(self, trial: Any, **_: Any) -> None:
            notes.note(trial.config["trial"]["name"], trial.last_result)

        def on_trial_error(self, trial: Any, **_: Any) -> None:
            text = Path(trial.error_file).read_text(encoding="utf-8").strip()
            notes.fail(trial.config["trial"]["name"], text.rpartition("\n")[2].strip())

        def on_step_end(self, **_: Any) -> None:
            if notes.fault is not None:
                raise notes.fault

    return Callback()


def _write_table(out: Path, results: Sequence[Result]) -> None:
    names = list(results[0].trial.settings)
    lines: list[list[Any]] = [[*names, "seed", "epochs", "end", work.SCORE, "run"]]
    for result in results:
        settings = [result.trial.settings[name] for name in names]
        path = f"{_RUNS}/{result.trial.name}"
        lines.append(
            [*settings, result.trial.seed, result.epochs, result.end, result.accuracy, path]
        )
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    files.write_bytes(out / RESULTS, text.encode())
