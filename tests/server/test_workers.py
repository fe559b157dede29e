"""The queue before the workers, and what happens to workers that die or take too long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mnistry.errors import DataError, MnistryError, ModelError, UsageError
from mnistry.server import workers
from mnistry.server.errors import ApiError
from mnistry.server.tasks import Answer, Task
from mnistry.server.workers import Workers

FIELDS = ("text",)


def run(work: Callable[[Workers], Awaitable[Any]], count: int = 1, **settings: Any) -> Any:
    """Do something with workers, and end them."""

    async def all_of_it() -> Any:
        made = Workers(count, settings)
        await made.launch_first()
        try:
            await made.start()
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(all_of_it())


def test_tasks_are_done_and_errors_are_the_librarys_own(drawing: bytes) -> None:
    async def work(made: Workers) -> tuple[Answer, BaseException]:
        good, bad = Task("read", drawing, 1, FIELDS), Task("read", b"none", 1, FIELDS)
        answered, error = await asyncio.gather(
            made.run(good), made.run(bad), return_exceptions=True
        )
        again = await made.run(good)  # an error does not end the worker
        assert (made.ready, made.restarts, again.body) == (1, 0, b'{"text":"4"}')
        return answered, error

    answered, error = run(work)
    assert (answered.body, answered.pages) == (b'{"text":"4"}', 1)
    assert isinstance(error, DataError)
    assert "PNG" in (error.expected or "")


def test_a_picture_that_ends_every_worker_is_given_up_and_others_are_read(
    drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, tries = workers._Worker.ask, []

    async def deadly(self: Any, task: Task) -> Answer:
        if task.kind == "deadly":
            tries.append(1)
            self._process.kill()
        return await ask(self, task)

    monkeypatch.setattr(workers._Worker, "ask", deadly)

    async def work(made: Workers) -> Answer:
        with pytest.raises(DataError, match="died, 3 times"):
            await made.run(Task("deadly", drawing))
        answered = await made.run(Task("read", drawing, 1, FIELDS))
        assert made.restarts == 3
        return answered

    assert run(work).body == b'{"text":"4"}'
    assert len(tries) == 3


def test_a_task_that_takes_too_long_is_given_up_once_and_its_worker_replaced(
    drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(made: Workers) -> Answer:
        with monkeypatch.context() as patch:
            patch.setattr(workers, "MAX_SECONDS", 0.001)
            with pytest.raises(DataError, match="longer than 0"):
                await made.run(Task("doctor", drawing))
        return await made.run(Task("read", drawing, 1, FIELDS))

    assert run(work).body == b'{"text":"4"}'


def test_a_request_that_would_wait_too_long_is_refused_with_the_seconds_to_wait(
    drawing: bytes,
) -> None:
    photo = Task("read", drawing.ljust(90_000, b"\0"), 1, FIELDS)

    async def work(made: Workers) -> None:
        made.check_room(photo)
        waiting = [asyncio.ensure_future(made.run(photo)) for _ in range(100)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as caught:
            made.check_room(photo)
        assert caught.value.status_code == 503
        headers = caught.value.headers or {}
        # 100 tasks wait, each guessed at 0.005 s + 90,000 bytes * 5e-7 s = 0.05 s.
        assert headers["Retry-After"] == "5"
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        made.check_room(photo)

    run(work)


def test_case_84_queued_work_of_a_client_that_has_gone_is_never_done(
    drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = workers._Worker.ask, []

    async def noted(self: Any, task: Task) -> Answer:
        asked.append(task.fields)
        return await ask(self, task)

    monkeypatch.setattr(workers._Worker, "ask", noted)

    async def work(made: Workers) -> None:
        tasks = [Task("read", drawing, 1, (name,)) for name in ("text", "lines", "width")]
        first, gone, last = [asyncio.ensure_future(made.run(task)) for task in tasks]
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(first, last)

    run(work)
    assert asked == [("text",), ("width",)]


def test_quick_tasks_overtake_others(drawing: bytes) -> None:
    done: list[str] = []

    async def noted(made: Workers, task: Task) -> None:
        await made.run(task)
        done.append(task.kind)

    async def work(made: Workers) -> None:
        tables = [Task("tables", drawing, 1, ("tables",)) for _ in range(3)]
        await asyncio.gather(*(noted(made, one) for one in [*tables, Task("read", drawing)]))

    run(work)
    assert done.index("read") < 2


def test_requests_do_not_wait_for_workers_that_cannot_be_started(
    drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(made: Workers) -> None:
        await asyncio.sleep(0)
        for worker in made._alive:
            worker._process.kill()
        made._settings["model"] = "gone.onnx"
        with pytest.raises(ApiError) as caught:
            await made.run(Task("read", drawing, 1, FIELDS))
        assert (caught.value.status_code, made.ready) == (503, 0)

    run(work)


def test_requests_wait_for_a_worker_that_is_killed_while_it_starts(
    drawing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch, killed = workers._Worker.launch, []

    async def killed_at_first() -> workers._Worker:
        made = await launch()
        if len(killed) < 2:
            made._process.kill()
            killed.append(made)
        return made

    async def work(made: Workers) -> Answer:
        await asyncio.sleep(0)
        monkeypatch.setattr(workers._Worker, "launch", killed_at_first)
        for worker in made._alive:
            worker._process.kill()
        return await made.run(Task("read", drawing, 1, FIELDS))

    assert run(work).body == b'{"text":"4"}'
    assert len(killed) == 2


@pytest.mark.parametrize(
    ("settings", "kind"),
    [({"model": "none.onnx"}, ModelError), ({"threshold": 2}, UsageError),
     ({"forms": ["none.toml"]}, MnistryError)],
)  # fmt: skip
def test_what_prevents_the_start_is_raised(settings: dict[str, Any], kind: type) -> None:
    async def nothing(_: Workers) -> None:
        raise AssertionError("it has started")

    with pytest.raises(kind):
        run(nothing, **settings)
