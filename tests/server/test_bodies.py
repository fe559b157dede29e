import asyncio
import base64
import contextlib
import json
import select
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from mnistry.server import bodies
from mnistry.server.bodies import MAX_BYTES
from mnistry.server.errors import ApiError


@pytest.mark.parametrize(("path", "most"), [("/api/else", 1 << 16), ("/api/read", 10_000_000)])
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
    except httpx2.WriteError:  # the server has closed the connection
        pass
    else:
        assert response.status_code == 413
    assert MAX_BYTES < sent < 25_000_000


def test_a_picture_just_over_the_cap_is_refused(client: TestClient) -> None:
    assert client.post("/api/read", content=bytes(MAX_BYTES)).status_code == 400  # no picture
    large = bytes(MAX_BYTES + 1)
    assert client.post("/api/read", content=large).status_code == 413
    assert client.post("/api/read", files={"a": large}).status_code == 413
    encoded = {"image": base64.b64encode(large).decode()}
    assert client.post("/api/read", json=encoded).status_code == 413


def test_a_picture_of_the_cap_may_be_sent_as_base64_text(client: TestClient) -> None:
    for size, status in ((MAX_BYTES, 400), (MAX_BYTES + 1, 413)):  # 400: read, but no picture
        text = base64.encodebytes(bytes(size))  # with line ends
        response = client.post("/api/read", content=text, headers={"Content-Type": "text/plain"})
        assert response.status_code == status


@pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data; charset=x"])
def test_case_79_a_form_without_its_boundary_is_refused(client: TestClient, kind: str) -> None:
    response = client.post("/api/read", content=b"--x\r\n", headers={"Content-Type": kind})
    assert response.status_code == 400
    assert "oundary" in response.json()["error"]["what"]


def test_case_80_a_clients_file_name_is_never_used(
    client: TestClient, drawing: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")  # ../../x would be in tmp_path
    before = sorted(tmp_path.rglob("*"))
    response = client.post("/api/read", files={"file": ("../../x", drawing, "image/png")})
    assert response.json()["text"] == "4"
    assert "../" not in response.text
    refused = client.post("/api/read", files={"file": ("../../x", b"no picture")})
    assert refused.status_code == 400
    assert "../" not in refused.text
    assert sorted(tmp_path.rglob("*")) == before


def test_uploads_are_never_written_to_a_file(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no-such-folder"
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    large = client.post("/api/read", files={"file": ("x.png", bytes(9_000_000))})
    assert "only zero bytes" in large.json()["error"]["what"]


def test_case_81_thousands_of_parts_are_refused(client: TestClient) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="n"%s\r\n\r\nx\r\n'
    for name in (b'; filename="f"', b""):
        body = part % name * 5000 + b"--b--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        response = client.post("/api/read", content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["expected"] == "1 to 100 pictures"


def test_a_form_without_a_file_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/api/read", content=b"--b--\r\n", headers=headers).status_code == 400


def test_case_82_a_body_that_never_ends_is_cut_off(
    served: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    address = urlsplit(str(served.base_url))
    head = b"POST /api/read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nslow"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head)
        answer = connection.makefile("rb").read()  # to the end: the connection is closed
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_too_many_open_requests_are_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_REQUESTS", 0)
    response = client.get("/openapi.json")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"


def test_a_length_that_is_not_a_number_is_refused(client: TestClient) -> None:
    response = client.post("/api/read", content=b"x", headers={"Content-Length": "x"})
    assert response.status_code == 400


LARGE = 9_900_000
MAX_LARGE = 6  # such bodies that the server admits at once: a seventh would exceed 61 MB


def head(*headers: str) -> bytes:
    """Return the headers of a request with a picture."""
    return "\r\n".join(["POST /api/read HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


@contextlib.contextmanager
def open_requests(served: httpx2.Client, starts: Sequence[bytes]) -> Iterator[list[socket.socket]]:
    """Send the start of each request over its own connection, and keep them all open."""
    address = urlsplit(str(served.base_url))
    with contextlib.ExitStack() as stack:
        connections = []
        for start in starts:
            connection = socket.create_connection((address.hostname, address.port), timeout=20)
            connections.append(stack.enter_context(connection))
            connection.sendall(start)
        yield connections


def first_answers(connections: list[socket.socket], count: int) -> list[bytes]:
    """Wait until this number of connections have an answer; return all answers."""
    until = time.monotonic() + 20
    ready: list[socket.socket] = []
    while len(ready) < count and time.monotonic() < until:
        ready, _, _ = select.select(connections, [], [], 0.05)
        time.sleep(0.01)
    return [connection.recv(1 << 16) for connection in ready]


def assert_room_for_a_large_body(served: httpx2.Client) -> None:
    """Assert that the bytes of all earlier requests are released."""
    for _ in range(100):
        status = served.post("/api/read", content=bytes(LARGE)).status_code
        if status == 400:  # it was read, but is not a picture
            return
        assert status == 503
        time.sleep(0.05)
    raise AssertionError("bytes are still reserved")


def test_fault_129_bodies_are_refused_unread_once_their_announced_bytes_spend_the_budget(
    served: httpx2.Client, drawing: bytes
) -> None:
    """Without a budget, 64 bodies of 9.9 MB at once took 700 MB of memory."""
    starts = [head(f"Content-Length: {LARGE}")] * 64
    with open_requests(served, starts) as connections:
        answers = first_answers(connections, 64 - MAX_LARGE)
        assert len(answers) == 64 - MAX_LARGE  # the server waits for the other bodies
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
        assert all(b"\r\nretry-after: 1\r\n" in answer.lower() for answer in answers)
        assert served.post("/api/read", content=drawing).json()["text"] == "4"
    assert_room_for_a_large_body(served)


def test_fault_129_chunked_bodies_are_refused_when_they_outgrow_the_budget(
    served: httpx2.Client, drawing: bytes
) -> None:
    chunk = b"%x\r\n%s\r\n" % (LARGE, bytes(LARGE))
    starts = [head("Transfer-Encoding: chunked") + chunk] * (MAX_LARGE + 2)
    with open_requests(served, starts) as connections:
        answers = first_answers(connections, 2)
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 503 "] * 2
        assert served.post("/api/read", content=drawing).json()["text"] == "4"
    assert_room_for_a_large_body(served)


def test_fault_129_a_body_of_two_lengths_is_refused(served: httpx2.Client) -> None:
    start = head("Content-Length: 10", "Transfer-Encoding: chunked")
    with open_requests(served, [start]) as connections:
        (answer,) = first_answers(connections, 1)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert connections[0].recv(100) == b""  # closed: the end of its body is unknown


def test_fault_129_bytes_beyond_the_announced_length_are_cut_off(
    served: httpx2.Client,
) -> None:
    with open_requests(served, [head("Content-Length: 10") + bytes(10)]) as (connection,):
        with contextlib.suppress(ConnectionError):
            connection.sendall(bytes(5_000_000))
        with contextlib.suppress(ConnectionError):
            while connection.recv(1 << 16):
                pass  # raises TimeoutError if the server goes on reading
    assert_room_for_a_large_body(served)


def test_fault_129_a_body_larger_than_announced_is_refused_under_any_asgi_server() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(6), "more_body": True}

    async def send(_: Message) -> None:
        raise AssertionError("nothing to send")

    limits = bodies.BodyLimits(app, ())
    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"10")]}
    for _ in range(3):
        with pytest.raises(ApiError, match="more bytes than announced"):
            asyncio.run(limits(scope, receive, send))
        assert limits.reserved == 0
