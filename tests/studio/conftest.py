"""A studio with the built-in network and one run, in this process or on a socket."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

import mnistry
from mnistry.studio.app import Studio, create
from mnistry.studio.network import Network
from tests.serving import drawing, four, serve

__all__ = ["drawing", "four"]


@pytest.fixture(scope="session")
def shipped() -> Network:
    """The shipped network, opened once."""
    return Network.shipped()


@pytest.fixture
def runs(finished_run: "mnistry.Run", tmp_path: Path) -> Path:
    """A folder with one run, ``small``."""
    shutil.copytree(finished_run.path, tmp_path / "runs" / "small")
    return tmp_path / "runs"


@pytest.fixture
def studio(shipped: Network, runs: Path) -> Studio:
    return Studio(shipped, runs)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    """A client of a studio in this process."""
    with TestClient(create(studio), base_url="http://127.0.0.1:8000") as asking:
        yield asking


@pytest.fixture
def served(studio: Studio) -> Iterator[httpx2.Client]:
    """A client of a studio on a socket."""
    with serve(create(studio)) as address, httpx2.Client(base_url=address, timeout=30) as asking:
        yield asking
