"""Run two trainings, downloads or studios at the same time in one folder.

Each must finish its work or be refused with a message.

    python -m torture.together
    python -m torture.together --rounds 3
"""

import argparse
import collections
import functools
import hashlib
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from torture.inspection import outcome, unsound
from torture.processes import Served, studio

SETTINGS = ["--data", "sample", "--units", "8", "--epochs", "2"]
_DONE, _USAGE, _RESOURCES = 0, 2, 7
_BODY = bytes(range(256)) * 20_000


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """Start Python in a folder; `both_end` waits for it."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def both_end(processes: Sequence[subprocess.Popen[str]]) -> tuple[list[int], str]:
    """Wait for processes; return their sorted exit codes, and what they wrote to stderr."""
    said = [process.communicate(timeout=300)[1] for process in processes]
    return sorted(process.returncode for process in processes), "".join(said)


def trainings_in_one_directory(folder: Path, expected: Any) -> list[str]:
    """Start two trainings with the same ``-o``: one finishes, the other is refused."""
    command = ["-m", "mnistry", "train", *SETTINGS, "-o", "run"]
    codes, said = both_end([start(command, folder) for _ in range(2)])
    wrong = unsound(folder / "run")
    if codes not in ([_DONE, _RESOURCES], [_DONE, _USAGE]) or "Traceback" in said:
        wrong.append(f"ended with {codes}: {said[-300:]}")
    elif outcome(folder / "run") != expected:
        wrong.append("the finished training has another result")
    return wrong


def trainings_in_one_second(folder: Path, expected: Any) -> list[str]:
    """Start two trainings that choose their directories: both finish, each in its own."""
    command = ["-m", "mnistry", "train", *SETTINGS]
    codes, said = both_end([start(command, folder) for _ in range(2)])
    runs = list((folder / "runs").iterdir())
    wrong = [problem for run in runs for problem in unsound(run)]
    if codes != [_DONE, _DONE] or len(runs) != 2:
        wrong.append(f"ended with {codes} in {len(runs)} directories: {said[-300:]}")
    elif [outcome(run) for run in runs] != [expected] * 2:
        wrong.append("their results differ from a single training's")
    return wrong


class _Slowly(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[collections.Counter[str]] = collections.Counter()

    def do_GET(self) -> None:
        """Send the body in pieces, slowly enough for a second download to start meanwhile."""
        self.asked[self.path] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        for place in range(0, len(_BODY), 1 << 18):
            self.wfile.write(_BODY[place : place + (1 << 18)])
            time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def downloads_of_one_file(address: str, folder: Path) -> list[str]:
    """Start two downloads: one fetches the file, both get it."""
    program = (
        "import pathlib, sys; from mnistry.system.downloads import download; "
        "download([sys.argv[1]], path=pathlib.Path('file'), sha256=sys.argv[2], max_bytes=10**8)"
    )
    arguments = ["-c", program, f"{address}/{folder.name}", hashlib.sha256(_BODY).hexdigest()]
    codes, said = both_end([start(arguments, folder) for _ in range(2)])
    there = sorted(path.name for path in folder.iterdir())
    wrong = []
    if codes != [_DONE, _DONE] or (folder / "file").read_bytes() != _BODY:
        wrong.append(f"ended with {codes}: {said[-300:]}")
    if there != [".file.lock", "file"] or _Slowly.asked[f"/{folder.name}"] != 1:
        wrong.append(f"left {there}, asked {_Slowly.asked[f'/{folder.name}']} times")
    return wrong


def studios_in_one_folder(folder: Path, expected: Any) -> list[str]:
    """Train in two studios at once: both finish, and each lists both runs."""
    body = json.dumps({"data": "sample", "units": 8, "epochs": 2}).encode()
    ask = {"Content-Type": "application/json"}
    with studio(folder / "runs") as one, studio(folder / "runs") as other:
        both = (one, other)
        begun = [served.ask("POST", "/api/train", body, **ask)[0] for served in both]
        for served in both:
            _wait_for_training(served)
        listed = [
            sorted(run["name"] for run in served.json("/api/runs")["runs"]) for served in both
        ]
    runs = list((folder / "runs").iterdir())
    wrong = [problem for run in runs for problem in unsound(run)]
    if begun != [202, 202] or listed[0] != listed[1] or len(listed[0]) != 2:
        wrong.append(f"begun {begun}, listed {listed}")
    elif [outcome(run) for run in runs] != [expected] * 2:
        wrong.append("their results differ from a single training's")
    return wrong


def _wait_for_training(served: Served) -> None:
    for _ in range(600):
        training = served.json("/api/status")["training"]
        if training is not None and training["status"] != "running":
            return
        time.sleep(0.1)
    raise AssertionError("a training did not end")


def campaign(rounds: int = 20) -> dict[str, Any]:
    """Run each pair `rounds` times; list what is wrong."""
    wrong: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        codes, said = both_end([start(["-m", "mnistry", "train", *SETTINGS, "-o", "run"], work)])
        if codes != [_DONE]:
            raise SystemExit(said)
        expected = outcome(work / "run")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Slowly)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        trials = {
            "trainings in one directory": functools.partial(
                trainings_in_one_directory, expected=expected
            ),
            "trainings in one second": functools.partial(
                trainings_in_one_second, expected=expected
            ),
            "downloads of one file": functools.partial(downloads_of_one_file, address),
            "studios in one folder": functools.partial(studios_in_one_folder, expected=expected),
        }
        for name, trial in trials.items():
            found = []
            for number in range(rounds):
                folder = work / f"{name.replace(' ', '-')}-{number}"
                folder.mkdir()
                found += trial(folder)
            wrong[name] = found
        server.shutdown()
        server.server_close()
    return {"rounds": rounds, "wrong": wrong}


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    print(json.dumps(campaign(parser.parse_args().rounds), indent=2))


if __name__ == "__main__":
    main()
