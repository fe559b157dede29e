"""No dependency is older than the version that fixes its known vulnerabilities."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "keras": (3, 15, 1),
    "onnx": (1, 22),
    "onnxruntime": (1, 30, 1),
    "pillow": (12, 3),
    "python-multipart": (0, 0, 31),
    "ray": (2, 56),
    "starlette": (1, 6),
}


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def test_the_ranges_begin_at_or_above_the_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = dict(
        re.match(r"([\w-]+).*>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
        for group in groups
        for requirement in group
        if ">=" in requirement
    )
    assert [name for name, floor in FLOORS.items() if version(asked[name]) < floor] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.stem
)
def test_the_pinned_versions_are_at_or_above_the_floors_and_hashed(path: Path) -> None:
    text = path.read_text()
    pinned = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    assert "keras" in dict(pinned)
    for name, pin in pinned:
        assert version(pin) >= FLOORS.get(name, ()), name
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.stem
)
@pytest.mark.parametrize("name", ["jax", "numpy", "scipy"])
def test_newer_pythons_get_newer_versions_than_python_3_11(name: str, path: Path) -> None:
    # These packages no longer release for 3.11: one version for all Pythons would be an old one.
    pins = re.findall(
        rf"^{name}==([\w.]+) ; python_full_version (<|>=) '3.12'", path.read_text(), re.MULTILINE
    )
    by_python = {sign: version(pin) for pin, sign in pins}
    assert by_python["<"] < by_python[">="]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import marshal",
        "from joblib import load",
        "import dill",
        "import cloudpickle",
        "import shelve",
        "import torch\ntorch.load('x')",
        "import keras\nkeras.config.enable_unsafe_deserialization()",
        "eval('1')",
        "exec('1')",
        "import yaml\nyaml.load('x')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
    ],
)
def test_the_linter_refuses_what_may_run_code(line: str) -> None:
    checked = subprocess.run(
        [
            sys.executable, "-m", "ruff", "check", "--no-cache", "--ignore", "F,E,I,D",
            "--stdin-filename", "src/mnistry/new.py", "-",
        ],
        cwd=ROOT, input=f"{line}\n", capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 1
    assert re.match(r"(TID251|S\d+) ", checked.stdout)


def test_no_array_is_read_with_leave_to_unpickle() -> None:
    calls = [
        call
        for path in (ROOT / "src").rglob("*.py")
        for call in re.findall(r"np\.load\([^)]*\)", path.read_text())
    ]
    assert calls
    assert [call for call in calls if "allow_pickle=False" not in call] == []
