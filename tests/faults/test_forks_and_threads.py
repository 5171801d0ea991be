"""Datasets that fork, processes with busy threads, loaders beside and within loaders."""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from tests.workers.datasets import Made, Once, plain
from trueload import DataLoader

from .parts import LENGTH, MAPS, expected, program, rest_of, slow


@pytest.fixture(params=MAPS)
def kind(request):
    return MAPS[request.param]


def forking(child):
    """Make samples in which a child is forked that does something and ends."""

    def make(index):
        pid = os.fork()
        if not pid:
            return child(index)
        os.waitpid(pid, 0)
        return index

    return make


def _raise(index):
    raise LookupError(index)


CHILDREN = {
    "ends": lambda index: os._exit(0),
    "comes back": lambda index: index,
    "exits": lambda index: sys.exit(3),
    "is killed": lambda index: os.kill(os.getpid(), signal.SIGKILL),
    "raises": _raise,
}


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN)
def test_a_sample_may_fork(kind, child, capfd):
    loader = DataLoader(kind(forking(child), 16), 2, num_workers=2)
    assert rest_of(loader) == expected(kind, length=16)
    capfd.readouterr()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_outlives_its_worker_holds_up_nobody(tmp_path):
    def fork():
        pid = os.fork()
        if not pid:
            time.sleep(30)
            os._exit(0)
        (tmp_path / "pid").write_text(str(pid))

    loader = DataLoader(Made(Once(tmp_path, 3, fork), 12), 2, num_workers=2)
    began = time.monotonic()
    assert rest_of(loader) == expected(Made, length=12)
    took_seconds = time.monotonic() - began
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert took_seconds < 25  # the child sleeps longer


def test_a_sample_may_run_a_program(kind):
    def make(index):
        return int(os.popen(f"echo {index}").read())  # noqa: S605

    assert rest_of(DataLoader(kind(make, 8), 2, num_workers=2)) == expected(kind, length=8)


FORKED = """
import os
from tests.faults.parts import Made, rest_of
from trueload import DataLoader

def make(index):
    return index + 1000 * (os.environ.get("CHILD") == "1")

loader = DataLoader(Made(make, 200), 1, num_workers=2, persistent_workers={persistent})
rest_of(loader)
{before}
pid = os.fork()
if not pid:
    os.environ["CHILD"] = "1"
    try:
        for _ in range(3):
            assert rest_of({what}) == [[1000 + index] for index in range(200)]
        print("same", flush=True)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
for _ in range(3):
    assert rest_of(loader) == [[index] for index in range(200)]
os.waitpid(pid, 0)
"""


def test_a_loader_may_be_read_in_two_processes_after_a_fork():
    text = FORKED.format(persistent=False, before="", what="loader")
    with program(text) as process:
        assert process.communicate(timeout=60) == ("same\n", "")


def test_the_iterator_of_a_parent_is_an_error_in_its_child():
    text = FORKED.format(persistent=False, before="batches = iter(loader)", what="batches")
    with program(text) as process:
        said, errors = process.communicate(timeout=60)
    assert (said.split(" that ")[0], errors) == ("these workers belong to the process", "")


@contextmanager
def busy(*works):
    """Keep a thread busy with each work until the end."""
    over = threading.Event()

    def go_on(work):
        while not over.is_set():
            work()

    threads = [threading.Thread(target=go_on, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def holding(lock, seconds=0.02):
    """Hold a lock nearly all the time."""

    def work():
        with lock:
            time.sleep(seconds)

    return work


class Locking(Made):
    """Takes locks of its own, of its class, of its module and of libraries for each sample."""

    of_class = threading.RLock()

    def __init__(self, length):
        super().__init__(self.take, length)
        self.lock = threading.Lock()
        self.condition = threading.Condition()
        self.nested = {"locks": [threading.RLock()]}
        self.generator = np.random.default_rng(0)
        self.torch_generator = torch.Generator()
        self.seed = 0

    def take(self, index):
        for lock in (self.lock, self.of_class, self.condition, *self.nested["locks"], of_module):
            with lock:
                pass
        self.generator.random()
        torch.rand(1, generator=self.torch_generator)
        np.random.rand()
        torch.rand(1)
        logging.getLogger("tests.faults").warning("sample %d", index)
        return index


of_module = threading.Lock()


@pytest.mark.parametrize("turn", range(3))
def test_locks_that_other_threads_hold_stop_no_worker(turn, caplog):
    dataset = Locking(12)
    locks = [dataset.lock, dataset.of_class, dataset.condition, *dataset.nested["locks"], of_module]
    with busy(*map(holding, locks), holding(caplog.handler.lock, 0.001)):
        assert rest_of(DataLoader(dataset, 2, num_workers=2)) == expected(Made, length=12)
    assert not caplog.records


def test_threads_that_draw_allocate_log_and_print_stop_no_worker(capsys):
    dataset = Locking(12)
    works = [
        lambda: (np.random.rand(1000), time.sleep(0)),
        lambda: (torch.rand(1000), time.sleep(0)),
        lambda: (dataset.generator.random(1000), time.sleep(0)),
        lambda: (print("busy"), time.sleep(0)),
        lambda: (logging.getLogger("tests.faults").debug("busy"), time.sleep(0)),
        lambda: (bytearray(10_000), time.sleep(0)),
    ]
    with busy(*works):
        for _ in range(3):
            assert rest_of(DataLoader(dataset, 2, num_workers=2)) == expected(Made, length=12)
    capsys.readouterr()


def test_loaders_in_several_threads_do_not_meet(kind):
    found = {}

    def read(number):
        loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2)
        found[number] = [rest_of(loader) for _ in range(2)]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(3), [expected(kind)] * 2)


def test_two_loaders_at_once_survive_the_workers_of_each_other(kind):
    one = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    other = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    first = [(plain(next(one)), plain(next(other))) for _ in range(3)]
    for worker in one._workers:
        os.kill(worker.pid, signal.SIGKILL)
    rest = rest_of(other)
    assert [a for a, _ in first] + rest_of(one) == expected(kind)
    assert [b for _, b in first] + rest == expected(kind)


def test_what_samples_print_is_printed_once():
    text = """
from tests.faults.parts import Made, rest_of
from trueload import DataLoader
print("before", end=" ")

def make(index):
    print("sample", index)
    return index

rest_of(DataLoader(Made(make, 8), 2, num_workers=2))
print("after")
"""
    with program(text) as process:
        said, errors = process.communicate(timeout=60)
    lines = said.split("\n")
    assert not errors
    assert said.startswith("before ")
    assert said.count("before") == said.count("after") == 1
    assert sorted(line for line in lines if "sample" in line) == sorted(
        f"{'before ' if f'before sample {index}' in lines else ''}sample {index}"
        for index in range(8)
    )
