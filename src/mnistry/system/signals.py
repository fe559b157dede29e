"""Ctrl-C and termination, put off while something must not be cut in two."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Let an interrupt or a termination wait until the block has ended; it comes then.

    For moments in which an exception at any instruction would do harm: a library half imported,
    a state handed over and not yet taken back. To block the signals would not do: it is for one
    thread alone, and where another takes a signal Python still raises in the main one. Does nothing
    outside the main thread, where none arrive.
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
            # None: not one of Python's, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for arrival in arrived[:1]:
            signal.raise_signal(arrival)
