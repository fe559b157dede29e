import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import mnistry
from mnistry.evaluation.scorecard import DISPUTED_MNIST_TEST
from mnistry.studio.app import Studio


def test_a_page_of_images_has_labels_and_predictions(client: TestClient) -> None:
    _, (_, labels) = mnistry.load("sample")
    answer = client.get("/api/data", params={"offset": 10, "limit": 5}).json()
    assert (answer["name"], answer["total"]) == ("sample", 1000)
    assert [item["index"] for item in answer["items"]] == [10, 11, 12, 13, 14]
    assert [item["label"] for item in answer["items"]] == labels[10:15].tolist()
    assert all(0 <= item["guess"] <= 9 and item["confidence"] > 0 for item in answer["items"])


def test_the_sample_has_a_notice_that_it_is_not_mnist(client: TestClient) -> None:
    (notice,) = client.get("/api/data").json()["notices"]
    assert "sample" in notice and "connect to the network" in notice
    assert "/" not in notice  # not the path of the folder in which MNIST was looked for


def test_one_class_of_the_training_images(client: TestClient) -> None:
    train, _ = mnistry.load("sample")
    answer = client.get("/api/data", params={"split": "train", "digit": 7}).json()
    assert answer["total"] == (train.labels == 7).sum()
    assert {item["label"] for item in answer["items"]} == {7}


def test_mistakes_are_those_of_the_network_in_use(client: TestClient, studio: Studio) -> None:
    _, (images, labels) = mnistry.load("sample")
    totals = []
    for run in (None, "small"):
        client.put("/api/network", json={"run": run})
        wrong = np.flatnonzero(studio.network.probabilities(images).argmax(1) != labels)
        answer = client.get("/api/data", params={"mistakes": True, "limit": 200}).json()
        assert [item["index"] for item in answer["items"]] == wrong[:200].tolist()
        assert all(item["guess"] != item["label"] for item in answer["items"])
        totals.append(answer["total"])
    assert totals[0] < totals[1]


def test_mistakes_come_in_the_order_of_sureness(client: TestClient, studio: Studio) -> None:
    _, (images, labels) = mnistry.load("sample")
    client.put("/api/network", json={"run": "small"})
    answers = studio.network.probabilities(images)
    sureness = answers.max(1)[answers.argmax(1) != labels]
    for order, expected in (("surest", -np.sort(-sureness)), ("unsurest", np.sort(sureness))):
        asked = {"mistakes": True, "order": order, "limit": 50}
        found = client.get("/api/data", params=asked).json()["items"]
        assert [item["confidence"] for item in found] == expected[:50].tolist()


def test_a_dataset_is_chosen_by_name(client: TestClient) -> None:
    assert client.get("/api/data?data=sample").json()["notices"] == []
    assert (
        client.get("/api/data/test/3?data=sample").json() == client.get("/api/data/test/3").json()
    )
    for data in ("cifar", "../secret.npz", "/etc/passwd"):
        assert client.get("/api/data", params={"data": data}).status_code == 400


def test_images_that_are_no_digits_have_no_predictions(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clothes = dataclasses.replace(mnistry.load("sample"), classes=tuple("abcdefghij"))
    monkeypatch.setattr(mnistry.datasets, "load", lambda *_: clothes)
    answer = client.get("/api/data?data=fashion-mnist&order=surest").json()
    assert answer["classes"][9] == "j"
    assert {item["guess"] for item in answer["items"]} == {None}
    assert client.get("/api/data?data=fashion-mnist&mistakes=true").json()["total"] == 0


def test_the_disputed_labels_are_those_of_mnists_test_images(
    client: TestClient, mnist_home: Path
) -> None:
    answer = client.get("/api/data", params={"disputed": True}).json()
    assert [item["index"] for item in answer["items"]] == list(DISPUTED_MNIST_TEST)
    assert all(item["disputed"] for item in answer["items"])
    assert client.get("/api/data?split=train&disputed=true").json()["total"] == 0


def test_an_image_as_numbers(client: TestClient) -> None:
    _, (images, labels) = mnistry.load("sample")
    answer = client.get("/api/data/test/3").json()
    assert answer == {"label": labels[3], "image": images[3].tolist()}


def test_a_sheet_has_the_images_side_by_side_dark_on_white(client: TestClient) -> None:
    _, (images, _) = mnistry.load("sample")
    response = client.get("/api/data/test/sheet.png", params={"indices": "5,0"})
    drawn = np.array(Image.open(io.BytesIO(response.content)))
    assert (drawn == 255 - np.hstack([images[5], images[0]])).all()


@pytest.mark.parametrize(
    "path",
    [
        "/api/data?split=validation",
        "/api/data?digit=10",
        "/api/data?limit=0",
        "/api/data?limit=201",
        "/api/data?offset=-1",
        "/api/data/test/-1",
        "/api/data/test/1000",
        "/api/data/test/99999999999999999999999",
        "/api/data/test/sheet.png",
        "/api/data/test/sheet.png?indices=",
        "/api/data/test/sheet.png?indices=1,,2",
        "/api/data/test/sheet.png?indices=1000",
        "/api/data/test/sheet.png?indices=-1",
        "/api/data/test/sheet.png?indices=" + ",".join("1" * 201),
    ],
)
def test_missing_images_and_invalid_selections_are_refused(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert response.json()["error"]["what"]
