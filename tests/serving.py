"""Shared by the tests of the server and the studio: an application on a socket, and pictures."""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.types import ASGIApp

import mnistry
from mnistry.server import serve as server_loop

Serve = Callable[[ASGIApp], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def serve(app: ASGIApp, proxies: Sequence[str] = ()) -> Iterator[str]:
    """Serve an application on a free port while the block runs; yield its address."""
    listener = server_loop.listen("127.0.0.1", 0)
    running = uvicorn.Server(server_loop.config(app, proxies=proxies))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    while not running.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()
        listener.close()


def png(image: np.ndarray) -> bytes:
    """Write grey values as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def pdf(pages: int) -> bytes:
    """Make a PDF of pages with a vertical stroke: a 1."""
    page = Image.new("L", (300, 200), 255)
    page.paste(0, (145, 50, 152, 150))
    file = io.BytesIO()
    page.save(file, "PDF", save_all=True, append_images=[page] * (pages - 1))
    return file.getvalue()


@pytest.fixture(scope="session")
def four() -> np.ndarray:
    """A four of MNIST's training images, 28x28."""
    images, labels = mnistry.load("sample").train
    return images[labels == 4][0]


@pytest.fixture(scope="session")
def drawing(four: np.ndarray) -> bytes:
    """The same four as a picture of 84x84 pixels, dark on light, as PNG."""
    return png(255 - np.kron(four, np.ones((3, 3), np.uint8)))


async def end_at_once(server: server_loop.Server, *_: object, **__: object) -> None:
    """Take the place of `Server.serve`, which would run until Ctrl-C: tell the address, and end."""
    server._on_ready()
