import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.errors import ModelError
from mnistry.explain import Explainer
from mnistry.networks import javascript
from mnistry.reading import built_in
from mnistry.studio.app import Studio, create
from mnistry.studio.network import GIVEN_NAME, Network


@pytest.fixture
def dense(client: TestClient) -> TestClient:
    """A client of a studio whose network in use is that of the dense run."""
    assert client.put("/api/network", json={"run": "small"}).json()["dense"]
    return client


@pytest.mark.parametrize(
    ("most", "expected"), [(1.0, "28 rows of 28"), (1, "0 for paper"), (15, "0 for paper")]
)
def test_an_image_that_was_divided_or_has_few_values_is_refused_with_the_remedy(
    client: TestClient, four: np.ndarray, most: float, expected: str
) -> None:
    image = four / 255 if isinstance(most, float) else four // 128 * most
    response = client.post("/api/explain", json={"image": image.tolist()})
    assert response.status_code == 400
    assert response.json()["error"]["expected"].startswith(expected)
    assert "multiply" in response.json()["error"]["remedy"]


def test_an_explanation_has_the_networks_own_numbers(
    dense: TestClient, four: np.ndarray, finished_run: "mnistry.Run"
) -> None:
    asked = {"image": four.tolist(), "label": 4}
    answer = dense.post("/api/explain", json=asked).json()
    expected = Explainer(finished_run.onnx_path).explain(four, 4)
    assert answer["hidden"]["sums"] == expected.layers[0].sums.tolist()
    assert answer["hidden"]["values"] == expected.layers[0].values.tolist()
    assert answer["logits"] == expected.logits.tolist()
    assert answer["exponentials"] == expected.powers.tolist()
    assert answer["probabilities"] == expected.probabilities.tolist()
    assert answer["argmax"] == expected.answer
    assert answer["bits"] == pytest.approx(expected.cost_bits)
    np.testing.assert_allclose(answer["layers"][0]["values"], expected.layers[0].values, atol=1e-5)


def test_feature_maps_are_given_row_by_row_with_channels_last(
    client: TestClient, four: np.ndarray
) -> None:
    answer = client.post("/api/explain", json={"image": four.tolist()}).json()
    assert answer["hidden"] is None
    assert answer["bits"] is None
    for layer in answer["layers"]:
        assert len(layer["values"]) == math.prod(layer["shape"])
    views = Network.shipped().explainer.explain(four).layers
    maps = next(i for i, view in enumerate(views) if view.values.ndim == 3)
    flat = answer["layers"][maps]["values"]
    np.testing.assert_allclose(flat, views[maps].values.ravel(), atol=1e-5)


@pytest.mark.parametrize(
    "image",
    [
        [[0] * 28] * 27,
        [[0] * 27] * 28,
        [[256] + [0] * 27] + [[0] * 28] * 27,
        [[-1] + [0] * 27] + [[0] * 28] * 27,
        [[0.5] + [0] * 27] + [[0] * 28] * 27,
        [[True] * 28] * 28,
        [["0"] * 28] * 28,
    ],
)
def test_an_invalid_image_is_not_explained(client: TestClient, image: object) -> None:
    assert client.post("/api/explain", json={"image": image}).status_code == 400


def test_a_nodes_weights_and_bias_give_its_sum(dense: TestClient, four: np.ndarray) -> None:
    unit = dense.get("/api/units/7").json()
    answer = dense.post("/api/explain", json={"image": four.tolist()}).json()
    total = unit["bias"] + (np.array(unit["weights"]) * four / 255).sum()
    assert total == pytest.approx(answer["hidden"]["sums"][7])


def test_a_nodes_outgoing_weights_times_the_outputs_give_the_logits(
    dense: TestClient, four: np.ndarray
) -> None:
    answer = dense.post("/api/explain", json={"image": four.tolist()}).json()
    outgoing = [dense.get(f"/api/units/{number}").json()["outgoing"] for number in range(32)]
    bias = np.array(answer["logits"]) - np.array(answer["hidden"]["values"]) @ np.array(outgoing)
    other = dense.post("/api/explain", json={"image": four.T.tolist()}).json()
    assert np.allclose(np.array(other["hidden"]["values"]) @ outgoing + bias, other["logits"])


def test_the_classic_network_is_explained_whatever_network_is_in_use(
    client: TestClient, four: np.ndarray
) -> None:
    asked = {"image": four.tolist(), "network": "classic"}
    answer = client.post("/api/explain", json=asked).json()
    assert (len(answer["hidden"]["values"]), answer["argmax"]) == (512, 4)
    assert len(client.get("/api/units/511?network=classic").json()["outgoing"]) == 10
    assert client.get("/api/status").json()["network"]["units"] is None


def test_the_classic_network_says_what_it_was_made_from(mnist: dict[str, np.ndarray]) -> None:
    network = Network.classic()
    notes = {one.key: one.value for one in onnx.load_from_string(network.content).metadata_props}
    assert "CC BY-SA 3.0" in notes["licence"]
    right = (network.probabilities(mnist["x_test"]).argmax(1) == mnist["y_test"]).mean()
    assert f"{100 * right:.2f}" in notes["accuracy"]
    assert right > 0.975


def test_the_network_for_the_page_answers_as_it_does_here(
    client: TestClient, studio: Studio
) -> None:
    found = client.get("/api/network/javascript").json()
    image = np.array(found["check"]["image"], np.uint8).reshape(1, 28, 28)
    expected = studio.network.probabilities(image)[0]
    assert np.allclose(found["check"]["probabilities"], expected, atol=0.03)
    assert found["threshold"] == built_in.thresholds_of(None)[0]


def test_a_network_that_javascript_cannot_run_is_none_for_the_page(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(javascript, "OPERATORS", ("Cast",))
    assert client.get("/api/network/javascript").json() is None


def test_a_missing_node_is_not_found(dense: TestClient) -> None:
    for number in (-1, 32):
        response = dense.get(f"/api/units/{number}")
        assert response.status_code == 404
        assert response.json()["error"]["expected"] == "0 to 31"


def test_a_network_that_is_not_dense_has_no_nodes_and_gives_a_remedy(client: TestClient) -> None:
    response = client.get("/api/units/0")
    assert response.status_code == 404
    assert "dense" in response.json()["error"]["remedy"]


def test_a_network_is_only_chosen_by_a_runs_name(client: TestClient, runs: Path) -> None:
    for name in ("../runs/small", str(runs / "small"), "small/", ".", "", "small\0"):
        assert client.put("/api/network", json={"run": name}).status_code == 404
    assert client.put("/api/network", json={}).status_code == 400
    assert client.get("/api/status").json()["network"]["run"] is None
    assert client.put("/api/network", json={"run": "small"}).json()["name"] == "small"
    assert client.get("/api/status").json()["network"]["run"] == "small"
    assert client.put("/api/network", json={"run": None}).json()["run"] is None


def test_a_damaged_network_is_refused_and_the_one_in_use_stays(
    client: TestClient, runs: Path
) -> None:
    path = runs / "small" / "model.onnx"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    response = client.put("/api/network", json={"run": "small"})
    assert response.status_code == 409
    assert "damaged" in response.json()["error"]["what"]
    assert client.get("/api/status").json()["network"]["run"] is None


def test_case_86_a_network_replaced_under_load_loses_no_answer(
    served: httpx2.Client, drawing: bytes
) -> None:
    names: set[str] = set()
    stop = threading.Event()

    def ask() -> set[int]:
        found = set()
        while not stop.is_set():
            found.add(served.post("/api/read", content=drawing).status_code)
            found.add(served.get("/api/data/test/1").status_code)
        return found

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        for run in ("small", None) * 4:
            response = served.put("/api/network", json={"run": run})
            assert response.status_code == 200
            names.add(response.json()["name"])
        stop.set()
        assert set.union(*(future.result() for future in asking)) == {200}
    assert names == {"small", "the built-in network"}


def test_a_studio_starts_with_a_file_or_a_run(runs: Path) -> None:
    assert Network.from_path(runs / "small").info.name == "small"
    assert Network.from_path(runs / "small", runs.parent).info.run is None
    assert Network.from_path(str(runs / "small"), runs).info.run == "small"  # it is on page Runs
    assert Network.from_path(str(runs / "small" / "model.onnx")).info.name == GIVEN_NAME
    with pytest.raises(ModelError):
        Network.from_path(runs / "none")


def test_the_model_file_given_at_the_start_is_not_named(runs: Path) -> None:
    model = runs / "small" / "model.onnx"
    with TestClient(create(Studio(Network.from_path(model), runs)), "http://127.0.0.1") as client:
        for path in ("/api/status", "/api/runs"):
            assert "model.onnx" not in client.get(path).text
            assert str(runs) not in client.get(path).text
