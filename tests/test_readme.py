"""The README's programs are right: mypy finds no fault in them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.splitlines()[-1][:30])
def test_a_first_program_has_no_fault_of_types(program: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program)
    result = subprocess.run(  # in the project, so that what `make lint` has checked is not again
        [sys.executable, "-m", "mypy", "--strict", path], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
