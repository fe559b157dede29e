"""Delay Ctrl-C and termination while a block must not be interrupted."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Delay an interrupt or a termination until the block has ended.

    For blocks in which an exception at any instruction would do harm: it would leave a library
    half imported, or lose a state that was handed over. Blocking the signals is not enough: that
    works for one thread, and if another thread receives a signal Python still raises in the main
    thread. Does nothing outside the main thread: Python runs signal handlers only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: a handler that Python did not install and cannot restore.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for arrival in arrived[:1]:
            signal.raise_signal(arrival)
