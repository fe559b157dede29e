"""`mnistry serve` as a process with its workers."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mnistry.errors import ModelError
from tests.serving import drawing, four
from torture import processes
from torture.processes import ROOT, Served

__all__ = ["drawing", "four"]

WORKERS = 2


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    form = ROOT / "examples" / "forms" / "water-samples.toml"
    with processes.server("--workers", str(WORKERS), "--form", str(form)) as it:
        yield it
    assert it.said == [""]  # none of the tests made the server write to the terminal


def read(served: Served, picture: bytes) -> str:
    status, body = served.ask("POST", "/api/read?fields=text", picture)
    return json.loads(body)["text"] if status == 200 else f"{status} {body.decode()}"


def workers_of(served: Served) -> set[int]:
    """Return the process numbers of the workers that are there."""
    found = Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text().split()
    return {int(number) for number in found}


def test_a_picture_is_read_with_the_token_and_refused_without(
    served: Served, drawing: bytes
) -> None:
    assert served.token
    assert read(served, drawing) == "4"
    for wrong in ("", "Bearer x", f"Basic {served.token}"):
        status, body = served.ask("POST", "/api/read", drawing, Authorization=wrong)
        assert status == 401
        assert json.loads(body)["error"]["remedy"]


def test_fault_128_everything_but_the_health_needs_the_token(served: Served) -> None:
    for path in (
        "/",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/api/read",
        f"/docs?token={served.token}",
    ):
        assert served.ask("GET", path, Authorization="")[0] == 401, path
    for path in ("/healthz", "/readyz"):
        assert served.ask("GET", path, Authorization="", Host="10.0.0.1")[0] == 200


def test_a_batch_is_read_by_the_workers(served: Served, drawing: bytes) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\n%s\r\n'
    body = part % drawing * 8 + part % b"none" + b"--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    status, answer = served.ask("POST", "/api/read?fields=text", body, **kind)
    results = json.loads(answer)["results"]
    assert (status, [one.get("text") for one in results]) == (200, ["4"] * 8 + [None])


def test_a_form_is_read_by_the_name_of_its_file(served: Served, drawing: bytes) -> None:
    status, body = served.ask("POST", "/api/forms/water-samples", drawing)
    assert (status, json.loads(body)["error"]["expected"]) == (400, "a page of Water samples")
    assert served.ask("POST", "/api/forms/others", drawing)[0] == 404


@pytest.mark.skipif(sys.platform != "linux", reason="its processes are found in /proc")
def test_fault_131_a_worker_killed_under_load_loses_no_answer(
    served: Served, drawing: bytes
) -> None:
    ended = threading.Event()

    def kill() -> int:
        count = 0
        while not ended.wait(0.3) and count < 2:
            for number in sorted(workers_of(served))[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                    count += 1
        return count

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill)
        texts = list(pool.map(lambda _: read(served, drawing), range(100)))
        while not killing.done() and len(texts) < 1000:
            texts.append(read(served, drawing))
        ended.set()
        assert killing.result() == 2
    assert set(texts) == {"4"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_fault_132_what_was_accepted_is_answered_after_sigterm(drawing: bytes) -> None:
    with processes.server("--workers", "1") as own, ThreadPoolExecutor(20) as pool:
        connections = []
        for _ in range(20):
            connection = http.client.HTTPConnection(own.host, own.port, timeout=30)
            headers = {"Authorization": f"Bearer {own.token}"}
            connection.request("POST", "/api/read?fields=text", drawing, headers)
            connections.append(connection)
        time.sleep(0.05)  # each has arrived, and few have been read
        os.kill(own.pid, signal.SIGTERM)
        answers = list(pool.map(lambda one: json.loads(one.getresponse().read()), connections))
        for connection in connections:
            connection.close()
    assert [answer["text"] for answer in answers] == ["4"] * 20
    assert own.said == [""]


@pytest.mark.skipif(sys.platform != "linux", reason="its processes are found in /proc")
def test_workers_end_with_the_server_even_if_it_is_killed() -> None:
    command = [sys.executable, "-m", "mnistry", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert found
        process.kill()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{number}").exists() for number in found):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_host_that_is_no_name_ends_the_start(mnistry_command) -> None:
    result = mnistry_command("serve", "--host", "a..b")
    assert (result.code, result.out) == (2, "")
    assert "a..b" in result.err
    assert "no such host" in result.err


def test_a_model_that_cannot_be_used_ends_the_start(tmp_path: Path, mnistry_command) -> None:
    (tmp_path / "model.onnx").write_bytes(b"<html>")
    for model in (tmp_path / "none.onnx", tmp_path / "model.onnx"):
        result = mnistry_command("serve", "--model", model, "--port", "0")
        assert (result.code, result.out) == (ModelError.exit_code, "")
        assert result.err.startswith(f"mnistry: {model}: ")


# 143 = 128 + SIGTERM: the server started, and was ended by the test.
@pytest.mark.parametrize(("given", "code"), [("0123456789abcdef", 143), ("short", 2), ("", 143)])
def test_a_token_that_was_given_is_not_printed(given: str, code: int) -> None:
    command = [sys.executable, "-m", "mnistry", "serve", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "MNISTRY_TOKEN": given},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        _, err = process.communicate(timeout=30)
    # An empty MNISTRY_TOKEN counts as none: a random token is made, and printed with the address.
    assert ("token" in line) == (not given)
    assert (process.returncode, "MNISTRY_TOKEN" in err) == (code, code == 2)
