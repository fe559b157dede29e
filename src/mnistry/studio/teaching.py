"""Teach the network in use from corrected digits, in a process of its own.

`teach` starts the process and waits for its answer; ``python -m mnistry.studio.teaching`` is the
process: it reads one line of JSON from standard input and writes one. Knows nothing of requests.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistry import datasets
from mnistry.datasets import Origin, Split
from mnistry.errors import MnistryError
from mnistry.runs import directory
from mnistry.runs.directory import TAUGHT, Run
from mnistry.server.errors import ApiError
from mnistry.studio import schemas
from mnistry.studio.training import check_can_train

if TYPE_CHECKING:
    from mnistry.runs.teaching import Figures, Lesson


async def teach(
    folder: Path, start: Run | None, examples: Sequence[schemas.Example]
) -> schemas.Lesson:
    """Teach a network; if it is better then, its run is written into `folder`.

    Parameters
    ----------
    folder
        The folder of the runs.
    start
        The run to begin with; None: the built-in network.
    examples
        Labelled digits of one hand.

    Raises
    ------
    MnistryError
        As `mnistry.runs.teaching.teach_as_run` does.
    ApiError
        409 if the packages are not installed, or the process ends unexpectedly.
    """
    check_can_train()
    with directory.claim(folder, TAUGHT, 0) as path:
        task = {
            "path": str(path),
            "start": None if start is None else str(start.path),
            "labels": [example.label for example in examples],
            "images": [example.image for example in examples],
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", __name__, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            said, _ = await process.communicate(json.dumps(task).encode() + b"\n")
        finally:
            if process.returncode is None:  # the client has disconnected
                process.kill()
        answer = json.loads(said) if said else {}
        if "error" in answer:
            raise MnistryError(**answer["error"])
        if "lesson" not in answer:
            what = f"the teaching's process ended unexpectedly, with code {process.returncode}"
            raise ApiError(409, what, remedy="see the server's terminal")
        lesson = schemas.Lesson.model_validate(answer["lesson"])
        if lesson.run is None:
            path.rmdir()
        return lesson


def main() -> int:
    """Do the task on standard input, and return the exit code."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep libraries' output apart from the answer
    task = json.loads(sys.stdin.readline())
    try:
        answer: dict[str, Any] = {"lesson": _teach(task)}
    except MnistryError as error:
        parts = ("what", "where", "expected", "remedy")
        answer = {"error": {name: getattr(error, name) for name in parts}}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    return 0


def _teach(task: Mapping[str, Any]) -> dict[str, Any]:
    from mnistry.runs import teaching

    pixels = b"".join(base64.b64decode(image) for image in task["images"])
    images = np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28)
    examples = Split(images, np.array(task["labels"], np.uint8))
    start = None if task["start"] is None else Run.open(task["start"])
    dataset = datasets.load_origin(Origin())
    lesson = teaching.teach_as_run(start, [examples], dataset, Path(task["path"]))
    return _as_json(lesson, dataset.name)


def _as_json(lesson: "Lesson", data: str) -> dict[str, Any]:
    def figures(one: "Figures") -> dict[str, Any]:
        return {
            "wrong": one.wrong.count,
            "examples": one.wrong.of,
            "loss": one.loss,
            "test_accuracy": one.test.accuracy,
        }

    return {
        "run": None if lesson.run is None else lesson.run.path.name,
        "reasons": list(lesson.reasons),
        "data": data,
        "before": figures(lesson.before),
        "after": figures(lesson.after),
    }


if __name__ == "__main__":
    sys.exit(main())
