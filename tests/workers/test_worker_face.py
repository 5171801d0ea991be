"""What user code sees of workers, and what workers see of the training process."""

import random
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import get_worker_info

from trueload import DataLoader

from .datasets import Made, Shared

KINDS = {"map-style": Made, "iterable": Shared}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


class Settings(Made):
    """Gives its own attributes as samples."""

    def __init__(self, length=8):
        super().__init__(self.tell, length)
        self.epoch = 0
        self.options = {"crop": [1, 2]}
        self.weights = np.zeros(3)

    def tell(self, _):
        return self.epoch, self.options["crop"][-1], self.weights.sum().item()


def told(_):
    info = get_worker_info()
    return info.id, info.num_workers, info.seed - info.id, torch.initial_seed() - info.id


def test_the_worker_info_has_torchs_fields(kind):
    torch.manual_seed(3)
    found = list(DataLoader(kind(told), None, num_workers=2, rng="worker"))
    torch.manual_seed(3)
    base_seed = torch.empty((), dtype=torch.int64).random_().item()
    assert {number for number, *_ in found} <= {0, 1}
    assert {tuple(rest) for _, *rest in found} == {(2, base_seed, base_seed)}


def test_there_is_no_worker_info_without_workers(kind):
    assert set(DataLoader(kind(lambda _: str(get_worker_info())), None)) == {"None"}


def test_the_worker_init_function_may_change_the_workers_dataset(kind):
    def init(worker):
        get_worker_info().dataset.make = lambda index: index * 10

    loader = DataLoader(kind(int, 4), None, num_workers=2, worker_init_fn=init)
    assert sorted(loader) == [0, 10, 20, 30]
    assert loader.dataset.make is int


def test_the_worker_init_function_runs_once_in_each_worker_with_its_number():
    calls = []

    def init(worker):
        calls.append(worker)

    def make(_):
        return get_worker_info().id, *calls

    loader = DataLoader(Made(make), None, num_workers=3, worker_init_fn=init)
    assert all(found[1:] == found[:1] for found in loader)
    assert calls == []


def test_the_worker_init_function_of_a_worker_may_seed_what_samples_draw():
    def init(worker):
        random.seed(0)

    loader = DataLoader(
        Made(lambda _: random.random(), 2), None, num_workers=1, worker_init_fn=init, rng="worker"
    )
    assert next(iter(loader)) == random.Random(0).random()


@pytest.mark.parametrize("persistent", [False, True])
def test_changes_made_between_epochs_reach_the_workers(persistent):
    def of(loader):
        return {tuple(sample) for sample in loader}

    dataset = Settings()
    loader = DataLoader(dataset, None, num_workers=2, persistent_workers=persistent)
    seen = [of(loader)]
    dataset.epoch = 3
    seen.append(of(loader))
    dataset.options["crop"].append(9)
    dataset.weights += 2
    seen.append(of(loader))
    loader._iterator = None
    assert seen == [{(0, 2, 0.0)}, {(3, 2, 0.0)}, {(3, 9, 6.0)}]


def test_a_change_made_within_an_epoch_reaches_the_next_one_of_an_endless_loop():
    dataset = Settings(8)
    batches = DataLoader(dataset, None, num_workers=2, prefetch_factor=1).endless()
    assert {epoch for epoch, *_ in islice(batches, 3)} == {0}
    dataset.epoch = 1
    seen = [epoch for epoch, *_ in islice(batches, 29)]
    assert seen[:5] == [0] * 5
    assert seen[-8:] == [1] * 8


def test_what_a_worker_changes_stays_in_the_worker():
    def count(index):
        count.calls += 1
        return index

    count.calls = 0
    assert len(list(DataLoader(Made(count), 2, num_workers=2))) == 12
    assert count.calls == 0


def test_workers_run_torch_with_one_thread():
    assert set(DataLoader(Made(lambda _: torch.get_num_threads(), 4), None, num_workers=2)) == {1}
