"""The server without the studio, in this process or on a socket."""

from collections.abc import Iterator

import httpx2
import pytest
from fastapi.testclient import TestClient

from mnistry import Reader
from mnistry.server.app import Service, create
from tests.serving import drawing, four, serve

__all__ = ["drawing", "four"]


@pytest.fixture(scope="session")
def reader() -> Reader:
    """The shipped reader, loaded once."""
    return Reader(threads=1)


@pytest.fixture
def service(reader: Reader) -> Service:
    return Service(reader)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """A client of a server in this process."""
    with TestClient(create(service), base_url="http://127.0.0.1:8000") as asking:
        yield asking


@pytest.fixture
def served(service: Service) -> Iterator[httpx2.Client]:
    """A client of a server on a socket."""
    with serve(create(service)) as address, httpx2.Client(base_url=address, timeout=30) as asking:
        yield asking
