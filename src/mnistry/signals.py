"""Ctrl-C and termination, put off while something must not be cut in two."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Let an interrupt or a termination wait until the block has ended; it comes then.

    For moments in which an exception at any instruction would do harm: a library half imported,
    a state handed over and not yet taken back. Does nothing where the platform cannot block
    signals (Windows), nor outside the main thread, where none arrive.
    """
    if (
        not hasattr(signal, "pthread_sigmask")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
