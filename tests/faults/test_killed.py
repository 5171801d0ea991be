"""Workers and templates that end: replaced, and their batches made again."""

import ctypes
import faulthandler
import os
import signal
import sys
import threading

import pytest

from tests.workers.datasets import Made, Once, Shared
from trueload import DataLoader
from trueload.errors import WorkerLostError

from .parts import LENGTH, MAPS, expected, kill, rest_of, slow, template_of

ENDS = {
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "a segmentation fault": lambda: (faulthandler.disable(), ctypes.string_at(0)),
    "abort": lambda: (faulthandler.disable(), os.abort()),
    "os._exit": lambda: os._exit(3),
    "os._exit(0)": lambda: os._exit(0),
    "SystemExit": lambda: sys.exit(4),
    "KeyboardInterrupt": lambda: signal.raise_signal(signal.SIGINT) or _interrupt(),
    "the end of a thread": lambda: _in_thread(os._exit, 5),
}


def _interrupt():
    raise KeyboardInterrupt


def _in_thread(function, argument):
    thread = threading.Thread(target=function, args=(argument,))
    thread.start()
    thread.join()


@pytest.fixture(params=MAPS)
def kind(request):
    return MAPS[request.param]


@pytest.fixture
def _quiet_workers(capfd):
    """Keep what dying workers print to themselves."""
    yield
    capfd.readouterr()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_killed_worker_changes_no_batch(kind, number):
    batches = iter(DataLoader(kind(slow, 36), 2, num_workers=3))
    first = [next(batches).tolist() for _ in range(4)]
    kill(batches._workers[number].pid)
    assert first + rest_of(batches) == expected(kind, 3, 36)


def test_all_workers_killed_at_once_change_no_batch(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    first = [next(batches).tolist() for _ in range(3)]
    kill(*(worker.pid for worker in batches._workers))
    assert first + rest_of(batches) == expected(kind)


def test_workers_killed_before_the_first_batch_change_no_batch(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    kill(*(worker.pid for worker in batches._workers))
    assert rest_of(batches) == expected(kind)


def test_workers_killed_again_and_again_change_no_batch():
    batches = iter(DataLoader(Made(slow, LENGTH), 2, num_workers=2))
    found = []
    for batch in batches:
        found.append(batch.tolist())
        if len(found) % 3 == 0:
            kill(batches._workers[len(found) % 2].pid)
    assert found == expected(Made)


def test_a_worker_killed_between_epochs_is_replaced(kind):
    loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2, persistent_workers=True)
    first = rest_of(loader)
    kill(*(worker.pid for worker in loader._iterator._workers))
    second = rest_of(loader)
    loader._iterator = None
    assert first == second == expected(kind)


def test_a_killed_template_changes_no_batch(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    first = [next(batches).tolist() for _ in range(3)]
    kill(template_of(batches))
    assert first + rest_of(batches) == expected(kind)


def test_a_worker_that_ends_after_its_template_is_replaced(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    first = [next(batches).tolist() for _ in range(3)]
    kill(template_of(batches))
    kill(batches._workers[0].pid)
    assert first + rest_of(batches) == expected(kind)


def test_template_and_workers_killed_at_once_change_no_batch(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    first = [next(batches).tolist() for _ in range(3)]
    kill(template_of(batches), *(worker.pid for worker in batches._workers))
    assert first + rest_of(batches) == expected(kind)


@pytest.mark.usefixtures("_quiet_workers")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_sample_that_ends_its_worker_once_is_made_again(tmp_path, kind, end):
    dataset = kind(Once(tmp_path, 5, end), LENGTH)
    assert rest_of(DataLoader(dataset, 2, num_workers=2)) == expected(kind)


@pytest.mark.usefixtures("_quiet_workers")
@pytest.mark.parametrize(
    ("end", "how"),
    [
        (ENDS["SIGKILL"], "SIGKILL"),
        (ENDS["a segmentation fault"], "SIGSEGV"),
        (ENDS["os._exit"], "exit code 3"),
        (ENDS["SystemExit"], "exit code 4"),
    ],
    ids=["SIGKILL", "SIGSEGV", "os._exit", "SystemExit"],
)
def test_a_sample_that_ends_its_worker_twice_is_named(tmp_path, end, how):
    dataset = Made(Once(tmp_path, 5, end, times=2, make=slow), 12)
    batches = iter(DataLoader(dataset, 2, num_workers=2))
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(WorkerLostError) as caught:
        next(batches)
    assert how in str(caught.value)
    assert "twice, making dataset[5]" in str(caught.value)
    assert "index 5, position 5 of epoch 0" in str(caught.value)
    assert rest_of(batches) == [[6, 7], [8, 9], [10, 11]]


def test_the_first_and_the_last_sample_may_end_their_workers(tmp_path):
    for index in (0, 11):
        dataset = Made(Once(tmp_path, index, ENDS["SIGKILL"]), 12)
        assert rest_of(DataLoader(dataset, 2, num_workers=2)) == expected(Made, length=12)


def test_a_stream_whose_sample_ends_its_worker_twice_names_it(tmp_path):
    dataset = Shared(Once(tmp_path, 5, ENDS["SIGKILL"], times=2), LENGTH)
    batches = iter(DataLoader(dataset, 2, num_workers=2))
    assert [next(batches).tolist() for _ in range(3)] == expected(Shared)[:3]
    with pytest.raises(WorkerLostError, match=r"SIGKILL.*, twice") as caught:
        next(batches)
    assert "position 6 of epoch 0" in str(caught.value)


@pytest.mark.parametrize("init", [lambda _: os._exit(7), lambda _: sys.exit(7)])
def test_workers_that_end_as_they_start_are_an_error(kind, init, capfd):
    loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2, worker_init_fn=init)
    with pytest.raises(WorkerLostError, match="exit code 7"):
        rest_of(loader)
    capfd.readouterr()


def test_the_exit_code_of_a_worker_can_be_asked_for():
    batches = iter(DataLoader(Made(slow, LENGTH), 2, num_workers=2))
    next(batches)
    workers = batches._workers
    kill(workers[0].pid)
    workers[0].join(5)
    assert (workers[0].exitcode, workers[0].is_alive()) in {
        (-signal.SIGKILL, False),
        (None, False),
    }
    assert workers[1].exitcode is None
    assert workers[1].is_alive()
    batches._shutdown_workers()
    assert not workers[1].is_alive()
    assert workers[1].exitcode in {0, None}


def test_a_stopped_worker_is_named_and_replaced_where_there_is_a_timeout():
    batches = iter(DataLoader(Made(slow, LENGTH), 2, num_workers=2, timeout=1))
    first = [next(batches).tolist() for _ in range(3)]
    kill(batches._workers[0].pid, number=signal.SIGSTOP)
    assert first + rest_of(batches) == expected(Made)


def test_a_stopped_worker_does_not_outlive_the_loop():
    batches = iter(DataLoader(Made(slow, LENGTH), 2, num_workers=2))
    next(batches)
    kill(batches._workers[0].pid, number=signal.SIGSTOP)


def test_all_workers_stopped_are_replaced_where_there_is_a_timeout():
    batches = iter(DataLoader(Made(slow, 12), 2, num_workers=2, timeout=1))
    first = [next(batches).tolist()]
    kill(*(worker.pid for worker in batches._workers), number=signal.SIGSTOP)
    assert first + rest_of(batches) == expected(Made, length=12)
