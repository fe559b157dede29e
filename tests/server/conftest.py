"""The server without the studio, in this process or on a socket."""

from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from mnistry import Reader
from mnistry.server.app import create
from mnistry.server.in_process import InProcess
from tests.serving import drawing, four, serve

__all__ = ["drawing", "four"]


@pytest.fixture(scope="session")
def reader() -> Reader:
    """The shipped reader, loaded once."""
    return Reader(threads=1)


@pytest.fixture
def work(reader: Reader) -> InProcess:
    return InProcess(reader)


@pytest.fixture
def client(work: InProcess) -> Iterator[TestClient]:
    """A client of a server in this process."""
    with TestClient(create(work), base_url="http://127.0.0.1:8000") as asking:
        yield asking


@pytest.fixture
def served(work: InProcess) -> Iterator[httpx2.Client]:
    """A client of a server on a socket."""
    with serve(create(work)) as address, httpx2.Client(base_url=address, timeout=30) as asking:
        yield asking
