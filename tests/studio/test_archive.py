import json
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.runs import directory as run_directories


def test_the_runs_of_the_folder_are_listed_with_their_scores(
    client: TestClient, finished_run: "mnistry.Run"
) -> None:
    (run,) = client.get("/api/runs").json()["runs"]
    assert (run["name"], run["status"], run["recipe"], run["chosen"]) == (
        "small", "done", "small", False,
    )  # fmt: skip
    assert run["test_accuracy"] == finished_run.scores().test.accuracy
    client.put("/api/network", json={"run": "small"})
    assert client.get("/api/runs").json()["runs"][0]["chosen"]


def test_a_run_has_its_settings_epochs_and_scorecards(
    client: TestClient, finished_run: "mnistry.Run"
) -> None:
    answer = client.get("/api/runs/small").json()
    assert answer["settings"]["units"] == 32
    assert [epoch["loss"] for epoch in answer["epochs"]] == [
        epoch.loss for epoch in finished_run.epochs()
    ]
    assert answer["scores"]["test"]["correct"] == finished_run.scores().test.correct


def test_a_run_that_is_not_done_is_shown_without_scores(client: TestClient, runs: Path) -> None:
    record = runs / "small" / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "interrupted"'))
    (runs / "small" / "history.csv").unlink()
    answer = client.get("/api/runs/small").json()
    assert (answer["status"], answer["scores"], answer["epochs"]) == ("interrupted", None, [])
    assert client.put("/api/network", json={"run": "small"}).status_code == 409


def test_damaged_runs_do_not_hide_the_others(client: TestClient, runs: Path) -> None:
    shutil.copytree(runs / "small", runs / "torn")
    (runs / "torn" / "scorecard.json").write_text("{")
    (runs / "cut").mkdir()
    (runs / "cut" / "run.json").write_text("{")
    answer = client.get("/api/runs").json()
    assert [run["name"] for run in answer["runs"]] == ["small"]
    assert len(answer["broken"]) == 2
    assert client.get("/api/runs/torn").status_code == 409


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "small%00", "..%2fruns%2fsmall"])
def test_a_run_outside_the_folder_is_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/api/runs/{name}").status_code == 404


def test_two_runs_are_compared_by_mcnemars_test(client: TestClient, runs: Path) -> None:
    shutil.copytree(runs / "small", runs / "other")
    scorecard = runs / "other" / "scorecard.json"
    value = json.loads(scorecard.read_text())
    # The other run gets two more images right.
    fixed = [value["test"]["mistakes"].pop() for _ in range(2)]
    value["test"]["correct"] += 2
    for mistake in fixed:
        row = value["test"]["confusion"][mistake["label"]]
        row[mistake["answer"]] -= 1
        row[mistake["label"]] += 1
    scorecard.write_text(json.dumps(value))
    answer = client.get("/api/runs/compare", params={"a": "small", "b": "other"}).json()
    assert (answer["a"]["name"], answer["b"]["name"]) == ("small", "other")
    expected = run_directories.compare(
        mnistry.Run.open(runs / "small"), mnistry.Run.open(runs / "other")
    )
    # 2 against 0: p = 2 * (1/2)^2.
    assert answer["mcnemar"] == {
        "only_a": 2, "only_b": 0, "p": 0.5, "verdict": expected.verdict,
    }  # fmt: skip


def test_runs_with_other_test_images_are_compared_without_mcnemars_test(
    client: TestClient, runs: Path
) -> None:
    shutil.copytree(runs / "small", runs / "other")
    record = runs / "other" / "run.json"
    value = json.loads(record.read_text())
    value["data"]["digests"]["x_test"] = "0" * 64
    record.write_text(json.dumps(value))
    answer = client.get("/api/runs/compare?a=small&b=other").json()
    assert answer["mcnemar"] is None
    assert answer["b"]["scores"]


def test_a_missing_folder_has_no_runs(client: TestClient, runs: Path) -> None:
    shutil.rmtree(runs)
    assert client.get("/api/runs").json() == {"runs": [], "broken": []}


def test_no_answer_names_a_file_or_a_folder_of_the_server(
    client: TestClient, runs: Path, tmp_path: Path
) -> None:
    """`/api/runs` once told clients the model's file name."""
    for name in ("torn", "cut", "bare", "damaged", "begun"):
        shutil.copytree(runs / "small", runs / name)
    (runs / "torn" / "scorecard.json").write_text("{")
    (runs / "cut" / "run.json").write_text("{")
    (runs / "bare" / "scorecard.json").unlink()
    (runs / "damaged" / "model.onnx").write_bytes(b"damaged")
    record = runs / "begun" / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "running"'))
    answers = [client.get(path).text for path in ("/api/status", "/api/runs", "/api/data")]
    for run in sorted(path.name for path in runs.iterdir()):
        answers.append(client.put("/api/network", json={"run": run}).text)
        answers.append(client.get(f"/api/runs/{run}").text)
        answers.append(client.get("/api/runs/compare", params={"a": "small", "b": run}).text)
        answers.append(client.get("/api/status").text)
    for answer in answers:
        for secret in (str(tmp_path), str(Path.home()), "runs/", ".onnx", "scorecard.json"):
            assert secret not in answer, answer
    broken = client.get("/api/runs").json()["broken"]
    assert [error["where"] for error in broken] == ["cut", "bare", "torn"]
