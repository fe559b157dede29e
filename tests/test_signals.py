import os
import signal
import threading

import pytest

from mnistry.signals import put_off


def test_an_interrupt_waits_until_the_block_has_ended() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), put_off():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the rest of the block")
    assert done
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_blocks_can_stand_in_one_another() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), put_off():
        with put_off():
            os.kill(os.getpid(), signal.SIGINT)
        done.append("the outer block goes on")
    assert done


def test_another_thread_is_left_alone() -> None:
    seen = []

    def run() -> None:
        with put_off():
            seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, set()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert signal.SIGINT not in seen[0]
