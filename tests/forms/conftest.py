"""Forms written by tests, and one with a field of nearly every kind."""

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


WHOLE = """\
title = "Water samples"

[[field]]
name = "station"
type = "digits"
length = 3
required = true
[[field]]
name = "day"
type = "date"
format = "DD.MM.YYYY"
min = 2026-01-01
[[field]]
name = "start"
type = "time"
[[field]]
name = "end"
type = "time"
[[field]]
name = "depth"
type = "decimal"
decimals = 1
max = 120.5
[[field]]
name = "adults"
type = "integer"
max = 999
[[field]]
name = "total"
type = "integer"
min = -20
max = 9
[[field]]
name = "weather"
type = "choice"
options = ["dry", "rain"]
[[table]]
name = "catch"
rows = 12
columns = [{name = "species", type = "digits", length = 3},
  {name = "count", type = "integer", max = 99}]
[[rule]]
sum = ["adults", "catch.count"]
equals = "total"
[[rule]]
before = ["start", "end"]
[[rule]]
unique = ["serial", "station"]
"""
