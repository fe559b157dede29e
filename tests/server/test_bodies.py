import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from mnistry.images.decode import MAX_BYTES
from mnistry.server import bodies


@pytest.mark.parametrize(("path", "most"), [("/api/else", 1 << 16), ("/api/read", 10_016_384)])
def test_case_78_a_body_that_announces_too_much_is_refused_unread(
    served: httpx2.Client, path: str, most: int
) -> None:
    address = urlsplit(str(served.base_url))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {most + 1}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["expected"] == (
        f"at most {most:,} bytes"
    )


def test_case_78_a_chunked_body_is_refused_when_it_has_grown_too_large(
    served: httpx2.Client,
) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 1 << 16
            yield bytes(1 << 16)

    try:
        response = served.post("/api/read", content=chunks())
    except httpx2.WriteError:  # it does not even listen to the rest
        pass
    else:
        assert response.status_code == 413
    assert MAX_BYTES < sent < 25_000_000


def test_a_picture_just_over_the_cap_is_refused(client: TestClient) -> None:
    assert client.post("/api/read", content=bytes(MAX_BYTES + 1)).status_code == 400
    assert client.post("/api/read", content=bytes(MAX_BYTES + 20_000)).status_code == 413


@pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data; charset=x"])
def test_case_79_a_form_without_its_boundary_is_refused(client: TestClient, kind: str) -> None:
    response = client.post("/api/read", content=b"--x\r\n", headers={"Content-Type": kind})
    assert response.status_code == 400
    assert "oundary" in response.json()["error"]["what"]


def test_case_80_a_clients_file_name_is_never_used(
    client: TestClient, drawing: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")  # ../../x would be beside it
    before = sorted(tmp_path.rglob("*"))
    response = client.post("/api/read", files={"file": ("../../x", drawing, "image/png")})
    assert response.json()["text"] == "4"
    assert "../" not in response.text
    refused = client.post("/api/read", files={"file": ("../../x", b"no picture")})
    assert refused.status_code == 400
    assert "../" not in refused.text
    assert sorted(tmp_path.rglob("*")) == before


def test_uploads_are_never_in_a_file(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no-such-folder"
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    large = client.post("/api/read", files={"file": ("x.png", bytes(9_000_000))})
    assert "accepted format" in large.json()["error"]["what"]


def test_case_81_thousands_of_parts_are_refused(client: TestClient) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="n"%s\r\n\r\nx\r\n'
    for name in (b'; filename="f"', b""):
        body = part % name * 5000 + b"--b--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        response = client.post("/api/read", content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["expected"] == "one file, and nothing else"


def test_a_form_without_a_file_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/api/read", content=b"--b--\r\n", headers=headers).status_code == 400


def test_case_82_a_body_that_never_ends_is_given_up(
    served: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    address = urlsplit(str(served.base_url))
    head = b"POST /api/read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nslow"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head)
        answer = connection.makefile("rb").read()  # to the end: the connection is closed
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_more_open_requests_than_memory_should_hold_are_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_REQUESTS", 0)
    response = client.get("/api/openapi.json")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"


def test_a_length_that_is_not_a_number_is_refused(client: TestClient) -> None:
    response = client.post("/api/read", content=b"x", headers={"Content-Length": "x"})
    assert response.status_code == 400
