"""Ctrl-C, held back while something must not be left half done."""

import signal
import threading
import time

import pytest

from trueload.workers.interrupts import held_back


@pytest.fixture(autouse=True)
def _handler():
    """Have the handler that Python begins with, whatever pytest has set."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_nothing_happens_without_ctrl_c():
    with held_back():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_told_at_the_end():
    done = []

    def work():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]


def test_ctrl_c_is_told_once_by_blocks_within_blocks():
    done = []

    def work():
        with held_back():
            with held_back():
                signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]


def test_an_exception_within_is_not_lost_to_ctrl_c():
    def work():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise LookupError

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, LookupError)


def test_ctrl_c_within_an_ending_is_told_a_moment_later():
    def work():
        with held_back(ending=True):
            signal.raise_signal(signal.SIGINT)
        ended.append(1)
        time.sleep(10)

    ended = []
    with pytest.raises(KeyboardInterrupt):
        work()
    assert ended == [1]


def test_a_handler_of_the_user_is_called():
    called = []
    signal.signal(signal.SIGINT, lambda *arguments: called.append(arguments[0]))
    with held_back():
        signal.raise_signal(signal.SIGINT)
        assert called == []
    assert called == [signal.SIGINT]


def test_ctrl_c_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_leave_the_handler_alone():
    seen = []

    def work():
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
