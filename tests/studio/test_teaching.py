"""The network in use is taught from corrected digits."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.runs import teaching as lessons
from mnistry.studio import app, schemas, teaching
from mnistry.studio.app import Studio


def examples(count: int) -> list[dict[str, object]]:
    """Test digits of the sample that lean to the left."""
    _, (images, labels) = mnistry.load("sample")
    found = []
    for image, label in zip(images[:count], labels[:count], strict=True):
        rows = [np.roll(line, (row - 14) // 3) for row, line in enumerate(image)]
        pixels = base64.b64encode(np.array(rows, np.uint8).tobytes()).decode()
        found.append({"label": int(label), "image": pixels})
    return found


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
        record = lessons.Teaching(start, "", "", 5, 1, 0, 0, 0.5, 0.5)
        found = {"small": run, "hand": app.dataclasses.replace(run, recipe=None, taught=record)}
        monkeypatch.setattr(studio.archive, "find", found.get)

    studio.network = studio.network.renamed("hand")
    taught("run small")
    assert studio.to_teach() == run
    taught(lessons.BUILT_IN)
    assert studio.to_teach() is None
