"""A studio with the network that ships and one run, asked in this process or over a socket."""

import contextlib
import io
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

import mnistry
from mnistry.studio import server
from mnistry.studio.app import Studio, create
from mnistry.studio.network import Network

Serve = Callable[[Any], contextlib.AbstractContextManager[str]]


@pytest.fixture(scope="session")
def shipped() -> Network:
    """The network that ships, opened once."""
    return Network.shipped()


@pytest.fixture
def runs(finished_run: "mnistry.Run", tmp_path: Path) -> Path:
    """A folder of runs with one in it, ``small``."""
    shutil.copytree(finished_run.path, tmp_path / "runs" / "small")
    return tmp_path / "runs"


@pytest.fixture
def studio(shipped: Network, runs: Path) -> Studio:
    return Studio(shipped, runs)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    """Ask a studio in this process."""
    with TestClient(create(studio), base_url="http://127.0.0.1:8000") as asking:
        yield asking


@contextlib.contextmanager
def _serve(app: Any) -> Iterator[str]:
    listener = server._listen("127.0.0.1", 0)
    running = uvicorn.Server(server.config(app))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def serve() -> Serve:
    """Serve an application on a free port while a block runs."""
    return _serve


@pytest.fixture
def served(studio: Studio) -> Iterator[httpx2.Client]:
    """Ask a studio over a socket."""
    with _serve(create(studio)) as address, httpx2.Client(base_url=address, timeout=30) as asking:
        yield asking


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def four() -> np.ndarray:
    """A four of MNIST's training images, 28x28."""
    images, labels = mnistry.load("sample").train
    return images[labels == 4][0]


@pytest.fixture(scope="session")
def drawing(four: np.ndarray) -> bytes:
    """The same as a picture of 84x84 pixels, dark on light, as PNG."""
    return png(255 - np.kron(four, np.ones((3, 3), np.uint8)))
