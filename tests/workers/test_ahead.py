"""Persistent workers begin the next epoch early, and nothing of it shows but the time it saves."""

import time

import pytest
import torch
from torch.utils.data import RandomSampler

from trueload import DataLoader


class Noted:
    """Notes in shared memory how often each sample was made, and in which epoch of its own."""

    def __init__(self, length=12):
        self.epoch = 0
        self.made = torch.zeros(length, dtype=torch.int64).share_memory_()

    def __len__(self):
        return len(self.made)

    def __getitem__(self, index):
        self.made[index] += 1
        return torch.tensor([index, self.epoch, torch.randint(1 << 30, ()).item()])


def build(dataset=None, **arguments):
    own = {"batch_size": 4, "num_workers": 2, "persistent_workers": True, **arguments}
    return DataLoader(Noted() if dataset is None else dataset, **own)


def told(loader):
    return [batch.tolist() for batch in loader]


def made_soon(dataset, index, times):
    """Wait until a sample was made so often, at most five seconds."""
    until = time.monotonic() + 5
    while dataset.made[index] < times and time.monotonic() < until:
        time.sleep(0.01)
    return int(dataset.made[index])


KNOWN = {
    "in order": {},
    "in order, with a seed": {"seed": 1},
    "shuffled by a seed": {"seed": 1, "shuffle": True},
}


@pytest.fixture(params=KNOWN.values(), ids=KNOWN)
def arguments(request):
    return request.param


def test_the_next_epoch_is_begun_before_it_is_asked_for():
    dataset = Noted(48)
    loader = build(dataset)
    told(loader)
    assert made_soon(dataset, 0, 2) == 2


def test_an_epoch_that_was_begun_early_is_not_begun_again():
    dataset = Noted(48)
    loader = build(dataset)
    for _ in range(3):
        told(loader)
    made_soon(dataset, 3, 4)
    loader._iterator = None
    assert dataset.made[:4].tolist() == [4] * 4


def test_the_epochs_are_those_of_workers_that_are_started_anew(arguments):
    found = []
    for persistent in (True, False):
        torch.manual_seed(0)
        loader = build(persistent_workers=persistent, **arguments)
        found.append([[[row[:2] for row in batch] for batch in told(loader)] for _ in range(3)])
    assert found[0] == found[1]


def test_a_seed_gives_the_same_draws_with_and_without_persistence():
    found = []
    for persistent in (True, False):
        loader = build(persistent_workers=persistent, shuffle=True, seed=1)
        found.append([told(loader) for _ in range(3)])
    assert found[0] == found[1]


def test_a_change_of_the_dataset_reaches_an_epoch_that_was_begun_early(arguments):
    dataset = Noted()
    loader = build(dataset, **arguments)
    for epoch in range(3):
        dataset.epoch = epoch
        assert {row[1] for batch in told(loader) for row in batch} == {epoch}


def test_another_batch_size_reaches_an_epoch_that_was_begun_early():
    loader = build()
    told(loader)
    loader.batch_sampler.batch_size = 6
    assert [len(batch) for batch in told(loader)] == [6, 6]


def test_another_sampler_reaches_an_epoch_that_was_begun_early():
    loader = build()
    told(loader)
    loader.batch_sampler.sampler = [5, 3]
    assert [[row[0] for row in batch] for batch in told(loader)] == [[5, 3]]


def test_a_state_that_is_loaded_reaches_an_epoch_that_was_begun_early():
    loader = build()
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    told(iterator)
    loader.load_state_dict(state)
    assert [batch[0][0] for batch in told(loader)] == [4, 8]


def test_an_epoch_that_is_broken_off_is_followed_by_a_whole_one(arguments):
    loader = build(**arguments)
    for _ in range(3):
        next(iter(loader))
        assert len(told(loader)) == 3


def test_a_state_counts_only_what_was_taken(arguments):
    loader = build(**arguments)
    told(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["_num_yielded"], state["_iterator_finished"]) == (0, 3, True)


def test_an_order_that_must_be_drawn_is_drawn_when_it_is_asked_for():
    dataset = Noted()
    loader = build(dataset, sampler=RandomSampler(dataset))
    told(loader)
    torch.manual_seed(7)
    found = [row[0] for batch in told(loader) for row in batch]
    torch.manual_seed(7)
    assert found == list(RandomSampler(dataset))


def test_the_generator_is_left_alone_by_what_is_begun_early(arguments):
    loader = build(**arguments)
    told(loader)
    before = torch.get_rng_state()
    told(loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_of_an_epoch_that_was_begun_early_comes_in_its_turn():
    class Failing(Noted):
        def __getitem__(self, index):
            if index == 0 and self.made[0] >= 1:
                message = "sample 0 has gone"
                raise OSError(message)
            return super().__getitem__(index)

    dataset = Failing()
    loader = build(dataset)
    assert len(told(loader)) == 3
    with pytest.raises(OSError, match="has gone"):
        told(loader)
