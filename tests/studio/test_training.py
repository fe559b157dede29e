import asyncio
import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import keras
import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.datasets import Origin
from mnistry.networks import names, zoo
from mnistry.recipes.experiment import Experiment
from mnistry.studio import schemas, training
from mnistry.studio.app import Studio, create
from mnistry.studio.training import Trainer
from tests.serving import serve

SMALL = {"units": 8, "epochs": 2, "data": "sample"}
LONG = {"units": 8, "epochs": 1000, "data": "sample"}
Events = Iterator[tuple[str, dict[str, Any]]]


def events(response: httpx2.Response) -> Events:
    """Yield the kind and the values of each event of a stream."""
    kind = ""
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def follow(asking: httpx2.Client, until: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Follow the training to the first event of a kind, or to its end."""
    found = []
    with asking.stream("GET", "/api/train/events", timeout=120) as response:
        for kind, data in events(response):
            found.append((kind, data))
            if kind == until:
                break
    return found


def test_a_training_continues_without_its_page_and_ends_in_a_run(
    served: httpx2.Client, runs: Path
) -> None:
    begun = served.post("/api/train", json=SMALL)
    assert begun.status_code == 202
    name = begun.json()["run"]
    assert follow(served, until="progress")[-1][0] == "progress"  # then the page is closed
    again = served.post("/api/train", json=SMALL)
    assert again.status_code == 409
    assert again.json()["error"]["what"] == "a training is already running"
    seen = follow(served)  # another page gets the past events first
    kinds = [kind for kind, _ in seen]
    assert kinds[0] == "progress"
    assert kinds.count("epoch") == 2
    assert seen[-1] == ("done", {"run": name, "status": "done"})
    last = [data for kind, data in seen if kind == "progress"][-1]
    assert (last["epoch"], last["step"], last["steps"]) == (2, 32, 32)
    assert served.get("/api/status").json()["training"]["status"] == "done"
    run = mnistry.Run.open(runs / name)
    assert [epoch.loss for epoch in run.epochs()] == [
        data["loss"] for kind, data in seen if kind == "epoch"
    ]
    assert run.recipe == mnistry.Recipe("custom", units=8, epochs=2)
    assert served.put("/api/network", json={"run": name}).json()["units"] == 8
    assert follow(served) == seen


@pytest.mark.slow
def test_a_training_that_is_stopped_is_kept_named_and_resumed(
    served: httpx2.Client, runs: Path
) -> None:
    name = served.post("/api/train", json=LONG).json()["run"]
    follow(served, until="epoch")
    assert served.delete("/api/train").json()["run"] == name
    assert follow(served)[-1] == ("done", {"run": name, "status": "interrupted"})
    assert mnistry.Run.open(runs / name).status == "interrupted"
    assert list((runs / name / "checkpoints").iterdir())
    assert served.delete("/api/train").status_code == 409
    assert served.patch(f"/api/runs/{name}", json={"name": "mine"}).json()["name"] == "mine"
    assert served.get("/api/status").json()["training"]["run"] == "mine"
    assert served.post("/api/runs/mine/resume").status_code == 202
    seen = follow(served, until="progress")
    done = [data["epoch"] for kind, data in seen if kind == "epoch"]
    assert done == list(range(1, len(done) + 1))
    assert seen[-1][1]["epoch"] == len(done) + 1
    assert served.delete("/api/runs/mine").status_code == 409  # it is being written to
    served.delete("/api/train")
    follow(served)
    assert mnistry.Run.open(runs / "mine").status == "interrupted"
    for how in ("resume", "finish"):  # of a run that is done
        again = served.post(f"/api/runs/small/{how}")
        assert (again.status_code, again.json()["error"]["what"]) == (409, "this training is done")


@pytest.mark.slow
def test_a_training_is_interrupted_and_kept_when_the_studio_ends(
    studio: Studio, runs: Path
) -> None:
    with serve(create(studio)) as address, httpx2.Client(base_url=address) as asking:
        name = asking.post("/api/train", json=LONG).json()["run"]
        follow(asking, until="progress")
    assert mnistry.Run.open(runs / name).status == "interrupted"


def test_a_killed_training_is_reported_and_another_can_start(runs: Path) -> None:
    async def kill_one() -> tuple[training.Event | None, bool]:
        trainer = Trainer(runs)
        await trainer.start(schemas.TrainSettings.model_validate(LONG))
        assert trainer._process is not None
        trainer._process.kill()
        seen = [event async for event in trainer.follow()]
        return seen[-1], trainer.running is not None

    last, running = asyncio.run(kill_one())
    assert last is not None
    assert last.kind == "failed"
    assert "unexpectedly" in last.data["error"]["what"]
    assert not running


@pytest.mark.slow
def test_a_nan_loss_is_reported_and_the_process_ends_before_the_studio(
    runs: Path,
) -> None:
    settings = schemas.TrainSettings.model_validate({**SMALL, "learning_rate": 1e30})

    async def diverge() -> tuple[training.Event | None, schemas.Training | None, int | None]:
        trainer = Trainer(runs)
        await trainer.start(settings)
        seen = [event async for event in trainer.follow()]
        await trainer.close()
        assert trainer._process is not None
        return seen[-1], trainer.state, trainer._process.returncode

    last, state, code = asyncio.run(diverge())
    assert last is not None
    assert (last.kind, last.data["status"]) == ("failed", "diverged")
    assert last.data["error"]["what"]
    assert state is not None
    assert state.status == "diverged"
    assert mnistry.Run.open(runs / state.run).status == "diverged"
    assert code == 6


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"learning_rate": -1},
        {"learning_rate": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"data": "../secret.npz"},
        {"network": "huge"},
        {"recipe": "none"},
        {"activation": "gelu"},
        {"dropout": 1},
        {"validation": 1},
        {"distort": -1},
        {"early_stopping": 0},
        {"network": "convnet", "units": 8},
        {"optimizer": "none"},
        {"o": "elsewhere"},
        {"units": 2.5},
        [],
        "classic",
    ],
)
def test_invalid_settings_start_no_training(
    client: TestClient, settings: object, runs: Path
) -> None:
    assert client.post("/api/train", json=settings).status_code == 400
    assert client.get("/api/status").json()["training"] is None
    assert [path.name for path in runs.iterdir()] == ["small"]


def test_the_default_settings_are_those_of_the_classic_experiment() -> None:
    settings = schemas.TrainSettings().model_dump(exclude={"recipe", "distort", "seed", "data"})
    assert mnistry.Recipe(**settings) == mnistry.Recipe()
    made = training._experiment(schemas.TrainSettings(seed=3, data="mnist"))
    assert made == Experiment(mnistry.Recipe(), Origin("mnist"), 3)


def test_a_recipe_keeps_what_is_not_changed(client: TestClient) -> None:
    fast = mnistry.recipes.find("fast")
    made = training._experiment(schemas.TrainSettings(recipe="fast", epochs=3))
    assert made.recipe == dataclasses.replace(fast, name="custom", epochs=3)
    same = schemas.TrainSettings(recipe="fast", epochs=2, learning_rate=0.01, distort=0.5)
    assert training._experiment(same).recipe == fast
    found = {one["name"]: one for one in client.get("/api/recipes").json()}
    assert set(found) == set(mnistry.recipes.NAMES)
    assert [found[name]["distort"] for name in ("classic", "classic-plus", "fast")] == [0, 1, 0.5]
    assert found["lenet-5"]["network"] == "lenet-5"


def test_every_network_dataset_and_optimizer_of_the_settings_exists() -> None:
    assert set(schemas.NetworkName.__args__) == set(zoo.NETWORKS)
    assert schemas.ActivationName.__args__ == names.ACTIVATIONS
    assert set(schemas.DataName.__args__) == set(mnistry.datasets.NAMES)
    for name in schemas.OptimizerName.__args__:
        assert keras.optimizers.get(name)


def test_a_run_is_renamed_and_deleted_but_not_while_it_is_in_use(
    client: TestClient, runs: Path
) -> None:
    client.put("/api/network", json={"run": "small"})
    for name in ("", "..", ".hidden", "a/b", "a\\b", "a" * 101, "end.", "nul\0"):
        assert client.patch("/api/runs/small", json={"name": name}).status_code == 400
    (runs / "other").mkdir()
    assert client.patch("/api/runs/small", json={"name": "other"}).status_code == 400
    assert client.patch("/api/runs/small", json={"name": "my first"}).json()["chosen"]
    assert client.get("/api/status").json()["network"]["name"] == "my first"
    assert client.delete("/api/runs/my first").status_code == 409
    client.put("/api/network", json={"run": None})
    (runs / "my first" / "notes.txt").write_text("mine")
    assert client.delete("/api/runs/my first").json() == {"runs": [], "broken": []}
    assert [path.name for path in (runs / "my first").iterdir()] == ["notes.txt"]
    assert client.delete("/api/runs/my first").status_code == 404


def test_a_missing_keras_is_reported_with_a_remedy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "can_train", lambda: False)
    response = client.post("/api/train", json=SMALL)
    assert response.status_code == 409
    assert response.json()["error"]["remedy"] == "pip install 'mnistry[train]'"


def test_nothing_can_be_followed_or_stopped_before_the_first_training(client: TestClient) -> None:
    assert client.get("/api/train/events").status_code == 404
    assert client.delete("/api/train").status_code == 409


def test_a_page_that_reconnects_only_gets_the_events_it_missed(runs: Path) -> None:
    async def rest() -> list[str]:
        trainer = Trainer(runs)
        for epoch in range(3):
            trainer._publish("epoch", {"epoch": epoch})
        trainer._publish("done", {})
        return [event.kind async for event in trainer.follow(after=2) if event is not None]

    assert asyncio.run(rest()) == ["epoch", "done"]


def test_a_stream_without_events_sends_heartbeats(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "HEARTBEAT", 0.01)

    async def first() -> training.Event | None:
        return await anext(Trainer(runs).follow())

    assert asyncio.run(first()) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups like these")
def test_ctrl_c_in_the_terminal_only_reaches_the_server(runs: Path) -> None:
    async def group() -> bool:
        trainer = Trainer(runs)
        await trainer.start(schemas.TrainSettings.model_validate(LONG))
        assert trainer._process is not None
        apart = os.getpgid(trainer._process.pid) != os.getpgid(0)
        trainer._process.send_signal(signal.SIGKILL)
        await trainer.close()
        return apart

    assert asyncio.run(group())


def test_a_failed_training_is_reported_without_the_servers_paths(runs: Path) -> None:
    trainer = Trainer(runs)
    error = {"what": "no space is left", "where": f"{runs}/a", "remedy": f"resume {runs}/a"}
    trainer._take({"event": "failed", "data": {"status": "failed", "error": error}})

    async def first() -> training.Event | None:
        return await anext(trainer.follow())

    event = asyncio.run(first())
    assert event is not None
    assert event.data["error"]["what"] == "no space is left"
    assert str(runs) not in json.dumps(event.data)
