from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from mnistry.errors import DataError, MnistryError, ModelError, ResourceError
from mnistry.server.app import create
from mnistry.server.in_process import InProcess

PAGE = b"P2 40 30 255 " + 1200 * b"255 "


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (
            DataError("no image", where="the picture", expected="PNG", remedy="save it as PNG"),
            400,
            {
                "what": "no image", "where": "the picture", "expected": "PNG",
                "remedy": "save it as PNG",
            },
        ),
        (
            ModelError(
                "cannot be read: [Errno 13] denied: '/home/eva/my runs/a/run.json'",
                where=Path("/home/eva/my runs/a/run.json"),
                expected="a folder with run.json",
                remedy="mnistry train --resume /home/eva/my runs/a",
            ),
            409,
            {
                "what": "cannot be read: [Errno 13] denied", "where": None,
                "expected": "a folder with run.json", "remedy": None,
            },
        ),
        (
            ResourceError("runs/a and runs/b differ", where="C:\\runs\\a.onnx, byte 7"),
            409,
            {
                "what": "the server cannot use one of its files", "where": None,
                "expected": None, "remedy": None,
            },
        ),
    ],
)  # fmt: skip
def test_a_library_error_is_answered_without_the_servers_paths(
    work: InProcess, error: MnistryError, status: int, expected: dict[str, str | None]
) -> None:
    app = create(work)

    async def fails(_: Request) -> None:
        raise error

    app.add_route("/fails", fails)

    response = TestClient(app, base_url="http://127.0.0.1").get("/fails")
    assert response.status_code == status
    assert response.json() == {"error": expected}
    assert "eva" not in response.text


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/api/read", b"", "image/png"),
        ("/api/read", b"", "application/json"),
        ("/api/read", b"a text", "image/png"),
        ("/api/read", b"PK\x05\x06" + bytes(18), "image/png"),
        ("/api/read", b"\x89HDF\r\n\x1a\n" + bytes(90), "image/png"),
        ("/api/read", b"name=page.png&send=Send", "application/x-www-form-urlencoded"),
        ("/api/read?pages=x", PAGE, "image/png"),
        ("/api/read?pages=2", PAGE, "image/png"),
        ("/api/read?fields=a", PAGE, "image/png"),
        ("/api/read?a=b", PAGE, "image/png"),
        ("/api/write", PAGE, "image/png"),
        ("/docs", PAGE, "image/png"),
    ],
)
def test_every_error_has_what_was_expected_and_a_remedy_that_a_client_can_follow(
    client: TestClient, path: str, content: bytes, kind: str
) -> None:
    response = client.post(path, content=content, headers={"Content-Type": kind})
    assert response.status_code in (400, 404, 405)
    error = response.json()["error"]
    assert error["what"] and error["expected"] and error["remedy"]
    assert "mnistry " not in error["remedy"]
