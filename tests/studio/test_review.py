"""The routes of a review: behind the guard, and without readings that are not to be seen yet."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from mnistry.forms.definition import Form
from mnistry.forms.records import NewPage
from mnistry.forms.review import Audit, Report, Review
from mnistry.forms.store import Store
from mnistry.server.guard import Access
from mnistry.studio import app as studio
from mnistry.studio.app import Studio
from mnistry.studio.app import create as create_studio
from mnistry.studio.network import Network
from mnistry.studio.review import create, summary
from mnistry.system import files
from tests.forms import batches

BASE = "http://127.0.0.1:8000"


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return batches.write_form(tmp_path)


@pytest.fixture
def store(form: Form, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "batch") as opened:
        said = batches.answers(station=batches.UNSURE, weather=batches.CONTESTED)
        batches.add(form, opened, 1, said)
        yield opened


@pytest.fixture
def client(form: Form, store: Store) -> Iterator[TestClient]:
    with TestClient(create(Review(form, store, "eva")), base_url=BASE) as asking:
        yield asking


def test_a_field_is_shown_decided_and_taken_back(client: TestClient, store: Store) -> None:
    start = client.get("/api/review").json()
    assert start == {
        "kind": "review", "title": "Catch", "names": ["1//-1/station", "1//-1/weather"],
        "summary": None,
    }  # fmt: skip
    name = {"name": "1//-1/station"}
    assert client.get("/api/review/field", params=name).json()["preset"] == "049"
    picture = client.get("/api/review/crop.jpg", params=name)
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["cache-control"] == "no-store"
    assert cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR) is not None
    step = client.post("/api/review/decisions", json={**name, "text": "149"}).json()
    assert step["removed"] == ["1//-1/station"]
    assert [one.text for one in store.sheets()[0].decisions.values()] == ["149"]
    assert client.post("/api/review/undo", json={}).json()["added"] == ["1//-1/station"]
    assert store.sheets()[0].decisions == {}


def test_a_contested_reading_is_not_in_the_answer(client: TestClient) -> None:
    found = client.get("/api/review/field", params={"name": "1//-1/weather"})
    assert found.json()["keys"] == [["1", "dry"], ["2", "rain"]]
    assert "12" not in found.text
    assert "17" not in found.text


def test_a_page_that_was_set_aside_is_shown_and_said_to_be_none(
    form: Form, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "scan.png"
    cv2.imwrite(str(path), np.full((300, 200), 240, np.uint8))
    aside = NewPage(1, None, None, 0, {}, "it is blank", (), None, None)
    store.add_page(store.add_file(path, files.sha256(path)), aside)
    with TestClient(create(Review(form, store, "eva")), base_url=BASE) as asking:
        name = asking.get("/api/review").json()["names"][0]
        view = asking.get("/api/review/page", params={"name": name}).json()
        assert (view["why"], view["has_serial"]) == ("it is blank", True)
        assert view["pages"][0]["points"] == [[10, 10], [200, 10], [200, 287], [10, 287]]
        for path, given in (("scan", {"name": name, "quarters": 1}), ("blank", {"page": 1})):
            shown = asking.get(f"/api/review/{path}.jpg", params=given)
            assert shown.headers["content-type"] == "image/jpeg"
        points = [[*point, 0.5, 0.5] for point in view["pages"][0]["points"]]
        for wrong in ({"page": 1, "points": points}, {"page": 9, "points": points}, {}):
            assert asking.post("/api/review/pages", json={"name": name, **wrong}).status_code == 400
        step = asking.post("/api/review/pages", json={"name": name, "page": None}).json()
        assert (step["about"], step["removed"]) == (name, [name])
        assert store.unplaced() == []
        assert asking.post("/api/review/undo", json={}).json()["added"] == [name]
    with TestClient(create(Audit(form, store, "eva")), base_url=BASE) as asking:
        assert asking.get("/api/review/page", params={"name": name}).status_code == 400


def test_the_page_and_its_parts_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for part in ("review.js", "placing.js", "review.css", "pure/review.js", "studio.css"):
        assert client.get(f"/static/{part}").status_code == 200


@pytest.mark.parametrize(
    "body", [{"name": "1//-1/station"}, {"name": "9//-1/x", "text": "1"}, {"text": "1" * 501}]
)
def test_a_wrong_request_is_refused(client: TestClient, body: dict[str, str]) -> None:
    assert client.post("/api/review/decisions", json=body).status_code == 400


def test_nobody_else_sees_the_batch(form: Form, store: Store) -> None:
    app = create(Review(form, store, "eva"), Access(token="secret"))  # noqa: S106
    with TestClient(app, base_url=BASE) as asking:
        for path in ("/", "/api/review", "/api/review/crop.jpg?name=1//-1/station"):
            assert asking.get(path).status_code == 401
        assert asking.get("/?token=secret").status_code == 200
        assert asking.get("/api/review").status_code == 200
        other = {"Origin": "http://evil.example"}
        assert asking.post("/api/review/undo", json={}, headers=other).status_code == 403


def test_an_audit_says_what_it_found(form: Form, store: Store) -> None:
    audit = Audit(form, store, "eva")
    audit.draw(10)
    right = {"patient": "777", "adults": "13", "young": "4", "total": "16"}  # adults: 12 was read
    with TestClient(create(audit), base_url=BASE) as asking:
        names = asking.get("/api/review").json()["names"]
        assert asking.get("/api/review").json()["summary"] == "no field could be compared yet"
        for name in names:
            body = {"name": name, "text": right[name.split("/")[-1]]}
            asking.post("/api/review/decisions", json=body)
        start = asking.get("/api/review").json()
    assert start["names"] == []
    assert start["summary"].startswith("1 of 4 fields wrong")


def test_a_summary_tells_what_a_sample_can_show() -> None:
    # The 95 % interval of Clopper and Pearson for 3 of 750.
    three = Report(750, 750, 0, (("a", "1", "7"),) * 3)
    assert summary(three).startswith("3 of 750 fields wrong: in 10,000 fields 8.3 to 116.4")


def test_the_studio_offers_the_same_review(form: Form, store: Store, tmp_path: Path) -> None:
    plain, with_review = (
        create_studio(Studio(Network.shipped(), tmp_path, review))
        for review in (None, Review(form, store, "eva"))
    )
    with TestClient(plain, base_url=BASE) as asking:
        assert asking.get("/api/status").json()["has_review"] is False
        assert asking.get("/api/review").status_code == 404
    with TestClient(with_review, base_url=BASE) as asking:
        assert asking.get("/api/status").json()["has_review"] is True
        assert "review.js" in asking.get("/review").text
        assert "main.js" in asking.get("/").text
        body = {"name": "1//-1/station", "text": "149"}
        assert asking.post("/api/review/decisions", json=body).status_code == 200
    assert store.sheets()[0].decisions["", -1, "station"].text == "149"


def test_the_studio_with_a_review_needs_a_token(
    form: Form, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = []
    monkeypatch.setattr(studio.server_loop, "serve", lambda *given, **_: served.append(given[1]))
    for review in (None, Review(form, store, "eva")):
        made = Studio(Network.shipped(), tmp_path, review)
        studio.serve(made, Access(), 0, on_ready=print, say=print)
    assert [access.token is None for access in served] == [True, False]
