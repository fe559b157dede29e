import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mnistry import __version__
from mnistry.server import form_answers
from mnistry.studio.app import STATIC, Studio, create
from mnistry.studio.network import Network
from tests import serving
from tests.forms import filled
from torture import api

HEAVY = {"keras", "jax", "matplotlib", "onnx", "sklearn", "pandas", "scipy", "requests"}
JSON = {"Content-Type": "application/json"}


def test_the_status_has_version_network_and_training(client: TestClient) -> None:
    answer = client.get("/api/status").json()
    assert answer["version"] == __version__
    assert answer["network"]["name"] == "the built-in network"
    assert answer["network"]["layers"][-1]["shape"] == [10]
    assert (answer["can_train"], answer["training"]) == (True, None)


def test_forms_are_read_by_name(shipped: Network, tmp_path: Path) -> None:
    forms = form_answers.load([str(filled.write_form(tmp_path))], shipped.reader)
    sheet = filled.scan(filled.fill({"station": "049", "count": " 317", "checked": True}), 1)
    with TestClient(create(Studio(shipped, tmp_path, forms=forms)), "http://127.0.0.1") as client:
        assert client.get("/api/status").json()["forms"] == ["FORM"]
        found = client.post("/api/forms/FORM", content=serving.png(sheet)).json()
        assert found["fields"]["station"]["value"] == "049"
        assert "/api/forms/FORM" in client.get("/openapi.json").json()["paths"]


def test_serving_reading_and_explaining_import_no_heavy_packages() -> None:
    code = f"""
import io, sys
from pathlib import Path
from fastapi.testclient import TestClient
from PIL import Image
from mnistry import datasets
from mnistry.studio.app import Studio, create
from mnistry.studio.network import Network
datasets.load = datasets.sample.load  # so that nothing is downloaded
app = create(Studio(Network.shipped(), Path("none")))
with TestClient(app, base_url="http://127.0.0.1") as client:
    file = io.BytesIO()
    drawn = Image.new("L", (60, 60), "white")
    drawn.paste(0, (28, 10, 33, 50))
    drawn.save(file, "PNG")
    for path in ("read", "doctor"):
        assert client.post("/api/" + path, content=file.getvalue()).status_code == 200
    body = {{"image": [[0] * 28] * 28}}
    assert client.post("/api/explain", json=body).status_code == 200
    for path in ("status", "runs", "data"):
        assert client.get("/api/" + path).status_code == 200
assert client.get("/docs").status_code == 200
print(*({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_errors_of_paths_and_methods_are_json_too(client: TestClient) -> None:
    for response in (client.get("/api/none"), client.get("/none"), client.patch("/api/read")):
        assert response.status_code in (404, 405)
        assert response.json()["error"]["what"]


def test_a_bug_is_a_json_error_without_details(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(studio.network), "unit", lambda *_: 1 / 0)
    client = TestClient(create(studio), base_url="http://127.0.0.1", raise_server_exceptions=False)
    response = client.get("/api/units/1")
    assert response.status_code == 500
    assert response.json()["error"]["what"] == "internal error"
    assert "division" not in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_only_the_page_and_its_files_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    parts = re.findall(r'(?:src|href)="(/?static/[^"]+)"', page.text)
    assert parts
    for part in parts:
        assert client.get("/" + part.lstrip("/")).status_code == 200, part
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/"):
        assert client.get(path).status_code == 404


def test_no_file_of_the_page_names_another_host() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css", ".js", ".svg"):
            named = set(re.findall(r"https?://[\w.-]+", path.read_text("utf-8")))
            assert named <= {"http://www.w3.org"}, path


@pytest.mark.parametrize(
    "body",
    [
        b'{"image": [',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"image": NaN}',
        b'{"image": [], "label": Infinity}',
        b"\xff\xfe{}",
        b"9" * 5000,
        b"",
        b'{"image": "\\ud800"}',
    ],
)
def test_case_77_malformed_json_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/api/explain", content=body, headers=JSON)
    assert response.status_code == 400
    assert response.json()["error"]["what"]


def test_case_77_nan_and_infinity_are_refused_in_number_fields(
    client: TestClient,
) -> None:
    for text in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = f'{{"learning_rate": {text}}}'.encode()
        assert client.post("/api/train", content=body, headers=JSON).status_code == 400


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        assert tag not in ("script", "link", "img", "iframe", "style")
        if tag == "a":
            self.targets.append(found["href"] or "")
        if "id" in found:
            self.names.add(f"#{found['id']}")


def test_the_api_page_lists_every_operation_and_loads_nothing(client: TestClient) -> None:
    text = client.get("/docs").text
    described = client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"<h2>{method.upper()} {path}</h2>" in text
    links = Links(text)
    assert {link for link in links.targets if link.startswith("#")} <= links.names


def test_every_operation_has_a_description_and_its_errors(client: TestClient) -> None:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            assert operation["description"].endswith("."), (method, path)
            assert {"4XX", "503"} <= operation["responses"].keys()
            assert "422" not in operation["responses"]


@pytest.mark.slow
def test_every_answer_matches_the_openapi_description(studio: Studio) -> None:
    statuses, wrong = api.ask_all(create(studio), 4)
    assert wrong == []
    assert statuses.total() > 80
    assert {200, 400, 404} <= set(statuses)
