from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from mnistry.errors import DataError, MnistryError, ModelError, ResourceError
from mnistry.server.app import create
from mnistry.server.in_process import InProcess


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
