import contextlib
import csv
import dataclasses
import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnistry import datasets
from mnistry.cluster import sweep, trial
from mnistry.cluster.trial import Trial
from mnistry.datasets import Origin
from mnistry.datasets.dataset import Split
from mnistry.errors import ResourceError, UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.runs.directory import Run, find_all
from mnistry.training import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of Ray and pandas
RECIPE = Recipe(units=8, epochs=4, validation=0.2)
EXPERIMENT = Experiment(RECIPE, Origin("sample"))
SAMPLE = datasets.load("sample")
DIGESTS = dataclasses.replace(SAMPLE, test=None).digests
SETTINGS = [{"learning_rate": rate} for rate in (0.01, 0.003, 1e-6)]

DRIVER = """
import sys, warnings
from pathlib import Path
from mnistry import datasets
from mnistry.cluster import connection, sweep
from mnistry.datasets import Origin
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
warnings.simplefilter("ignore")
settings = [{"learning_rate": rate} for rate in (0.01, 0.003, 1e-6)]
trials = sweep.make_trials(
    Experiment(Recipe(units=8, epochs=4, validation=0.2), Origin("sample")), settings, 2
)
with connection.connected("local", cores=2):
    sweep.run(trials, datasets.load("sample"), Path(sys.argv[1]))
"""


def trials() -> list[Trial]:
    return sweep.make_trials(EXPERIMENT, SETTINGS, seeds=2)


def test_a_sweep_without_held_out_images_or_seeds_is_refused() -> None:
    with pytest.raises(UsageError, match="a sweep needs held-out images"):
        sweep.make_trials(Experiment(Recipe(), Origin("sample")), SETTINGS, 1)
    with pytest.raises(UsageError, match="0 seeds"):
        sweep.make_trials(EXPERIMENT, SETTINGS, 0)


def test_trials_are_ordinary_runs_and_the_best_are_found(cluster, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    outcome = sweep.run(trials(), SAMPLE, tmp_path / "out", on_progress=lambda *n: seen.append(n))
    assert not outcome.failures
    results = outcome.results
    assert len(results) == 6
    assert seen[-1] == (6, 6)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    groups = sweep.by_settings(results)
    assert [settings["learning_rate"] for settings, _ in groups] == [0.01, 0.003, 1e-6]
    assert [len(group) for _, group in groups] == [2, 2, 2]
    assert {result.end for result in groups[-1][1]} == {"stopped"}

    runs, broken = find_all(tmp_path / "out" / "runs")
    assert not broken
    assert len(runs) == 6
    assert {run.data.test for run in runs} == {None}  # none has seen a test image
    best = results[0]
    assert (best.epochs, best.end) == (4, "done")
    run = Run.open(tmp_path / "out" / "runs" / best.trial.name)
    assert run.status == "done"
    assert run.recipe.learning_rate == best.trial.settings["learning_rate"]
    assert run.epochs()[-1].val_accuracy == pytest.approx(best.accuracy)
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [f"runs/{result.trial.name}" for result in results]

    # Started again, the sweep is already done: no run changes.
    before = file_times(tmp_path / "out")
    again = sweep.run(trials(), SAMPLE, tmp_path / "out")
    assert again == outcome
    assert file_times(tmp_path / "out").keys() == before.keys()
    assert changed(before, file_times(tmp_path / "out")) <= {"ended.jsonl", "results.csv"}
    with pytest.raises(UsageError, match="holds a sweep with other trials"):
        sweep.run(trials()[:2], SAMPLE, tmp_path / "out")


def file_times(folder: Path) -> dict[str, int]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name, time_ in after.items() if before.get(name) != time_}


@pytest.mark.long
@pytest.mark.parametrize("epochs", [1, 4])
def test_a_training_that_reaches_its_last_epoch_is_done_and_not_stopped(
    cluster, tmp_path: Path, epochs: int
) -> None:
    # ASHA stops trials that fall behind after 1, 4, 16, … epochs: here after the last epoch too.
    # The worse trials come last, so it would stop them.
    recipe = dataclasses.replace(RECIPE, epochs=epochs)
    planned = sweep.make_trials(Experiment(recipe, Origin("sample")), SETTINGS[:2], 2)
    results = sweep.run(planned, SAMPLE, tmp_path / "out").results
    ends = {result.end for result in results if result.epochs == epochs}
    assert ends == {"done"}
    for result in results:
        run = Run.open(tmp_path / "out" / "runs" / result.trial.name)
        assert (run.status == "done") == (result.epochs == epochs)


@pytest.mark.long
def test_a_stopped_training_can_be_resumed(cluster, tmp_path: Path) -> None:
    results = sweep.run(trials(), SAMPLE, tmp_path / "out").results
    stopped = [one for one in results if one.end == "stopped"]
    assert stopped
    for one in stopped:
        run = Run.open(tmp_path / "out" / "runs" / one.trial.name)
        assert run.status == "interrupted"
        state, _ = checkpoints.newest(run.checkpoint_folder)
        assert state is not None
        assert len(state.epochs) == one.epochs
    assert experiment.resume(run, SAMPLE).status == "done"


@pytest.mark.long
def test_a_diverged_training_is_a_result_with_accuracy_0(cluster, tmp_path: Path) -> None:
    settings = [{"optimizer": "sgd", "learning_rate": rate} for rate in (1e30, 0.1)]
    planned = sweep.make_trials(EXPERIMENT, settings, 1)
    results = sweep.run(planned, SAMPLE, tmp_path / "out").results
    assert [(one.trial.name, one.end) for one in results] == [
        ("1-s0", "done"),
        ("0-s0", "diverged"),
    ]
    assert results[1].accuracy == 0
    assert Run.open(tmp_path / "out" / "runs" / "0-s0").status == "diverged"


@pytest.mark.long
def test_a_failed_trial_is_reported_and_retried_by_the_same_command(
    cluster, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    sweep._check_plan(out, trials(), DIGESTS)
    (out / "runs" / "0-s0").mkdir(parents=True)
    (out / "runs" / "0-s0" / "notes.md").write_text("mine")
    outcome = sweep.run(trials(), SAMPLE, out)
    assert len(outcome.results) == 5
    ((name, why),) = outcome.failures.items()
    assert name == "0-s0"
    assert "exists already" in why
    shutil.rmtree(out / "runs" / "0-s0")
    outcome = sweep.run(trials(), SAMPLE, out)
    assert (len(outcome.results), outcome.failures) == (6, {})


@pytest.mark.long
def test_a_worker_with_other_data_ends_the_sweep_and_nothing_is_trained(
    cluster, tmp_path: Path
) -> None:
    other = dataclasses.replace(
        SAMPLE, train=Split(SAMPLE.train.images[1:], SAMPLE.train.labels[1:])
    )
    with pytest.raises(ResourceError, match="a worker has different data"):
        sweep.run(trials(), other, tmp_path / "out")
    assert not list(tmp_path.glob("out/runs/*"))


def test_settings_that_cannot_be_trained_are_refused_before_anything_is_started() -> None:
    for settings, said in (
        ({"optimizer": "adma"}, "optimizer 'adma'"),
        ({"optimizer": "adam", "momentum": 0.9}, "with momentum"),
        ({"network": "convnet", "units": 64}, "no units"),
        ({"batch_size": 99_999}, "batch size 99,999"),
    ):
        planned = sweep.make_trials(EXPERIMENT, [{"learning_rate": 0.1}, settings], 1)
        with pytest.raises(UsageError, match=said):
            sweep.check(planned, SAMPLE)
    sweep.check(trials(), SAMPLE)


def test_a_folder_with_a_sweep_of_other_data_or_a_damaged_plan_is_refused(tmp_path: Path) -> None:
    sweep._check_plan(tmp_path, trials(), DIGESTS)
    sweep._check_plan(tmp_path, trials(), DIGESTS)
    with pytest.raises(UsageError, match="holds a sweep with other digests; "):
        sweep._check_plan(tmp_path, trials(), {"x_train": "b"})
    (tmp_path / "sweep.json").write_text("[]")
    with pytest.raises(UsageError, match="cannot be read"):
        sweep._check_plan(tmp_path, trials(), DIGESTS)


def test_an_incomplete_line_is_not_a_result_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ended.jsonl"
    results = sweep._Results(path, trials(), None)
    results.add("0-s0", {"epoch": 2, "val_accuracy": 0.5, "end": None})
    results.add("1-s0", {"epoch": 4, "val_accuracy": 0.75, "end": "done"})
    path.write_bytes(path.read_bytes()[:-9])
    results = sweep._Results(path, trials(), None)
    assert [(one.trial.name, one.end) for one in results.by_name.values()] == [("0-s0", "stopped")]
    results.add("2-s1", {"epoch": 4, "val_accuracy": 0.25, "end": "done"})
    again = sweep._Results(path, trials(), None)
    assert list(again.by_name) == ["0-s0", "2-s1"]
    assert [trial.name for trial in again.left] == ["0-s1", "1-s0", "1-s1", "2-s0"]
    damaged = path.read_bytes().replace(b"0.5", b"0.5x")
    path.write_bytes(damaged)
    with pytest.raises(UsageError, match=r"ended\.jsonl: cannot be read"):
        sweep._Results(path, trials(), None)
    assert path.read_bytes() == damaged


@pytest.mark.long
def test_a_result_that_cannot_be_written_ends_the_sweep(
    cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sweep._Results, "note", full)
    with pytest.raises(OSError, match="No space left"):
        sweep.run(trials()[:2], SAMPLE, tmp_path / "out")
    assert (tmp_path / "out" / "ended.jsonl").read_text() == ""


@pytest.mark.long
def test_workers_that_see_another_folder_end_the_sweep(
    cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = contextlib.nullcontext(tmp_path / "elsewhere" / "mark")
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(sweep.shared_folder, "marked", lambda folder: elsewhere)
    with pytest.raises(ResourceError, match="a worker does not see this folder; expected a"):
        sweep.run(trials(), SAMPLE, tmp_path / "out")
    assert not list(tmp_path.glob("out/runs/*"))


def test_a_worker_forgets_compiled_programs_after_every_few_trainings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import jax

    monkeypatch.setattr(trial, "_started", itertools.count(1))
    monkeypatch.setattr(trial, "_REMEMBERED", 3)
    compiled: list[int] = []

    @jax.jit
    def double(number: float) -> float:
        compiled.append(1)
        return 2 * number

    for _ in range(7):
        trial._forget_programs()
        double(1.0)
    assert len(compiled) == 3  # in trainings 1, 3 and 6: every third one begins by forgetting


@pytest.mark.long
def test_a_sweep_whose_driver_was_killed_continues_and_trains_nothing_twice(
    cluster, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(out)], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as driver:  # fmt: skip
        deadline = time.monotonic() + 120
        while not list(out.glob("runs/*/scorecard.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(driver.pid, signal.SIGKILL)
    time.sleep(2)  # Ray ends the workers of a driver that is gone
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/model.onnx")}
    ended = (out / "ended.jsonl").read_text().splitlines()
    outcome = sweep.run(trials(), SAMPLE, out)
    assert (len(outcome.results), outcome.failures) == (6, {})
    assert before
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "ended.jsonl").read_text().splitlines()[: len(ended)] == ended


@pytest.mark.long
def test_a_worker_and_a_node_die_and_every_training_has_its_result(cluster, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=60)
    planned = sweep.make_trials(Experiment(recipe, Origin("sample")), SETTINGS[:2], 3)
    killed: list[int] = []

    def kill(done: int, of: int) -> None:
        if not killed:
            killed.append(worker())
            os.kill(killed[0], signal.SIGKILL)
        elif done == 3:
            cluster.add_node(num_cpus=1)
            cluster.remove_node(cluster.other, False)

    outcome = sweep.run(planned, SAMPLE, tmp_path / "out", on_progress=kill)
    assert killed
    assert (len(outcome.results), outcome.failures) == (6, {})
    runs, broken = find_all(tmp_path / "out" / "runs")
    assert (len(runs), broken) == (6, [])


def worker() -> int:
    """Return the id of a process that trains; between two trainings there is none, so wait."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if b"ray::" in path.read_bytes() and b"train" in path.read_bytes():
                    return int(path.parent.name)
        time.sleep(0.01)
    raise AssertionError("no training runs")
