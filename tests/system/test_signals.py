import os
import signal
import threading
from collections.abc import Iterator

import pytest

from mnistry.system.signals import put_off


@pytest.fixture(autouse=True)
def idle_thread() -> Iterator[None]:
    """Another thread, which the system may let take the signal: JAX has many."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


def test_an_interrupt_waits_until_the_block_has_ended() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), put_off():
        os.kill(os.getpid(), signal.SIGINT)
        done.extend("the rest of the block" for _ in range(100))
    assert len(done) == 100
    assert signal.getsignal(signal.SIGINT) is before


def test_blocks_can_be_nested() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), put_off():
        with put_off():
            os.kill(os.getpid(), signal.SIGINT)
        done.append("the outer block goes on")
    assert done


def test_an_error_in_the_block_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="mine"), put_off():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with put_off():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
