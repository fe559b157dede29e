"""The API's description, and its page."""

import json
import re
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from mnistry.server.app import create
from mnistry.server.in_process import InProcess
from tests.serving import pdf


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def check(described: dict[str, Any], path: str, answer: object, status: str = "200") -> None:
    """Compare an answer with its description, in which no other keys are allowed."""
    content = described["paths"][path]["post"]["responses"][status]["content"]
    schema = content["application/json"]["schema"]
    components = json.loads(json.dumps(described["components"]))
    for one in components["schemas"].values():
        if "properties" in one:
            one["unevaluatedProperties"] = False
    jsonschema.validate(answer, {**schema, "components": components})


def test_answers_are_as_they_are_described(
    client: TestClient, described: dict[str, Any], drawing: bytes
) -> None:
    for query in ("", "?fields=all", "?fields=text"):
        check(described, "/api/read", client.post(f"/api/read{query}", content=drawing).json())
    check(described, "/api/tables", client.post("/api/tables", content=drawing).json())
    refused = client.post("/api/read", content=b"none")
    check(described, "/api/read", refused.json(), "4XX")
    with pytest.raises(jsonschema.ValidationError):
        check(described, "/api/read", refused.json())


def test_lists_are_as_they_are_described(
    client: TestClient, described: dict[str, Any], drawing: bytes
) -> None:
    schema = described["paths"]["/api/read"]["post"]["responses"]["200"]["content"]
    files = [("a", pdf(2)), ("b", b"none"), ("c", drawing)]
    answer = client.post("/api/read", files=files).json()
    both = schema["application/json"]["schema"]["anyOf"]
    jsonschema.validate(answer, {**both[0], "components": described["components"]})
    assert len(answer["results"]) == 4


def test_forms_are_described_by_their_names(work: InProcess) -> None:
    client = TestClient(create(work, forms=["water"]), base_url="http://127.0.0.1")
    assert "/api/forms/water" in client.get("/openapi.json").json()["paths"]
    response = client.post("/api/forms/wine", content=b"")
    assert response.status_code == 404
    assert response.json()["error"]["remedy"]


def test_the_page_lists_every_operation_and_loads_only_the_servers_files(
    client: TestClient, described: dict[str, Any]
) -> None:
    text = client.get("/docs").text
    assert client.get("/").text == text
    for path in described["paths"]:
        assert f"<h2>POST {path}</h2>" in text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert loaded == ["docs.js", "example.png", "openapi.json"]
    assert "javascript" in client.get("/docs.js").headers["Content-Type"]
    example = client.get("/example.png").content
    assert client.post("/api/read?fields=text", content=example).json() == {"text": "407"}
