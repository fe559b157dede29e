import contextlib
import dataclasses
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mnistry import datasets, recipes
from mnistry.cluster import data_parallel
from mnistry.datasets import Origin
from mnistry.errors import MnistryError, ResourceError, UsageError
from mnistry.recipes.experiment import Experiment
from mnistry.runs import experiment
from mnistry.runs.directory import Run

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's warnings

# 4,000 images in batches of 77 and a last one of 73: neither can be halved.
RECIPE = dataclasses.replace(
    recipes.find("classic"), name="custom", units=32, batch_size=77, epochs=3, validation=0.0
)

# OpenCV 4 rounds the coordinates of a distortion to 1/32 pixel, so that a rounding error in them
# may change a pixel; with batch normalisation the difference grows.
TOLERANCE = 1e-4 if int(cv2.__version__.split(".")[0]) >= 5 else 5e-3


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to which each worker writes its process and rows at the start, then its weights."""
    folder, plain = tmp_path / "watched", data_parallel._work
    folder.mkdir()

    def work(config):
        from mnistry.training import sharding

        divide, seen, shared = sharding.division_for, [], []

        def division_for(model, count=1):
            import jax

            from mnistry.training import callbacks

            callbacks._SAVING_SHARE = 1e9  # save checkpoints as often as possible
            division = divide(model)
            share = (lambda rows: rows) if division is None else division.share
            mine = jax.jit(share)(np.arange(48)).addressable_shards[0].data
            states = config["path"] / "checkpoints"
            said = {
                "pid": os.getpid(),
                "processes": jax.process_count(),
                "rows": np.asarray(mine).tolist(),
                "state": max((path.stem for path in states.glob("*")), default=""),
            }
            rank = jax.process_index()
            with (folder / f"{rank}.jsonl").open("a") as file:
                file.write(json.dumps(said) + "\n")
            seen.append((rank, model))
            return None if division is None else Watched(division)

        class Watched:
            """Counts how often the engine shares a batch."""

            def __init__(self, division):
                self.put, self._share = division.put, division.share

            def share(self, rows):
                shared.append(rows.shape)
                return self._share(rows)

        sharding.division_for = division_for
        plain(config)
        for rank, model in seen:
            np.savez(folder / f"{rank}.npz", *model.get_weights())
            (folder / f"{rank}.shared").write_text(str(len(shared)))

    monkeypatch.setattr(data_parallel, "_work", work)
    return folder


def lives(folder: Path, rank: int) -> list[dict]:
    """Return what the worker of a rank wrote at each of its starts."""
    path = folder / f"{rank}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def weights(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[name] for name in file.files]


def check_workers(folder: Path, count: int) -> None:
    last = [lives(folder, rank)[-1] for rank in range(count)]
    assert [one["processes"] for one in last] == [count] * count
    rows = [row for one in last for row in one["rows"]]
    assert sorted(rows) == list(range(48))  # every row once
    assert {len(one["rows"]) for one in last} == {48 // count}
    if count > 1:
        assert all(int((folder / f"{rank}.shared").read_text()) > 0 for rank in range(count))
    for rank in range(1, count):
        for ours, first in zip(
            weights(folder / f"{rank}.npz"), weights(folder / "0.npz"), strict=True
        ):
            assert np.array_equal(ours, first)


def check_run(run: Run, alone: Run) -> None:
    """Check that a run is an ordinary one, and equals that of one process except for rounding."""
    assert run.status == "done"
    assert (run.recipe, run.seed) == (alone.recipe, alone.seed)
    assert run.data == alone.data
    assert {path.name for path in run.path.iterdir()} == {p.name for p in alone.path.iterdir()}
    for ours, theirs in zip(run.epochs(), alone.epochs(), strict=True):
        np.testing.assert_allclose(ours.loss, theirs.loss, rtol=TOLERANCE)
        np.testing.assert_allclose(ours.accuracy, theirs.accuracy, atol=1e-3)
    for ours, theirs in zip(run.model().get_weights(), alone.model().get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)
    assert abs(run.scores().test.accuracy - alone.scores().test.accuracy) <= 0.002


@pytest.fixture
def alone(tmp_path: Path) -> Run:
    return experiment.run_experiment(
        Experiment(RECIPE, Origin("sample"), seed=3),
        datasets.load("sample"),
        path=tmp_path / "alone",
    )


@pytest.mark.long
def test_after_a_workers_death_both_resume_and_train_as_one_process_does(
    cluster, watched: Path, alone: Run, tmp_path: Path
) -> None:
    killed, seen = [], []

    def kill(progress) -> None:
        seen.append(progress)
        if progress.epoch >= 2 and not killed:
            killed.append(lives(watched, 1)[0]["pid"])
            os.kill(killed[0], signal.SIGKILL)

    recipe = dataclasses.replace(RECIPE, epochs=60)
    run = data_parallel.train(
        Experiment(recipe, Origin("sample"), 3), tmp_path / "run", 2, on_progress=kill
    )
    assert killed
    first, second = lives(watched, 1)
    assert first["pid"] == killed[0] != second["pid"]
    assert first["state"] in ("", "00000000-00000000")
    assert second["state"] > "00000001"  # in the second epoch or later
    check_workers(watched, 2)
    assert (seen[-1].epoch, seen[-1].finished) == (60, run.epochs()[-1])
    assert len(run.epochs()) == 60
    # `alone` has only the first three of these epochs.
    for ours, theirs in zip(run.epochs(), alone.epochs(), strict=False):
        np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-4)
    with pytest.raises(UsageError, match="expected 1 to 2, the cores"):
        data_parallel.train(Experiment(recipe, Origin("sample"), 3), tmp_path / "other", 3)


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_several_workers_train_as_one_process_does(
    cluster, watched: Path, alone: Run, tmp_path: Path, workers: int
) -> None:
    for _ in range(workers - 2):
        cluster.add_node(num_cpus=1)
    run = data_parallel.train(Experiment(RECIPE, Origin("sample"), 3), tmp_path / "run", workers)
    check_workers(watched, workers)
    check_run(run, alone)


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    # Adam makes a full step even for a gradient that is only a rounding error: hence SGD.
    [{"epochs": 2}, {"epochs": 1, "network": "convnet", "optimizer": "sgd"}],
    ids=["batch normalisation", "dropout"],
)
def test_two_workers_train_with_early_stopping_as_one_process_does(
    cluster, watched: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    recipe = dataclasses.replace(
        recipes.find("fast"), name="custom", validation=0.1, early_stopping=2, **settings
    )
    alone = experiment.run_experiment(
        Experiment(recipe, Origin("sample"), seed=3),
        datasets.load("sample"),
        path=tmp_path / "alone",
    )
    run = data_parallel.train(Experiment(recipe, Origin("sample"), 3), tmp_path / "run", 2)
    check_workers(watched, 2)
    check_run(run, alone)
    for ours, theirs in zip(run.epochs(), alone.epochs(), strict=True):
        np.testing.assert_allclose(ours.val_loss, theirs.val_loss, rtol=1e-3)


@pytest.mark.long
def test_a_node_is_lost_and_training_continues_on_another(
    cluster, watched: Path, alone: Run, tmp_path: Path
) -> None:
    lost = []

    def lose(progress) -> None:
        if progress.epoch >= 2 and not lost:
            lost.append(progress)
            cluster.add_node(num_cpus=1)
            threading.Thread(target=cluster.remove_node, args=(cluster.other, False)).start()

    recipe = dataclasses.replace(RECIPE, epochs=200)
    run = data_parallel.train(
        Experiment(recipe, Origin("sample"), 3), tmp_path / "run", 2, on_progress=lose
    )
    assert lost
    assert len(lives(watched, 0)) == 2
    assert len(run.epochs()) == 200
    check_workers(watched, 2)
    # `alone` has only the first three of these epochs.
    for ours, theirs in zip(run.epochs(), alone.epochs(), strict=False):
        np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-4)


@pytest.mark.long
def test_a_diverged_training_is_not_retried_and_its_run_is_not_overwritten(
    cluster, watched: Path, tmp_path: Path
) -> None:
    too_fast = dataclasses.replace(RECIPE, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(MnistryError, match="loss became"):
        data_parallel.train(Experiment(too_fast, Origin("sample"), 3), tmp_path / "run", 2)
    assert Run.open(tmp_path / "run").status == "diverged"
    assert len(lives(watched, 0)) == 1  # not retried
    other = dataclasses.replace(RECIPE, epochs=1)
    with pytest.raises(UsageError, match="exists already"):
        data_parallel.train(Experiment(other, Origin("sample"), 3), tmp_path / "run", 2)
    assert Run.open(tmp_path / "run").status == "diverged"


@pytest.mark.long
def test_workers_that_see_another_folder_are_reported(
    cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = contextlib.nullcontext(tmp_path / "elsewhere" / "mark")
    monkeypatch.setattr(data_parallel.shared_folder, "marked", lambda folder: elsewhere)
    with pytest.raises(ResourceError, match=r"worker \d does not see this folder"):
        data_parallel.train(Experiment(RECIPE, Origin("sample"), 3), tmp_path / "run", 2)
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_an_interrupted_training_is_recorded_as_such_and_keeps_its_checkpoints(
    cluster, watched: Path, tmp_path: Path
) -> None:
    def interrupt(progress) -> None:
        if progress.epoch >= 2:
            raise KeyboardInterrupt

    recipe = dataclasses.replace(RECIPE, epochs=100_000)
    with pytest.raises(KeyboardInterrupt):
        data_parallel.train(
            Experiment(recipe, Origin("sample"), 3), tmp_path / "run", 2, on_progress=interrupt
        )
    assert Run.open(tmp_path / "run").status == "interrupted"
    assert list((tmp_path / "run" / "checkpoints").glob("*.npz"))
    assert {path.name for path in tmp_path.iterdir()} == {"run", "watched"}  # and no marker file


@pytest.mark.long
def test_a_training_whose_workers_die_on_every_try_fails_with_a_remedy(
    cluster, watched: Path, tmp_path: Path
) -> None:
    killed = []

    def kill(progress) -> None:
        pid = lives(watched, 1)[-1]["pid"]
        if progress.epoch >= 2 and pid not in killed:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    recipe = dataclasses.replace(RECIPE, epochs=100_000)
    with pytest.raises(ResourceError, match=r"workers failed.*continue with: .* --resume"):
        data_parallel.train(
            Experiment(recipe, Origin("sample"), 3), tmp_path / "run", 2, on_progress=kill
        )
    assert len(lives(watched, 0)) == 3
    assert Run.open(tmp_path / "run").status == "failed"
