"""Run commands as a user would, inside this process."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from mnistry import cli


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def mnistry_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Call ``mnistry`` with these arguments."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["mnistry", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return Result(int(exit_.value.code or 0), out, err)

    return call
