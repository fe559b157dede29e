"""The container of `mnistry serve`: ``make container-test`` builds it and runs these tests."""

import functools
import json
import subprocess
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnistry

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(mnistry.__file__).parent / "server" / "static" / "example.png"
TAG = NAME = "mnistry-container-test"
SECRET = "a-token-for-this-test"  # noqa: S105
MOST = 200_000_000  # compressed bytes


def docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(path: str, body: bytes | None = None, token: str = SECRET) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:8765{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    docker("build", "--tag", TAG, ".")
    docker(
        "run", "--detach", "--name", NAME, "--read-only", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--publish", "127.0.0.1:8765:8000",
        "--env", f"MNISTRY_TOKEN={SECRET}", TAG,
    )  # fmt: skip
    try:
        yield NAME
    finally:
        docker("rm", "--force", NAME)


def test_it_reads_a_picture_without_root_and_without_writing(container: str) -> None:
    for _ in range(120):
        try:
            if ask("/readyz")[0] == 200:
                break
        except OSError:
            time.sleep(0.5)
    assert json.loads(ask("/api/read?fields=text", EXAMPLE.read_bytes())[1]) == {"text": "407"}
    assert ask("/docs", token="")[0] == 401
    assert docker("exec", container, "id", "-u") != "0"
    assert SECRET not in docker("logs", container)


def test_it_has_no_more_than_it_needs(container: str) -> None:
    with subprocess.Popen(["docker", "save", TAG], stdout=subprocess.PIPE) as saving:  # noqa: S607
        compress = zlib.compressobj()
        assert saving.stdout is not None
        blocks = iter(functools.partial(saving.stdout.read, 1 << 20), b"")
        size = sum(len(compress.compress(block)) for block in blocks)
    assert 0 < size <= MOST
    code = "import importlib.util as u; print(u.find_spec('keras') or u.find_spec('jax'))"
    assert docker("exec", container, "python", "-c", code) == "None"


def test_it_ends_by_itself_when_it_is_stopped(container: str) -> None:
    docker("stop", "--time", "60", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "143"
