"""Clauses 13 to 15: what a worker process is, and how it gets the user's objects."""

import multiprocessing
import os
import queue
import random
import threading
from multiprocessing.context import SpawnContext

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from trueload import DataLoader

from .parts import Counting, Numbers, batches, samples


class Telling(Dataset):
    """Gives what a function says in the process that makes the sample.

    Args:
        tell: The function.
    """

    def __init__(self, tell, length=4):
        self.tell, self.length = tell, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.tell(self)


class TellingStream(IterableDataset):
    def __init__(self, tell):
        self.tell = tell

    def __iter__(self):
        yield self.tell(self)


KINDS = {"map-style": Telling, "iterable": TellingStream}


@pytest.fixture(params=KINDS)
def told(request):
    """Give what a function says in two workers, asked through each kind of dataset."""

    def ask(tell, **arguments):
        dataset = KINDS[request.param](tell)
        loader = DataLoader(dataset, batch_size=None, num_workers=2, **arguments)
        return list(loader)

    return ask


def test_the_main_process_has_no_worker_info():
    assert samples(DataLoader(Telling(lambda _: get_worker_info() is None))) == [True] * 4


def test_hugging_face_shards_by_the_workers_number_and_count(told):
    found = told(lambda _: [get_worker_info().id, get_worker_info().num_workers])
    assert all(shard in ([0, 2], [1, 2]) for shard in found)


def test_every_worker_of_an_iterable_dataset_has_its_own_number():
    loader = DataLoader(TellingStream(lambda _: get_worker_info().id), None, num_workers=2)
    assert list(loader) == [0, 1]


def test_the_workers_dataset_is_the_one_that_is_asked(told):
    assert all(told(lambda self: get_worker_info().dataset is self))


def test_open_clip_reads_a_seed_that_is_torchs_initial_seed(told):
    def tell(_):
        return get_worker_info().seed, torch.initial_seed()

    assert all(seed == initial for seed, initial in told(tell, rng="worker"))


def test_the_seed_is_the_base_seed_and_the_workers_number(told):
    found = told(lambda _: (get_worker_info().seed - get_worker_info().id) % 2**63)
    assert len(set(found)) == 1


def test_the_worker_info_is_the_one_that_torch_keeps(told):
    assert all(told(lambda _: torch.utils.data._utils.worker._worker_info is get_worker_info()))


def test_a_worker_has_one_torch_thread(told):
    assert set(told(lambda _: torch.get_num_threads())) == {1}


def test_samples_are_made_in_other_processes(told):
    assert os.getpid() not in told(lambda _: os.getpid())


def _drawn():
    return [random.random(), np.random.random(), torch.rand(1).item()]


def _drawn_under(seed, worker):
    """Give what torch's workers draw first: NumPy is seeded by a mix of base seed and number."""
    mixed = torch.utils.data._utils.worker._generate_state(seed - worker, worker)
    return [
        random.Random(seed).random(),
        np.random.RandomState(mixed).random(),
        torch.rand(1, generator=torch.Generator().manual_seed(seed)).item(),
    ]


def test_ultralytics_finds_all_generators_seeded_when_a_worker_starts_up(told):
    drawn = []
    found = told(
        lambda _: [get_worker_info().seed, get_worker_info().id, drawn],
        worker_init_fn=lambda _: drawn.extend(_drawn()),
    )
    assert all(drawn == _drawn_under(seed, worker) for seed, worker, drawn in found)


def test_the_function_at_the_start_is_called_with_the_workers_number(told):
    seen = []
    found = told(lambda _: (seen[:], get_worker_info().id), worker_init_fn=seen.append)
    assert all(calls == [number] for calls, number in found)


def test_monai_and_mmengine_seed_the_dataset_at_the_start_of_a_worker(told):
    def seed(worker):
        get_worker_info().dataset.seed = torch.initial_seed() + worker

    assert all(told(lambda self: hasattr(self, "seed"), worker_init_fn=seed))


def test_detectron2_seeds_numpy_again_at_the_start_of_a_worker():
    def reset(worker):
        np.random.seed(100 + worker)

    loader = DataLoader(
        TellingStream(lambda _: np.random.randint(10**6)),
        batch_size=None,
        num_workers=2,
        worker_init_fn=reset,
        rng="worker",
    )
    assert list(loader) == [np.random.RandomState(100 + worker).randint(10**6) for worker in (0, 1)]


def test_batch_i_of_an_iterable_dataset_comes_from_worker_i_modulo_their_number():
    assert batches(DataLoader(Counting(8), batch_size=2, num_workers=2)) == [
        [0, 2],
        [1, 3],
        [4, 6],
        [5, 7],
    ]


def test_apex_hands_over_lambdas():
    dataset = Telling(lambda _: 1)
    loader = DataLoader(dataset, 2, num_workers=2, collate_fn=lambda batch: sum(batch) + 1)
    assert list(loader) == [3, 3]


def test_a_lambda_at_the_start_of_a_worker_may_change_what_it_closes_over():
    seen = []
    loader = DataLoader(
        Telling(lambda _: len(seen)),
        num_workers=1,
        worker_init_fn=lambda worker: seen.append(worker),  # noqa: PLW0108 - a lambda is the point
    )
    assert samples(loader) == [1, 1, 1, 1]
    assert seen == []


class SharedEpoch:
    """As in open_clip: a number in shared memory that persistent workers read."""

    def __init__(self):
        self.value = multiprocessing.get_context("fork").Value("i", 0)

    def __call__(self, _):
        return self.value.value


def test_open_clips_shared_epoch_reaches_persistent_workers():
    epoch = SharedEpoch()
    loader = DataLoader(Telling(epoch), num_workers=2, persistent_workers=True)
    found = [samples(loader)]
    epoch.value.value = 7
    found.append(samples(loader))
    loader._iterator = None
    assert found == [[0] * 4, [7] * 4]


def test_a_lock_inside_a_dataset_is_shared_with_the_workers():
    value = multiprocessing.get_context("fork").Value("i", 0)

    def count(_):
        with value.get_lock():
            value.value += 1
        return 0

    batches(DataLoader(Telling(count, length=20), num_workers=2))
    assert value.value == 20


def test_what_cannot_be_pickled_may_be_in_a_dataset():
    held = threading.Lock()
    assert samples(DataLoader(Telling(lambda _: held.locked()), num_workers=2)) == [False] * 4


@pytest.mark.parametrize("context", ["fork", multiprocessing.get_context("fork")])
def test_a_context_may_be_given_by_name_or_as_an_object(context):
    loader = DataLoader(Numbers(5), 2, num_workers=2, multiprocessing_context=context)
    assert batches(loader) == [[0, 1], [2, 3], [4]]


class Counted(type(multiprocessing.get_context("fork"))):
    """A context of a library's own that counts the processes it is asked for."""

    def __init__(self):
        self.started = 0

    def Process(self, *args, **kwargs):  # noqa: N802 - the name that contexts have
        self.started += 1
        return super().Process(*args, **kwargs)


def test_workers_are_started_by_the_context_that_was_given():
    context = Counted()
    loader = DataLoader(Numbers(5), 2, num_workers=2, multiprocessing_context=context)
    assert batches(loader) == [[0, 1], [2, 3], [4]]
    assert context.started == 2


class ProcessThread(threading.Thread):
    """MONAI's thread that passes for a process."""

    pid = property(lambda self: os.getpid())

    def run(self):
        try:
            super().run()
        finally:
            torch.utils.data._utils.worker._worker_info = None


class ProcessQueue(queue.Queue):
    def close(self):
        pass

    def cancel_join_thread(self):
        pass


class ThreadContext(SpawnContext):
    """MONAI's context that makes threads of workers."""

    _name = "processthread"
    Process = ProcessThread
    Queue = ProcessQueue
    Event = staticmethod(threading.Event)


def _in_a_process(function):
    """Call a function in a forked process: torch's threads change the process they run in."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=lambda: answers.put(function()))
    process.start()
    process.join()
    answer = answers.get()
    process.close()
    answers.close()
    return answer


def _read_by_threads():
    dataset = Telling(lambda _: os.getpid())
    loader = DataLoader(dataset, 2, num_workers=2, multiprocessing_context=ThreadContext())
    return [set(batch) == {os.getpid()} for batch in batches(loader)]


def test_monais_context_makes_threads_of_the_workers():
    assert _in_a_process(_read_by_threads) == [True, True]


@pytest.mark.parametrize("rng", [None, "worker"])
def test_monais_threads_give_every_sample_once(rng):
    def read():
        context = ThreadContext()
        loader = DataLoader(Numbers(7), 2, num_workers=2, multiprocessing_context=context, rng=rng)
        return batches(loader)

    assert _in_a_process(read) == [[0, 1], [2, 3], [4, 5], [6]]
