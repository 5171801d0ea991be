"""Workers that are started anew keep the promises that forked ones keep."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch

from tests.faults.parts import kill, program
from tests.leftovers import comes_true, is_alive
from tests.torch_parity.compare import difference
from trueload import DataLoader
from trueload.errors import WorkerLostError

from .datasets import Made, Once, Shared, augmented, plain, plain_batches, same

METHODS = ["spawn", pytest.param("forkserver", marks=pytest.mark.slow)]


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


class Held:
    """Samples out of arrays of its own, whose numbers may be changed."""

    def __init__(self):
        self.array = np.arange(200_000.0).reshape(40, 5000)
        self.tensor = torch.arange(200_000.0).reshape(40, 5000)
        self.rng = np.random.default_rng(0)
        self.scale = 1

    def __len__(self):
        return 40

    def __getitem__(self, index):
        self.array[index, 0] = index  # its own copy: nobody else sees it
        return (
            self.array[index].sum() * self.scale,
            self.tensor[index].sum(),
            self.rng.random() + random.random() + torch.rand(1).item(),
        )


def slow(index):
    time.sleep(0.02)
    return index


def unequal(index):
    """Give the index, each third late."""
    time.sleep(0.03 * (index % 3 == 0))
    return augmented(index)


def stopped():
    os.kill(os.getpid(), signal.SIGSTOP)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def epochs(dataset, workers, number=1, **arguments):
    torch.manual_seed(7)
    loader = DataLoader(dataset, 4, num_workers=workers, **arguments)
    found = [list(loader) for _ in range(number)]
    loader._iterator = None
    return found


@pytest.mark.parametrize("key", [{"rng": "batch"}, {"seed": 3, "rng": "sample"}], ids=str)
def test_batches_are_those_without_workers(method, key):
    without = epochs(Made(unequal, 22), 0, shuffle=True, **key)
    started = epochs(Made(unequal, 22), 3, shuffle=True, multiprocessing_context=method, **key)
    assert not difference(without, started)


def test_a_dataset_with_arrays_and_generators_gives_the_same_and_stays_as_it_was(method):
    dataset = Held()
    without = epochs(Held(), 0, seed=1)
    assert not difference(without, epochs(dataset, 2, seed=1, multiprocessing_context=method))
    assert not dataset.tensor.is_shared()


def test_a_stream_is_read_in_the_same_turns(method):
    forked = epochs(Shared(same, 30), 3)
    assert not difference(forked, epochs(Shared(same, 30), 3, multiprocessing_context=method))


def test_the_state_of_an_epoch_under_way_goes_on_without_workers():
    loader = DataLoader(
        Made(augmented, 22), 4, num_workers=2, seed=1, multiprocessing_context="spawn"
    )
    list(islice(loader, 2))
    other = DataLoader(Made(augmented, 22), 4, seed=1)
    other.load_state_dict(loader.state_dict())
    (whole,) = epochs(Made(augmented, 22), 0, seed=1)
    assert not difference(whole[2:], list(other))


def test_persistent_workers_stay_and_see_changes_of_the_dataset():
    dataset = Held()
    loader = DataLoader(
        dataset, 8, num_workers=2, persistent_workers=True, multiprocessing_context="spawn"
    )
    first = [batch[0] for batch in loader]
    pids = {worker.pid for worker in loader._iterator._workers}
    dataset.scale = 3
    second = [batch[0] for batch in loader]
    assert {worker.pid for worker in loader._iterator._workers} == pids
    loader._iterator = None
    assert not difference([3 * batch for batch in first], second)


def test_a_worker_that_is_killed_changes_no_batch(method):
    batches = iter(DataLoader(Made(slow, 60), 2, num_workers=2, multiprocessing_context=method))
    first = [next(batches).tolist() for _ in range(3)]
    kill(batches._workers[0].pid)
    rest = [plain(batch) for batch in batches]
    assert first + rest == [[at, at + 1] for at in range(0, 60, 2)]


@pytest.mark.usefixtures("capfd")
def test_a_sample_that_ends_its_worker_twice_is_named(tmp_path):
    dataset = Made(Once(tmp_path, 5, killed, times=2), 8)
    loader = DataLoader(dataset, 2, num_workers=1, multiprocessing_context="forkserver")
    with pytest.raises(WorkerLostError, match=r"dataset\[5\]"):
        list(loader)


def test_a_worker_that_hangs_is_replaced(tmp_path):
    dataset = Made(Once(tmp_path, 5, stopped), 12)
    loader = DataLoader(dataset, 2, num_workers=1, timeout=6, multiprocessing_context="forkserver")
    assert plain_batches(loader) == [[at, at + 1] for at in range(0, 12, 2)]


class Locked(Held):
    def __init__(self):
        super().__init__()
        self.files = {"log": [0, threading.Lock()]}


def test_what_cannot_be_pickled_is_an_error_at_once_that_names_it(method):
    loader = DataLoader(Locked(), num_workers=2, multiprocessing_context=method)
    with pytest.raises(TypeError, match="lock") as caught:
        iter(loader)
    (note,) = caught.value.__notes__
    title, kind, _, hint = note.splitlines()
    assert title == (
        "`dataset.files['log'][1]` cannot be sent to workers that are started anew [TL211]"
    )
    assert kind == "  type  lock"
    assert 'multiprocessing_context="fork"' in hint


@pytest.mark.parametrize("name", ["transform", "collate_fn", "worker_init_fn"])
def test_a_function_that_cannot_be_pickled_is_named(name):
    function = {name: lambda value: value}
    loader = DataLoader(range(4), num_workers=1, multiprocessing_context="spawn", **function)
    with pytest.raises((AttributeError, TypeError)) as caught:
        iter(loader)
    assert caught.value.__notes__[0].startswith(f"`{name}` cannot be sent")


def test_a_context_object_starts_workers_its_way():
    context = multiprocessing.get_context("spawn")
    batches = iter(DataLoader(Made(same, 4), 2, num_workers=1, multiprocessing_context=context))
    assert [plain(batch) for batch in batches] == [[0, 1], [2, 3]]
    assert type(batches._workers[0]).__name__ == "SpawnProcess"


def test_workers_start_the_way_that_the_program_asks_for():
    text = """
import multiprocessing
from tests.workers.datasets import Made, same
from trueload import DataLoader

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    batches = iter(DataLoader(Made(same, 4), 2, num_workers=1))
    print(type(batches._workers[0]).__name__, sum(batch.sum().item() for batch in batches))
"""
    with program(text) as process:
        assert process.communicate(timeout=60)[0].split() == ["SpawnProcess", "6"]


def test_a_program_without_a_guard_ends_with_an_error(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "from trueload import DataLoader\n"
        "list(DataLoader(range(8), num_workers=2, multiprocessing_context='spawn'))\n"
    )
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 1
    assert "forgotten to use the proper idiom" in run.stderr
    assert "a worker that was started anew ended before it began to work [TL212]" in run.stderr


def test_workers_end_with_a_killed_parent(method):
    text = f"""
from tests.workers.datasets import Made
from tests.workers.test_started_workers import slow
from trueload import DataLoader

if __name__ == "__main__":
    loader = DataLoader(Made(slow, 10_000), num_workers=2, multiprocessing_context={method!r})
    batches = iter(loader)
    next(batches)
    print(*(worker.pid for worker in batches._workers), flush=True)
    list(batches)
"""
    with program(text) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
        assert comes_true(lambda: not any(map(is_alive, pids)))


class Gone:
    """Can be sent, and cannot be put together again."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index

    def __setstate__(self, state):
        message = "no such file"
        raise FileNotFoundError(message)

    def __getstate__(self):
        return {"path": "gone"}


@pytest.mark.usefixtures("capfd")
def test_a_dataset_that_cannot_be_put_together_ends_the_iteration(method):
    batches = iter(DataLoader(Gone(), num_workers=2, multiprocessing_context=method))
    with pytest.raises(WorkerLostError, match="before it began to work"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_an_epoch_that_is_given_up_leaves_no_process():
    batches = iter(DataLoader(Made(slow, 100), num_workers=2, multiprocessing_context="spawn"))
    next(batches)
    pids = [worker.pid for worker in batches._workers]
    del batches
    assert not any(map(is_alive, pids))


def test_the_users_function_is_called_in_each_worker(tmp_path):
    loader = DataLoader(
        Made(slow, 12),
        num_workers=2,
        worker_init_fn=partial(_mark, tmp_path),
        multiprocessing_context="spawn",
    )
    list(loader)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}


def _mark(folder, number):
    (folder / str(number)).touch()
