"""A sweep of networks of one shape, which are trained in one program without Ray."""

import dataclasses
from pathlib import Path

import pytest

from mnistry import datasets
from mnistry.cluster import sweep
from mnistry.cluster.trial import Trial
from mnistry.datasets import Origin
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.runs.directory import Run, Status
from mnistry.training import together

RECIPE = Recipe(units=8, epochs=3, validation=0.2)
SAMPLE = datasets.load("sample")


@pytest.fixture(autouse=True)
def jax_is_keras_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def trials(*rates: float, **changes) -> list[Trial]:
    recipe = dataclasses.replace(RECIPE, **changes)
    settings = [{"learning_rate": rate} for rate in rates]
    return sweep.make_trials(Experiment(recipe, Origin("sample")), settings, 1)


def test_networks_of_one_shape_are_trained_here_and_others_on_a_cluster() -> None:
    alike = trials(0.01, 0.02, 0.03, 0.04)
    assert sweep.can_run_here(alike)
    assert not sweep.can_run_here([*alike, *trials(0.01, units=16)])
    assert not sweep.can_run_here(trials(0.01, 0.02, 0.03, 0.04, warmup=0.1))


def test_the_best_go_on_and_every_run_is_an_ordinary_one(tmp_path: Path) -> None:
    planned = trials(0.005, 0.0005, 1e-6, 2e-6)
    seen: list[tuple[int, int]] = []
    outcome = sweep.run(
        planned, SAMPLE, tmp_path, here=True, on_progress=lambda *done: seen.append(done)
    )
    ends = {one.trial.settings["learning_rate"]: (one.end, one.epochs) for one in outcome.results}
    assert ends == {
        0.005: ("done", 3), 0.0005: ("stopped", 1), 1e-6: ("stopped", 1), 2e-6: ("stopped", 1)
    }  # fmt: skip
    assert outcome.results[0].trial.settings["learning_rate"] == 0.005
    assert seen[-1] == (4, 4)
    best = Run.open(tmp_path / "runs" / outcome.results[0].trial.name)
    assert best.epochs()[-1].val_accuracy == outcome.results[0].accuracy
    assert best.scores().validation.accuracy == pytest.approx(outcome.results[0].accuracy)
    assert best.scores().test is None
    behind = Run.open(tmp_path / "runs" / planned[2].name)
    assert behind.status == Status.INTERRUPTED
    resumed = experiment.resume(behind, dataclasses.replace(SAMPLE, test=None))
    assert len(resumed.epochs()) == 3


def test_an_interrupted_sweep_resumes_its_trainings_and_repeats_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = trials(0.01, 0.005)
    run_epoch = together._run_epoch

    def interrupt(engine, active, orders, epoch, report):
        if epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(engine, active, orders, epoch, report)

    monkeypatch.setattr(together, "_run_epoch", interrupt)
    monkeypatch.setattr(sweep, "_REDUCTION", 1)  # none falls behind
    with pytest.raises(KeyboardInterrupt):
        sweep.run(planned, SAMPLE, tmp_path, here=True)
    statuses = {Run.open(tmp_path / "runs" / trial.name).status for trial in planned}
    assert statuses == {Status.INTERRUPTED}
    monkeypatch.setattr(together, "_run_epoch", run_epoch)
    outcome = sweep.run(planned, SAMPLE, tmp_path, here=True)
    assert [(one.end, one.epochs) for one in outcome.results] == [("done", 3)] * 2
    monkeypatch.setattr(experiment, "run_together", lambda *_, **__: pytest.fail("repeated"))
    assert sweep.run(planned, SAMPLE, tmp_path, here=True).results == outcome.results


def test_a_training_that_diverges_counts_as_0_and_one_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_REDUCTION", 1)
    planned = trials(0.01, 1e38)
    finish = experiment._finish

    def fail(run, *rest):
        raise OSError("the disk is full")

    monkeypatch.setattr(experiment, "_finish", fail)
    outcome = sweep.run(planned, SAMPLE, tmp_path, here=True)
    ends = {one.trial.settings["learning_rate"]: one.end for one in outcome.results}
    assert ends == {1e38: "diverged"}
    assert outcome.failures == {planned[0].name: "OSError: the disk is full"}
    monkeypatch.setattr(experiment, "_finish", finish)
    outcome = sweep.run(planned, SAMPLE, tmp_path, here=True)
    assert [one.end for one in outcome.results] == ["done", "diverged"]
    assert not outcome.failures
