"""Several processes: the order, and what becomes of a task that kills its process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnistry.system.jobs import in_order


def slow_square(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    return number * number


def deadly(number: int) -> int:
    if number in (3, 7):
        os._exit(9)
    return number


def deadly_once(path: Path) -> str:
    if path.exists():
        return "done"
    path.touch()
    os._exit(9)


def raising(number: int) -> int:
    raise ValueError(number)


def test_results_come_in_the_order_of_the_tasks() -> None:
    found = list(in_order(slow_square, range(25), 2, given_up=lambda task: -task))
    assert found == [number * number for number in range(25)]


def test_a_task_that_kills_its_process_is_given_up_and_no_other_is_lost() -> None:
    found = list(in_order(deadly, range(12), 2, given_up=lambda task: -task))
    assert found == [0, 1, 2, -3, 4, 5, 6, -7, 8, 9, 10, 11]


def test_a_task_whose_process_died_once_is_repeated(tmp_path: Path) -> None:
    found = list(in_order(deadly_once, [tmp_path / "seen"], 2, given_up=lambda task: "lost"))
    assert found == ["done"]


def test_tasks_are_taken_as_they_are_needed_and_errors_are_raised() -> None:
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_order(slow_square, tasks(), 2, given_up=lambda task: -task)
    assert next(results) == 0
    assert len(taken) < 20
    results.close()
    with pytest.raises(ValueError, match="5"):
        list(in_order(raising, [5], 2, given_up=lambda task: task))


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "def work(path):\n"
        "    path.write_text(str(os.getpid())); time.sleep(300)\n"
    )
    program = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import slow\n"
        "from mnistry.system.jobs import in_order\n"
        "if __name__ == '__main__':\n"
        "    path = pathlib.Path(sys.argv[1], 'pid')\n"
        "    list(in_order(slow.work, [path], 1, given_up=print))\n"
    )
    (tmp_path / "program.py").write_text(program)
    with subprocess.Popen([sys.executable, tmp_path / "program.py", tmp_path]) as parent:
        end = time.monotonic() + 60
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            assert time.monotonic() < end
            time.sleep(0.1)
        parent.send_signal(signal.SIGKILL)
    child = int((tmp_path / "pid").read_text())
    while is_alive(child):
        assert time.monotonic() < end
        time.sleep(0.1)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
