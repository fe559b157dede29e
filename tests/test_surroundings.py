"""The reading half works where little is given: no home, no space, no /proc, few processes."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.forms import filled

pytestmark = pytest.mark.slow


# Runs a command that can write nothing into any file. Not by `preexec_fn`: JAX, once it is loaded,
# warns of each fork.
NO_SPACE = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
# Runs a command in a namespace in which another, empty folder lies over /proc.
NO_PROC = ["unshare", "--map-root-user", "--mount", "sh", "-c",
           'mount -t tmpfs none /proc && exec "$@"', "sh"]  # fmt: skip
NOWHERE = {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none"}
SURROUNDINGS: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "C locale": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, []),
    "home that cannot be written": (NOWHERE, []),
    "no /proc": ({}, NO_PROC),
    "full TMPDIR": ({"TMPDIR": "/proc/none", **NOWHERE}, [sys.executable, "-c", NO_SPACE]),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a number, as PNG and as PDF; its name is no ASCII."""
    folder = tmp_path_factory.mktemp("scans")
    sheet = np.full((300, 500), 235, np.uint8)
    for place, digit in enumerate((2, 0, 4)):
        large = cv2.resize(filled.digit(digit), (90, 90), interpolation=cv2.INTER_CUBIC)
        part = sheet[100:190, 60 + 80 * place : 150 + 80 * place]
        part[:] = np.minimum(part, 235 - 0.8 * large)
    picture = Image.fromarray(sheet)
    picture.save(folder / "größe.png")
    picture.save(folder / "größe.pdf", resolution=150)
    return folder / "größe.png"


@pytest.mark.parametrize("where", SURROUNDINGS)
def test_pages_are_read(where: str, page: Path) -> None:
    said = ask(where, "read", "--jsonl", page, page.with_suffix(".pdf"))
    assert [json.loads(line)["text"] for line in said.splitlines()] == ["204", "204"]


@pytest.mark.parametrize("where", [name for name in SURROUNDINGS if name != "full TMPDIR"])
def test_a_form_is_read_into_a_batch(where: str, tmp_path: Path) -> None:
    form = filled.write_form(tmp_path)
    scan = tmp_path / "größe.png"
    cv2.imwrite(str(scan), filled.scan(filled.fill({"station": "049"}), scale=0.6))
    said = ask(where, "form", "read", form, scan, "--batch", tmp_path / "batch", "--jsonl")
    assert json.loads(said)["fields"]["station"]["value"] == "049"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_a_user_who_may_have_32_processes_can_read(page: Path) -> None:
    program = (
        "import pathlib, re, sys; from mnistry import Reader\n"
        "print(Reader().read(sys.argv[1]).text, Reader().read(sys.argv[2]).text)\n"
        "task = pathlib.Path('/proc/self/task')\n"
        "children = pathlib.Path(f'/proc/self/task/{sorted(task.iterdir())[0].name}/children')\n"
        "processes = ['self', *children.read_text().split()]\n"
        "print(sum(len(list(pathlib.Path('/proc', one, 'task').iterdir())) for one in processes))"
    )
    command = [sys.executable, "-c", program, page, page.with_suffix(".pdf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    read, threads = done.stdout.splitlines()
    assert read == "204 204"
    assert int(threads) < 32  # on a machine of four cores


@pytest.mark.parametrize("ending", [".jpg", ".pdf"])
def test_a_photo_of_12_megapixels_takes_less_than_512_mb(page: Path, ending: str) -> None:
    photo = page.with_name(f"photo{ending}")
    with Image.open(page) as sheet:
        sheet.resize((4000, 3000)).save(photo, resolution=300)
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'mnistry', 'read', sys.argv[1]], check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", program, photo]
    read, most = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert read == "204"
    assert int(most) < 512_000  # kB


@functools.cache
def _can_hide_proc() -> bool:
    hidden = [*NO_PROC, "test", "!", "-e", "/proc/self"]
    return shutil.which("unshare") is not None and not subprocess.run(hidden).returncode


def ask(where: str, *arguments: object) -> str:
    more, runner = SURROUNDINGS[where]
    if runner is NO_PROC and not _can_hide_proc():
        pytest.skip("this user may not hide /proc")
    environment = {k: v for k, v in os.environ.items() if k not in ("MNISTRY_HOME", "LC_ALL")}
    done = subprocess.run(
        [*runner, sys.executable, "-m", "mnistry", *map(str, arguments)],
        env={**environment, **more},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()
