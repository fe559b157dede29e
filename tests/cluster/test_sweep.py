import csv
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnistry.cluster import sweep
from mnistry.cluster.sweep import Trial
from mnistry.errors import UsageError
from mnistry.recipes import Recipe
from mnistry.runs import Run, find_all

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's and pandas' own
RECIPE = Recipe(units=8, epochs=4, validation=0.2)
SETTINGS = [{"learning_rate": rate} for rate in (0.01, 0.003, 1e-6)]

DRIVER = """
import sys, warnings
from pathlib import Path
from mnistry.cluster import connection, sweep
from mnistry.recipes import Recipe
warnings.simplefilter("ignore")
settings = [{"learning_rate": rate} for rate in (0.01, 0.003, 1e-6)]
trials = sweep.make_trials(Recipe(units=8, epochs=4, validation=0.2), settings, 2)
with connection.connected("local", cores=2):
    sweep.run(trials, "sample", Path(sys.argv[1]))
"""


def trials() -> list[Trial]:
    return sweep.make_trials(RECIPE, SETTINGS, seeds=2)


def test_a_sweep_without_images_set_aside_or_seeds_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing is set aside"):
        sweep.make_trials(Recipe(), SETTINGS, 1)
    with pytest.raises(UsageError, match="0 seeds"):
        sweep.make_trials(RECIPE, SETTINGS, 0)


def test_trials_are_ordinary_runs_and_the_best_are_found(cluster, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    results = sweep.run(trials(), "sample", tmp_path / "out", on_progress=lambda *n: seen.append(n))
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

    with pytest.raises(UsageError, match="another sweep"):
        sweep.run(trials()[:2], "sample", tmp_path / "out")


def test_a_training_that_diverges_is_a_result_and_is_not_tried_again(
    cluster, tmp_path: Path
) -> None:
    settings = [{"optimizer": "sgd", "learning_rate": rate} for rate in (1e30, 0.1)]
    planned = sweep.make_trials(RECIPE, settings, 1)
    for _ in range(2):
        results = sweep.run(planned, "sample", tmp_path / "out")
        assert [(one.trial.name, one.end) for one in results] == [
            ("1-s0", "done"),
            ("0-s0", "diverged"),
        ]
        assert results[1].accuracy == 0
    assert Run.open(tmp_path / "out" / "runs" / "0-s0").status == "diverged"


def test_a_sweep_of_other_data_is_another_sweep(tmp_path: Path) -> None:
    sweep._check_plan(tmp_path, trials(), "mnist", {"train_images": "a"})
    sweep._check_plan(tmp_path, trials(), "mnist", {"train_images": "a"})
    with pytest.raises(UsageError, match="holds another sweep"):
        sweep._check_plan(tmp_path, trials(), "mnist", {"train_images": "b"})


def test_a_worker_lets_go_of_programs_after_so_many_trainings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import jax

    monkeypatch.setattr(sweep, "_started", itertools.count(1))
    monkeypatch.setattr(sweep, "_REMEMBERED", 3)
    compiled: list[int] = []

    @jax.jit
    def double(number: float) -> float:
        compiled.append(1)
        return 2 * number

    for _ in range(7):
        sweep._forget_programs()
        double(1.0)
    assert len(compiled) == 3


def test_a_sweep_whose_driver_was_killed_goes_on_and_trains_nothing_twice(
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
    results = sweep.run(trials(), "sample", out)
    assert len(results) == 6
    assert before
    assert {path: path.stat().st_mtime_ns for path in before} == before
