"""Forms written by tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mnistry.forms.definition import Form
from mnistry.forms.loading import load


@pytest.fixture
def form_of(tmp_path: Path) -> Callable[[str], Form]:
    """Write a FORM.toml and load it."""

    def write(text: str) -> Form:
        path = tmp_path / "FORM.toml"
        path.write_text(text, "utf-8")
        return load(path)

    return write
