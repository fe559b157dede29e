"""The ways in which programs send pictures."""

import base64
import json

import pytest
from starlette.testclient import TestClient

JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def data_url(drawing: bytes) -> str:
    """The drawing as a canvas gives it."""
    return f"data:image/png;base64,{base64.b64encode(drawing).decode()}"


def test_a_data_url_is_read_as_text_in_json_and_in_a_field_of_any_name(
    client: TestClient, data_url: str
) -> None:
    plain = data_url.partition(",")[2]
    for answer in (
        client.post("/api/read", content=data_url, headers=TEXT),
        client.post("/api/read", content=data_url),  # as curl --data sends it
        client.post("/api/read", content=plain, headers=TEXT),
        client.post("/api/read", json={"image": data_url}),
        client.post("/api/read", json={"image": plain}),
        client.post("/api/read", content=json.dumps({"image": plain})),  # as curl --data
        client.post("/api/read", files={"anything": (None, data_url)}),
    ):
        assert answer.json().get("text") == "4", answer.text


def test_a_file_is_read_whatever_the_name_of_its_field(client: TestClient, drawing: bytes) -> None:
    for name in ("file", "image", "photo"):
        assert client.post("/api/read", files={name: drawing}).json()["text"] == "4"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("data:text/html;base64,PGI+", "a data URL of text/html"),
        ("data:image/png,abc", "a data URL that is not base64"),
        ("data:image/png;base64,####", "not base64"),
        ("iVBORw0KGgo", "not base64"),  # cut off
        ("", "not base64"),
        ("é", "not base64"),
        (7, "not a text"),
        ([[0, 255]], "not a text"),
    ],
)
def test_fault_130_what_is_no_base64_is_refused_with_what_to_send(
    client: TestClient, text: object, what: str
) -> None:
    response = client.post("/api/read", json={"image": text})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["what"], error["where"]) == (what, "image")
    assert "canvas.toDataURL" in error["expected"]
    assert "send the file's bytes" in error["remedy"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 60_000, b'{"image": NaN}', b"\xff\xfe", b"[]", b"{}", b'{"image": "", "a": 1}',
     b'{"images": "x"}', b'{"images": []}'],
)  # fmt: skip
def test_case_77_malformed_json_is_refused_with_the_right_form(
    client: TestClient, body: bytes
) -> None:
    response = client.post("/api/read", content=body, headers=JSON)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["what"] and error["expected"] and error["remedy"]


def test_more_pictures_than_one_request_may_have_are_refused(client: TestClient) -> None:
    response = client.post("/api/read", json={"images": ["AAAA"] * 101})
    assert response.status_code == 400
    assert response.json()["error"]["expected"] == "1 to 100 pictures"


def test_an_empty_input_of_a_browsers_form_is_passed_over(
    client: TestClient, drawing: bytes
) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="n"; filename="%s"\r\n\r\n%s\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = part % (b"", b"") + part % (b"a.png", drawing) + b"--b--\r\n"
    assert client.post("/api/read", content=body, headers=headers).json()["text"] == "4"
