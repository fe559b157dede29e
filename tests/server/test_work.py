import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from mnistry import Reader
from mnistry.server import answers
from mnistry.server.app import create
from mnistry.server.in_process import InProcess
from mnistry.server.tasks import Answer, Task
from mnistry.server.work import WorkQueue
from tests.serving import serve


class Gate:
    """Blocks computations until it is opened, and counts them."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.count = 0
        self.open = threading.Event()

    def wait(self) -> None:
        self.count += 1
        self.came.release()
        assert self.open.wait(30)


@pytest.fixture
def gate(work: InProcess, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before each reading, in a server with room for one running and one waiting request."""
    gate = Gate()
    work.quick = WorkQueue(1, 1)
    answer = answers.answer

    def slowly(*arguments: Any) -> Answer:
        gate.wait()
        return answer(*arguments)

    monkeypatch.setattr(answers, "answer", slowly)
    return gate


@contextlib.contextmanager
def clients(address: str) -> Iterator[Callable[[bytes], Future[httpx2.Response]]]:
    """Yield a function that sends a picture from a new client without waiting for the answer."""
    with ThreadPoolExecutor() as pool:
        yield lambda content: pool.submit(
            httpx2.post, f"{address}/api/read", content=content, timeout=30
        )


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the condition was not met in time")


def test_case_83_overload_is_refused_at_once_and_accepted_requests_are_answered(
    work: InProcess, gate: Gate, drawing: bytes
) -> None:
    with serve(create(work)) as address, clients(address) as send:
        accepted = [send(drawing), send(drawing)]
        wait_until(lambda: work.quick.is_full)
        refused = [send(drawing).result() for _ in range(5)]
        assert not any(answer.done() for answer in accepted)
        gate.open.set()
        answers = [answer.result() for answer in accepted]
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert [answer.json()["text"] for answer in answers] == ["4", "4"]


def test_the_queue_is_free_again_after_its_requests(
    work: InProcess, gate: Gate, drawing: bytes
) -> None:
    gate.open.set()
    with serve(create(work)) as address:
        for _ in range(5):
            assert httpx2.post(f"{address}/api/read", content=drawing).status_code == 200


def test_case_84_queued_work_of_a_disconnected_client_is_never_run(
    work: InProcess, gate: Gate, drawing: bytes
) -> None:
    with serve(create(work)) as address, clients(address) as send:
        first = send(drawing)
        assert gate.came.acquire(timeout=30)
        with pytest.raises(httpx2.ReadTimeout):  # the client disconnects while its request waits
            httpx2.post(f"{address}/api/read", content=drawing, timeout=0.5)
        # Its place is free before the first request has ended.
        wait_until(lambda: not work.quick.is_full)
        gate.open.set()
        assert first.result().status_code == 200
    assert gate.count == 1


def test_slow_work_does_not_delay_quick_work(
    work: InProcess, drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    answer = answers.answer

    def slowly(reader: Reader, task: Task, *others: Any) -> Answer:
        if task.kind == "doctor":
            gate.wait()
        return answer(reader, task, *others)

    monkeypatch.setattr(answers, "answer", slowly)
    with serve(create(work)) as address, ThreadPoolExecutor() as pool:
        slow = [
            pool.submit(httpx2.post, f"{address}/api/doctor", content=drawing, timeout=30)
            for _ in range(4)
        ]
        assert gate.came.acquire(timeout=30)
        assert httpx2.post(f"{address}/api/read", content=drawing).json()["text"] == "4"
        gate.open.set()
        assert {answer.result().status_code for answer in slow} == {200}
