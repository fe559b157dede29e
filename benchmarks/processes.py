"""Run a process, and measure its time and peak memory."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MNISTRY = Path(sys.executable).with_name("mnistry")


@dataclasses.dataclass(frozen=True)
class Finished:
    """A process's JSON output, its seconds from start to end, and its peak memory."""

    value: Any
    seconds: float
    megabytes: float


def run(command: list[object], environment: dict[str, str] | None = None) -> Finished:
    """Run a command whose last line of output is JSON.

    Raises
    ------
    RuntimeError
        If it fails, with its error output.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), stdout=out, stderr=error, env=os.environ | (environment or {})
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            error.seek(0)
            raise RuntimeError(
                f"{command} ended with {process.returncode}: {error.read()[-2000:]!r}"
            )
        out.seek(0)
        value = json.loads(out.read().splitlines()[-1])
    kilobyte = 1024 if sys.platform == "linux" else 1  # the unit of ru_maxrss
    return Finished(value, seconds, usage.ru_maxrss * kilobyte / 1e6)
