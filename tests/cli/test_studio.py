import builtins
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from mnistry.cli.studio import studio
from mnistry.errors import ModelError
from torture import processes


def test_the_address_is_printed_and_answers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mnistry", "studio", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(f"{address}api/status", timeout=30) as response:  # noqa: S310
            assert response.status == 200
        process.terminate()
        code = process.wait(30)
    if os.name != "nt":
        assert code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_case_84_broken_and_broken_off_requests_do_not_fill_the_terminal(tmp_path: Path) -> None:
    form = b"--edge\r\nContent-Disp[osition: form-data\r\n\r\n\r\n--edge--\r\n"
    with processes.studio(tmp_path / "runs") as served:
        status, _ = served.ask(
            "POST", "/api/read", form, **{"Content-Type": "multipart/form-data; boundary=edge"}
        )
        assert status == 400
        host = f"{served.host}:{served.port}"
        for path in ("read", "explain", "train"):
            with socket.create_connection((served.host, served.port)) as connection:
                head = f"POST /api/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
                connection.sendall(f"{head}Content-Type: application/json\r\n\r\nhalf".encode())
        assert served.ask("GET", "/api/status")[0] == 200
    assert served.said == [""]


def test_a_missing_model_is_reported_before_anything_is_served(tmp_path: Path) -> None:
    for model in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ModelError):
            studio.main(["--model", str(model), "--port", "0"], standalone_mode=False)


def test_without_its_extra_the_remedy_is_told(
    mnistry_command, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def bare(name: str, *arguments: object, **more: object) -> object:
        if name.startswith("mnistry.studio"):
            raise ModuleNotFoundError("No module named 'fastapi'", name="fastapi")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", bare)
    result = mnistry_command("studio")
    assert (result.code, result.out) == (2, "")
    assert "needs fastapi, which is not installed; pip install 'mnistry[studio]'" in result.err
