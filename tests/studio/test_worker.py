import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import mnistry
from mnistry.datasets import Origin
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.studio import worker
from mnistry.training.history import Epoch, Progress


@pytest.mark.slow
def test_a_worker_whose_studio_has_ended_stops_and_keeps_its_run(tmp_path: Path) -> None:
    experiment = Experiment(Recipe(units=8, epochs=1000), Origin("sample"))
    path = str(tmp_path / "run")
    task = {"task": worker.TRAIN, "path": path, "experiment": experiment.to_json()}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mnistry.studio.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["event"] == "progress"
    process.stdin.close()  # as the system does when the studio is killed
    process.stdout.close()
    assert process.wait(60) == worker.INTERRUPTED
    assert mnistry.Run.open(tmp_path / "run").status == "interrupted"


def moment(step: int, finished: Epoch | None = None) -> Progress:
    return Progress(1, 2, step, 1000, 0.5, 0.9, finished)


def test_after_the_first_steps_reports_are_limited_but_not_the_end_of_an_epoch(monkeypatch) -> None:
    clock = iter([100.0, 100.01, 100.2, 100.25, 100.4, 100.41])
    monkeypatch.setattr(worker.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    report = worker.Reporter(stream)
    for step in (1, 2, 201, 251, 401):
        report(moment(step))
    report(moment(1000, Epoch(0.5, 0.9, None, None, 1.5)))
    reports = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["event"], one["data"].get("step")) for one in reports] == [
        ("progress", 1), ("progress", 2), ("progress", 201), ("progress", 401), ("progress", 1000),
        ("epoch", None),
    ]  # fmt: skip
    # 200 steps took 0.2 s, and 1,799 are left.
    assert round(reports[2]["data"]["seconds_left"], 6) == 1.799
    assert reports[5]["data"]["seconds"] == 1.5
