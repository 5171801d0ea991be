"""Promise 4: exceptions come home, and what cannot travel is one."""

import errno
import pickle
import threading
import time

import pytest
import torch

from trueload import DataLoader

from .datasets import Made, Shared, plain

KINDS = {"map-style": Made, "iterable": Shared}


class PartError(Exception):
    """Has a constructor that cannot be called with its arguments."""

    def __init__(self, part, *, code):
        super().__init__(f"part {part}")
        self.part, self.code = part, code


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self, message):
        super().__init__(message, threading.Lock())
        self.lock = threading.Lock()

    def __str__(self):
        return self.args[0]


class Refuses:
    """Can be pickled, and cannot be put together again."""

    def __init__(self):
        self.tensor = torch.ones(100)

    def __setstate__(self, state):
        message = "not here"
        raise LookupError(message)


class Unpicklable:
    def __reduce__(self):
        message = "stays where it is"
        raise pickle.PicklingError(message)


def raising(make_error, at=5):
    def make(index):
        if index == at:
            raise make_error()
        return index

    return make


@pytest.fixture(params=[0, 2])
def workers(request):
    return request.param


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def caught(loader, error=Exception):
    with pytest.raises(error) as info:
        list(loader)
    return info.value


ERRORS = {
    "ValueError": lambda: ValueError("bad", 3),
    "KeyError": lambda: KeyError("key"),
    "FileNotFoundError": lambda: FileNotFoundError(errno.ENOENT, "No such file", "a.jpg"),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    "PartError": lambda: PartError("wheel", code=7),
    "MemoryError": lambda: MemoryError("too much"),
    "ExceptionGroup": lambda: ExceptionGroup("two", [ValueError(1), KeyError(2)]),
}


@pytest.mark.parametrize("make_error", ERRORS.values(), ids=ERRORS)
def test_an_exception_keeps_type_arguments_and_attributes(make_error, kind, workers):
    error = caught(DataLoader(kind(raising(make_error)), 2, num_workers=workers))
    expected = make_error()
    assert type(error) is type(expected)
    assert str(error.args) == str(expected.args)
    held = {name: value for name, value in vars(error).items() if name != "__notes__"}
    assert held == vars(expected)
    assert getattr(error, "filename", None) == getattr(expected, "filename", None)


def test_an_exception_brings_the_notes_of_the_user_and_the_name_of_the_sample(workers):
    def make_error():
        error = ValueError("bad")
        error.add_note("of the user")
        return error

    notes = caught(DataLoader(Made(raising(make_error)), 2, num_workers=workers)).__notes__
    assert notes[0] == "of the user"
    assert "index 5, position 5 of epoch 0" in notes[1]


def test_an_exception_of_a_worker_shows_the_workers_traceback_with_the_users_cause():
    def make(index):
        try:
            return {}[index]
        except KeyError as error:
            message = "no such photo"
            raise ValueError(message) from error

    cause = caught(DataLoader(Made(make), 2, num_workers=1)).__cause__
    assert "KeyError: 0" in str(cause)
    assert "direct cause" in str(cause)
    assert "return {}[index]" in str(cause)


def test_an_exception_that_cannot_be_pickled_comes_home_with_its_words(kind):
    error = caught(DataLoader(kind(raising(lambda: LockedError("held"))), 2, num_workers=2))
    assert "held" in str(error)


@pytest.mark.parametrize("at", [0, 23])
def test_all_other_batches_are_delivered(at, workers):
    loader = DataLoader(Made(raising(ValueError, at)), 2, num_workers=workers)
    expected = [[index, index + 1] for index in range(0, 24, 2) if at not in {index, index + 1}]
    assert _taken_despite(loader, ValueError) == expected


def _taken_despite(loader, error):
    batches, taken = iter(loader), []
    while True:
        try:
            taken.append(plain(next(batches)))
        except error:
            continue
        except StopIteration:
            return taken


def test_a_sample_that_cannot_be_pickled_is_an_error_at_once():
    loader = DataLoader(Made(lambda _: Unpicklable()), 2, num_workers=2, collate_fn=list)
    assert "stays where it is" in str(caught(loader, pickle.PicklingError))


def test_a_lock_in_a_sample_is_an_error_at_once():
    loader = DataLoader(Made(lambda _: threading.Lock()), 2, num_workers=2, collate_fn=list)
    assert "pickle" in str(caught(loader, TypeError))


def test_a_sample_of_a_class_within_a_function_is_an_error_at_once():
    class Local:
        pass

    loader = DataLoader(Made(lambda _: Local()), 2, num_workers=2, collate_fn=list)
    assert "Local" in str(caught(loader))


def test_samples_that_cannot_be_put_together_again_use_up_no_slots():
    loader = DataLoader(Made(lambda _: Refuses(), 200), 1, num_workers=2, collate_fn=list)
    batches, raised = iter(loader), 0
    while True:
        try:
            next(batches)
        except LookupError:
            raised += 1
        except StopIteration:
            break
    assert raised == 200


def test_an_index_that_cannot_be_pickled_is_an_error_in_its_turn():
    indices = [0, 1, threading.Lock(), 3]
    loader = DataLoader(Made(lambda index: index), 1, sampler=indices, num_workers=2)
    batches = iter(loader)
    assert [next(batches).item() for _ in range(2)] == [0, 1]
    with pytest.raises(TypeError, match="pickle"):
        next(batches)
    assert loader.state_dict()["batches"] == 3
    assert [plain(batch) for batch in batches] == [[3]]


def test_what_a_sampler_raises_comes_in_its_turn(workers):
    def indices():
        yield from range(7)
        raise LookupError

    batches = iter(DataLoader(Made(int), 1, sampler=indices(), num_workers=workers))
    assert [next(batches).item() for _ in range(7)] == list(range(7))
    with pytest.raises(LookupError):
        next(batches)
    assert list(batches) == []


def test_an_exception_of_the_worker_init_function_comes_home():
    def init(worker):
        message = f"worker {worker} refuses"
        raise ValueError(message)

    error = caught(DataLoader(Made(int), 2, num_workers=1, worker_init_fn=init), ValueError)
    assert str(error) == "worker 0 refuses"


def test_a_stop_iteration_of_a_sample_does_not_end_the_epoch(workers):
    error = caught(DataLoader(Made(raising(StopIteration)), 2, num_workers=workers))
    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, (StopIteration, Exception))


def test_a_sample_that_takes_too_long_is_named_with_its_stack():
    def sleep(index):
        if index == 5:
            time.sleep(60)
        return index

    error = caught(DataLoader(Made(sleep), 2, num_workers=2, timeout=0.3), RuntimeError)
    assert str(error).startswith("DataLoader timed out after 0.3 seconds, twice")
    assert "dataset[5]" in str(error)
    assert "index 5, position 5 of epoch 0" in str(error)
    assert "in sleep" in str(error)


def test_the_batches_around_one_that_takes_too_long_are_delivered():
    def sleep(index):
        if index == 5:
            time.sleep(60)
        return index

    loader = DataLoader(Made(sleep, 12), 2, num_workers=2, timeout=0.3)
    taken = _taken_despite(loader, RuntimeError)
    assert taken == [[0, 1], [2, 3], [6, 7], [8, 9], [10, 11]]
