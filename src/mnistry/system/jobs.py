"""Run tasks in several processes, and yield the results in the order of the tasks.

A process dies if its task needs too much memory or meets a fault in a library. Then each unfinished
task is run again in a process of its own; a task that kills this process too is given up. Knows
nothing of what the tasks are.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks under way or waiting, for each process: enough to keep all of them at work.
_AHEAD = 4


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    jobs: int,
    *,
    given_up: Callable[[Task], Result],
    start: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[Result]:
    """Yield the result of each task, in order, as soon as it is ready.

    Parameters
    ----------
    work
        A function at the top level of a module. It runs a task in another process; its errors are
        raised here.
    tasks
        The tasks. At most four for each process are taken in advance.
    jobs
        The number of processes.
    given_up
        Makes the result of a task that killed its process twice.
    start, arguments
        A function at the top level of a module that each process calls first, and its arguments.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3], 2, given_up=lambda task: task))
    [1, 2, 3]
    """
    waiting = iter(tasks)
    under_way: deque[tuple[Task, Future[Result]]] = deque()
    context = multiprocessing.get_context("spawn")  # libraries' threads do not survive a fork

    def executor(processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(processes, context, _begin, (start, arguments))

    def alone(task: Task) -> Result:
        with executor(1) as single:
            try:
                return single.submit(work, task).result()
            except BrokenProcessPool:
                return given_up(task)

    pool = executor(jobs)
    try:
        while True:
            while len(under_way) < _AHEAD * jobs:
                try:
                    task = next(waiting)
                except StopIteration:
                    break
                under_way.append((task, _submit(pool, work, task)))
            if not under_way:
                return
            task, future = under_way.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                pool.shutdown()
                unanswered = [(task, future), *under_way]
                under_way.clear()
                for task, future in unanswered:
                    is_done = not future.cancelled() and future.exception() is None
                    yield future.result() if is_done else alone(task)
                pool = executor(jobs)
            else:
                yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(start: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Prepare a process: it ignores Ctrl-C, which its parent handles, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _submit(
    pool: ProcessPoolExecutor, work: Callable[[Task], Result], task: Task
) -> "Future[Result]":
    """Submit a task; if the pool has just broken, return a future with its error."""
    try:
        return pool.submit(work, task)
    except BrokenProcessPool as error:
        future: Future[Result] = Future()
        future.set_exception(error)
        return future
