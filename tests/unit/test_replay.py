"""One sample again, alone and bit for bit, wherever it lay in whichever epoch."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset

from trueload import DataLoader
from trueload.errors import ReplayError


class Noisy:
    """Draws from all three generators, and says which index it was asked for."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
        return torch.tensor([index, *drawn], dtype=torch.float64)


class Together(Noisy):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


def jittered(sample):
    return sample + torch.rand(())


SETUPS = {
    "in order": {},
    "shuffled": {"shuffle": True},
    "each sample its own key": {"shuffle": True, "rng": "sample"},
    "transform": {"shuffle": True, "transform": jittered},
    "transform, each sample its own key": {"rng": "sample", "transform": jittered},
    "without batches": {"shuffle": True, "batch_size": None},
    "without batches, each sample its own key": {"batch_size": None, "rng": "sample"},
}


def loader_of(dataset=None, **arguments):
    return DataLoader(dataset or Noisy(), **{"batch_size": 4, "seed": 5, **arguments})


def index_of(sample):
    """Give the index of a sample, to which a transform added less than one."""
    return int(sample[0])


def samples_of(loader):
    return [row for batch in loader for row in (batch if batch.dim() > 1 else [batch])]


FETCHED = {
    **{name: (Noisy(), arguments) for name, arguments in SETUPS.items()},
    **{f"{name}, together": (Together(), arguments) for name, arguments in SETUPS.items()},
}


@pytest.mark.parametrize(("dataset", "arguments"), FETCHED.values(), ids=FETCHED)
def test_every_sample_of_an_epoch_is_made_again_bit_for_bit(dataset, arguments):
    loader = loader_of(dataset, **arguments)
    for epoch in range(2):
        for sample in samples_of(loader):
            assert torch.equal(loader.replay(index_of(sample), epoch), sample)


@pytest.mark.parametrize("arguments", SETUPS.values(), ids=SETUPS)
def test_another_loader_of_the_same_seed_makes_the_same_sample(arguments):
    sample = samples_of(loader_of(**arguments))[9]
    assert torch.equal(loader_of(**arguments).replay(index_of(sample), 0), sample)


def test_without_an_epoch_the_one_begun_last_is_meant():
    loader = loader_of(shuffle=True)
    first, second = ({index_of(sample): sample for sample in samples_of(loader)} for _ in range(2))
    assert torch.equal(loader.replay(7), second[7])
    assert not torch.equal(loader.replay(7), first[7])


def test_without_a_seed_the_last_epoch_is_known_where_its_samples_have_keys():
    loader = loader_of(seed=None, shuffle=True, rng="sample")
    sample = samples_of(loader)[9]
    assert torch.equal(loader.replay(index_of(sample)), sample)


def test_an_index_that_is_there_twice_is_told_apart_by_its_position():
    loader = DataLoader(
        Noisy(),
        batch_size=4,
        seed=5,
        sampler=torch.utils.data.RandomSampler(Noisy(), replacement=True, num_samples=200),
    )
    samples = samples_of(loader)
    places = [place for place, sample in enumerate(samples) if index_of(sample) == 7]
    assert len(places) > 1
    for place in places:
        assert torch.equal(loader.replay(7, 0, position=place), samples[place])
    assert torch.equal(loader.replay(7, 0), samples[places[0]])


def test_a_sample_of_a_last_batch_that_was_left_out_can_be_made_too():
    loader = loader_of(drop_last=True)
    assert int(loader.replay(22, 0)[0]) == 22


def test_generators_and_progress_are_left_alone():
    loader = loader_of(shuffle=True)
    iterator = iter(loader)
    next(iterator)
    before = (random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state())
    state, taken = loader.state_dict(), loader.taken
    loader.replay(3)
    assert random.getstate() == before[0]
    assert str(np.random.get_state(legacy=False)) == str(before[1])
    assert torch.equal(torch.get_rng_state(), before[2])
    assert (loader.state_dict(), loader.taken) == (state, taken)


@pytest.mark.parametrize(
    ("loader", "asked"),
    [
        (loader_of(), {"index": 23}),
        (loader_of(), {"index": -1}),
        (loader_of(), {"index": 3, "position": 4}),
        (loader_of(), {"index": 3, "position": 23}),
        (loader_of(), {"index": 3, "position": -1}),
        (loader_of(seed=None), {"index": 3}),
        (loader_of(seed=None, shuffle=True, rng="sample"), {"index": 3}),
        (loader_of(rng="worker"), {"index": 3}),
        (loader_of(sampler=[3, 1]), {"index": 3}),
        (loader_of(Stream()), {"index": 3}),
    ],
    ids=[
        "too large",
        "negative",
        "another position",
        "position too large",
        "position negative",
        "nothing keyed",
        "nothing drawn yet",
        "torch's streams",
        "followed sampler",
        "stream",
    ],
)
def test_what_cannot_be_made_again_is_refused(loader, asked):
    with pytest.raises(ReplayError, match="TL107"):
        loader.replay(**asked)


def test_the_order_of_an_earlier_epoch_is_forgotten_without_a_seed():
    loader = loader_of(seed=None, shuffle=True, rng="sample")
    samples_of(loader)
    samples_of(loader)
    loader.replay(3, 1)
    with pytest.raises(ReplayError, match="the order of epoch 0 is not known any more"):
        loader.replay(3, 0)


def test_an_error_of_the_dataset_comes_with_its_note():
    loader = DataLoader([1, 2, 3], seed=1, transform=lambda sample: sample / (sample - 2))
    with pytest.raises(ZeroDivisionError) as caught:
        loader.replay(1)
    assert "TL204" in caught.value.__notes__[0]
