"""Several pictures and pages in one request."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mnistry import Reader
from mnistry.server import answers
from mnistry.server.tasks import Answer, Task
from tests.serving import pdf

BROKEN = b"no picture"


def texts(answer: dict[str, Any]) -> list[tuple[int, int | None, str | None]]:
    """Return each result's place and text."""
    return [(one["index"], one["page"], one.get("text")) for one in answer["results"]]


def as_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_each_picture_of_a_form_has_its_own_answer_or_error(
    client: TestClient, drawing: bytes
) -> None:
    files = [("a", drawing), ("b", BROKEN), ("a", drawing)]
    answer = client.post("/api/read?fields=text", files=files)
    assert answer.status_code == 200
    assert texts(answer.json()) == [(0, 1, "4"), (1, None, None), (2, 1, "4")]
    error = answer.json()["results"][1]["error"]
    assert "PNG" in error["expected"]
    assert "error" not in answer.json()["results"][0]


def test_a_list_of_one_has_a_list_as_its_answer(client: TestClient, drawing: bytes) -> None:
    one = client.post("/api/read", json={"images": [as_base64(drawing)]}).json()
    assert texts(one) == [(0, 1, "4")]
    assert "text" in client.post("/api/read", json={"image": as_base64(drawing)}).json()


def test_every_page_of_a_pdf_has_an_answer_in_order(client: TestClient, drawing: bytes) -> None:
    answer = client.post("/api/read?fields=text", content=pdf(3)).json()
    assert texts(answer) == [(0, page, "1") for page in (1, 2, 3)]
    both = client.post("/api/read?fields=text", files=[("a", pdf(2)), ("b", drawing)]).json()
    assert texts(both) == [(0, 1, "1"), (0, 2, "1"), (1, 1, "4")]


def test_pages_can_be_chosen_and_one_page_is_an_answer_of_its_own(client: TestClient) -> None:
    document = pdf(3)
    one = client.post("/api/read?pages=2&fields=text", content=document).json()
    assert one == {"text": "1"}
    two = client.post("/api/read?pages=2-&fields=text", content=document).json()
    assert texts(two) == [(0, 2, "1"), (0, 3, "1")]
    none = client.post("/api/read?pages=9", content=document)
    assert (none.status_code, none.json()["error"]["expected"]) == (400, "1 to 3")


def test_too_many_pages_are_refused_with_the_way_to_send_them(client: TestClient) -> None:
    response = client.post("/api/read", content=pdf(101))
    assert response.status_code == 400
    assert response.json()["error"]["what"] == "101 pages"
    assert "?pages=1-100" in response.json()["error"]["remedy"]


def test_an_answer_has_the_fields_that_are_asked_for(client: TestClient, drawing: bytes) -> None:
    answer = client.post("/api/read?fields=numbers,text", content=drawing).json()
    assert list(answer) == ["text", "numbers"]
    usual = client.post("/api/read", content=drawing).json()
    assert {"lines", "digits", "width", "turned"} <= usual.keys()
    assert "image" not in usual["digits"][0]
    (digit,) = client.post("/api/read?fields=details", content=drawing).json()["digits"]
    assert len(digit["image"]) == 28
    assert "preview" not in client.post("/api/read?fields=all", content=drawing).json()


def test_parameters_may_be_repeated_as_libraries_send_lists(client: TestClient) -> None:
    query = {"fields": ["text", "width"], "pages": ["1", "3"]}
    found = client.post("/api/read", params=query, content=pdf(3)).json()["results"]
    assert [one["page"] for one in found] == [1, 3]
    assert found[0].keys() == {"index", "page", "text", "width"}


def test_a_preview_of_each_page_is_sent_if_it_is_asked_for(client: TestClient) -> None:
    answer = client.post("/api/read?fields=all,preview", content=pdf(2)).json()
    for one in answer["results"]:
        kind, text = one["preview"].split(",")
        assert kind == "data:image/jpeg;base64"
        width, height = one["picture"]
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert max(image.size) <= 1200
            assert abs(image.width / image.height - width / height) < 0.01
            assert image.convert("L").getpixel((5, 5)) > 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields=words", "some of lines, text"),
        ("pages=0", "numbers from 1"),
        ("page=1", "fields and pages"),
    ],
)
def test_a_wrong_query_is_refused_with_what_is_possible(
    client: TestClient, drawing: bytes, query: str, expected: str
) -> None:
    response = client.post(f"/api/read?{query}", content=drawing)
    assert response.status_code == 400
    assert expected in response.json()["error"]["expected"]


def test_tables_are_asked_for_in_the_same_ways(client: TestClient, drawing: bytes) -> None:
    answer = client.post("/api/tables", files=[("a", drawing), ("b", BROKEN)]).json()
    assert answer["results"][0]["tables"] == []
    assert answer["results"][1]["error"]["what"]


def test_a_picture_that_meets_a_bug_does_not_lose_the_others(
    client: TestClient, drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answers.answer

    def fails_once(reader: Reader, task: Task, *others: Any) -> Answer:
        if task.content == drawing:
            return answer(reader, task, *others)
        return Answer(b"", pages=1 // 0)

    monkeypatch.setattr(answers, "answer", fails_once)
    files = [("a", drawing), ("b", drawing + b" "), ("c", drawing)]
    found = client.post("/api/read?fields=text", files=files).json()
    assert texts(found) == [(0, 1, "4"), (1, None, None), (2, 1, "4")]
    assert found["results"][1]["error"]["what"] == "internal error"
    assert "division" not in json.dumps(found)
