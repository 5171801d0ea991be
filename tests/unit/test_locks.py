"""Locks that a fork has copied as held: found where a dataset's code reaches, and freed."""

import threading

import numpy as np
import pytest

from trueload.workers.locks import freed_locks, is_sound

of_module = threading.Lock()


class Holder:
    of_class = threading.RLock()

    def __init__(self):
        self.lock = threading.Lock()
        self.nested = {"a": [(threading.RLock(),)]}
        self.condition = threading.Condition()
        self.event = threading.Event()

    def method(self):
        return of_module


def closing_over(lock):
    def function():
        return lock

    return function


def held(lock):
    """Have another thread take a lock and end."""
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    return lock


PLACES = {
    "an attribute": lambda: (holder := Holder(), holder.lock),
    "something nested": lambda: (holder := Holder(), holder.nested["a"][0][0]),
    "a condition": lambda: (holder := Holder(), holder.condition),
    "a class": lambda: (Holder(), Holder.of_class),
    "a module": lambda: (Holder(), of_module),
    "a closure": lambda: (closing_over(lock := threading.Lock()), lock),
    "a method": lambda: ((holder := Holder()).method, holder.lock),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_lock_that_another_thread_holds_is_freed(place):
    root, lock = place()
    held(lock)
    assert freed_locks([root]) == 1
    assert lock.acquire(timeout=1)
    lock.release()


def test_locks_that_nobody_holds_are_left_alone():
    assert freed_locks([Holder()]) == 0


def test_a_lock_that_cannot_be_reached_stays_held():
    lock = held(threading.Lock())
    assert freed_locks([object()]) == 0
    assert lock.locked()


def test_things_that_hold_each_other_are_looked_at_once():
    holder = Holder()
    holder.itself = holder.nested["b"] = holder
    held(holder.lock)
    assert freed_locks([holder, holder]) == 1


def test_a_process_whose_locks_are_free_is_sound():
    assert is_sound()


def test_a_process_whose_generator_is_held_is_not_sound():
    lock = np.random.get_bit_generator().lock
    held(lock)
    try:
        assert not is_sound()
    finally:
        lock._at_fork_reinit()


def test_the_lock_of_numpys_global_generator_is_freed():
    held(np.random.get_bit_generator().lock)
    assert freed_locks([]) == 1
    assert is_sound()
