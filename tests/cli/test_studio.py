import builtins
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from mnistry.cli.studio import studio
from mnistry.errors import ModelError, UsageError


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


def test_a_model_that_there_is_not_is_told_before_anything_is_served(tmp_path: Path) -> None:
    for model in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ModelError):
            studio(model=str(model), port=0)


def test_without_its_extra_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def bare(name: str, *arguments: object, **more: object) -> object:
        if name.startswith("mnistry.studio"):
            raise ModuleNotFoundError("No module named 'fastapi'", name="fastapi")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", bare)
    with pytest.raises(UsageError, match=r"pip install 'mnistry\[studio\]'"):
        studio()
