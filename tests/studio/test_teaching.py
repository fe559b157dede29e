"""The network in use is taught from corrected digits."""

import base64
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.runs import teaching as lessons
from mnistry.server.errors import ApiError
from mnistry.studio import schemas, teaching
from mnistry.studio.app import Studio, create
from mnistry.studio.network import Network


def examples(count: int) -> list[dict[str, object]]:
    """Test digits of the sample that lean to the left."""
    _, (images, labels) = mnistry.load("sample")
    found = []
    for image, label in zip(images[:count], labels[:count], strict=True):
        rows = [np.roll(line, (row - 14) // 3) for row, line in enumerate(image)]
        pixels = base64.b64encode(np.array(rows, np.uint8).tobytes()).decode()
        found.append({"label": int(label), "image": pixels})
    return found


@pytest.mark.slow
def test_the_figures_and_the_run_are_those_of_the_teaching(
    finished_run: "mnistry.Run", tmp_path: Path
) -> None:
    given = examples(40)
    task = {
        "path": str(tmp_path / "hand"),
        "start": str(finished_run.path),
        "labels": [one["label"] for one in given],
        "images": [one["image"] for one in given],
    }
    lesson = schemas.Lesson.model_validate(json.loads(json.dumps(teaching._teach(task))))
    assert (lesson.before.examples, lesson.data) == (40, "sample")
    assert lesson.after.loss < lesson.before.loss
    assert (lesson.run == "hand") == (tmp_path / "hand").exists() == (not lesson.reasons)


def test_too_few_examples_are_refused_by_the_process(client: TestClient, runs: Path) -> None:
    response = client.post("/api/teach", json={"examples": examples(3)})
    assert response.status_code == 409
    assert response.json()["error"]["expected"] == "5 to 2,000 different ones"
    assert [path.name for path in runs.iterdir()] == ["small"]
    assert not client.app.state.studio.teaches


# In base64 the 784 pixels of an image are 1,046 characters and "==".
@pytest.mark.parametrize(
    "example",
    [
        {"label": 10, "image": "A" * 1046 + "=="},
        {"label": 1, "image": "A" * 1044 + "=="},
        {"label": 1, "image": "?" * 1046 + "=="},
        {"label": 1},
    ],
)
def test_what_is_no_labelled_image_is_refused(client: TestClient, example: object) -> None:
    assert client.post("/api/teach", json={"examples": [example]}).status_code == 400


def test_a_taught_networks_start_is_taught_again(studio: Studio, monkeypatch) -> None:
    assert studio.to_teach() is None
    studio.network = studio.open("small")
    assert studio.to_teach().path.name == "small"
    run = studio.archive.find("small")

    def taught(start: str) -> None:
        record = lessons.Teaching(start, run.digests["model.onnx"], "", 5, 1, 0, 0, 0.5, 0.5)
        found = {"small": run, "hand": dataclasses.replace(run, recipe=None, taught=record)}
        monkeypatch.setattr(studio.archive, "find", found.get)

    studio.network = studio.network.renamed("hand")
    taught("run small")
    assert studio.to_teach() == run
    taught(lessons.BUILT_IN)
    assert studio.to_teach() is None


def test_a_network_that_is_no_run_of_the_studios_is_not_taught(
    shipped: Network, runs: Path
) -> None:
    studio = Studio(Network.from_path(runs / "small"), runs.parent)
    with pytest.raises(ApiError) as caught:
        studio.to_teach()
    assert caught.value.error.what == "the network in use is not one of the runs"
    studio = Studio(Network.from_path(runs / "small", runs), runs)
    assert studio.to_teach().path == runs / "small"


def test_a_run_that_is_renamed_stays_the_one_that_the_studio_started_with(runs: Path) -> None:
    studio = Studio(Network.from_path(runs / "small", runs), runs)
    with TestClient(create(studio), base_url="http://127.0.0.1:8000") as client:
        assert client.patch("/api/runs/small", json={"name": "new"}).status_code == 200
        assert client.put("/api/network", json={"run": None}).json()["run"] == "new"


def test_a_start_is_found_by_its_content(studio: Studio, runs: Path, monkeypatch) -> None:
    # The start may have been renamed, and another run may have its old name.
    run = studio.archive.find("small")
    record = lessons.Teaching("run old", run.digests["model.onnx"], "", 5, 1, 0, 0, 0.5, 0.5)
    hand = dataclasses.replace(run, path=runs / "hand", recipe=None, taught=record)
    studio.network = studio.open("small").renamed("hand")
    monkeypatch.setattr(studio.archive, "find", lambda name: hand)
    assert studio.to_teach().path == runs / "small"
    shutil.rmtree(runs / "small")
    with pytest.raises(ApiError, match="is not there any more"):
        studio.to_teach()
