"""The books of an epoch: what was delivered, skipped, replaced and lost, and what a state keeps."""

import json
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader, Ledger
from trueload.ledger import Account, Known, carried


class Odd:
    """Raises for some indices."""

    def __init__(self, length=20, bad=()):
        self.length, self.bad = length, set(bad)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index in self.bad:
            raise ValueError(index)
        return index


class Followed:
    """A sampler that nobody knows."""

    def __init__(self, indices):
        self.indices = indices

    def __iter__(self):
        return iter(self.indices)


def read(loader):
    for _ in loader:
        pass
    return loader.ledger


ORDERS = {
    "sequential": {},
    "shuffled": {"shuffle": True},
    "seeded": {"shuffle": True, "seed": 4},
    "dropping the last": {"drop_last": True},
    "weighted": {"sampler": WeightedRandomSampler([1.0] * 20, 30), "seed": 1},
    "followed": {"sampler": Followed([*range(10), 3, 3, 4])},
    "distributed": {"sampler": DistributedSampler(range(20), 2, 1)},
    "a list": {"sampler": [5, 1, 1, 7]},
}


@pytest.mark.parametrize("given", ORDERS.values(), ids=ORDERS)
def test_what_was_delivered_is_what_was_taken(given):
    loader = DataLoader(Odd(), 3, **given)
    taken = []
    for _ in loader:
        taken += loader.taken.indices
        ledger = loader.ledger
        assert ledger.delivered.tolist() == sorted(set(taken))
        assert ledger.repeated.tolist() == sorted({i for i in taken if taken.count(i) > 1})
        assert ledger.missing.tolist() == sorted(set(range(20)) - set(taken))
        assert ledger.counts == (len(taken), 0, 0, 0, 0)
    assert loader.ledger.finished


def test_before_the_first_epoch_there_is_nothing_in_it():
    ledger = DataLoader(Odd()).ledger
    assert ledger.counts == (0, 0, 0, 0, 0)
    assert ledger.delivered.tolist() == []
    assert str(ledger) == "epoch 0: 0 delivered"


def test_asking_for_the_books_draws_nothing():
    torch.manual_seed(0)
    loader = DataLoader(Odd(), shuffle=True)
    before = torch.get_rng_state()
    assert len(loader.ledger.missing) == 20
    assert torch.equal(torch.get_rng_state(), before)


def test_the_books_of_a_state_can_be_read_at_once():
    loader = DataLoader(Odd(20, [3]), 4, on_error="skip", shuffle=True, seed=1)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    other = DataLoader(Odd(20, [3]), 4, on_error="skip", shuffle=True, seed=1)
    other.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert other.ledger.counts == loader.ledger.counts
    assert other.ledger.delivered.tolist() == loader.ledger.delivered.tolist()
    assert other.ledger.entries == loader.ledger.entries


def test_a_ledger_is_of_the_moment_it_was_asked_for():
    loader = DataLoader(Odd(), 5)
    batches = iter(loader)
    next(batches)
    early = loader.ledger
    next(batches)
    assert early.counts.delivered == 5
    assert early.delivered.tolist() == [*range(5)]


def test_it_says_itself_in_a_line():
    loader = DataLoader(Odd(2000, [3, 1100]), 4, on_error="skip")
    assert str(read(loader)) == "epoch 0: 1 998 delivered, 2 skipped"


def test_indices_that_are_no_integers_are_counted():
    loader = DataLoader(dict.fromkeys("abcdef", 1), 2, sampler=list("abcdef"))
    ledger = read(loader)
    assert ledger.counts.delivered == 6
    assert ledger.delivered is None


def test_out_of_order_what_was_taken_is_in_the_books():
    loader = DataLoader(Odd(), 3, in_order=False)
    batches = iter(loader)
    next(batches)
    cursor = loader._progress.cursor
    task = cursor.task
    cursor.took(task._replace(batch=3, position=9, indices=np.arange(9, 12)))
    assert loader.ledger.delivered.tolist() == [0, 1, 2, 9, 10, 11]
    state = loader.state_dict()
    resumed = DataLoader(Odd(), 3, in_order=False)
    resumed.load_state_dict(state)
    rest = iter(resumed)
    next(rest)
    assert resumed.ledger.delivered.tolist() == [0, 1, 2, 3, 4, 5, 9, 10, 11]


def ranks(number, bad=(), length=20, **given):
    for rank in range(number):
        sampler = DistributedSampler(range(length), number, rank, **given)
        yield DataLoader(Odd(length, bad), 3, sampler=sampler, on_error="skip")


def test_the_ledgers_of_ranks_become_one():
    parts = [pickle.loads(pickle.dumps(read(loader))) for loader in ranks(4, [7, 11])]
    whole = Ledger.merged(parts)
    assert whole.delivered.tolist() == [i for i in range(20) if i not in {7, 11}]
    assert sorted(whole.skipped) == [7, 11]
    assert whole.counts == (18, 2, 0, 0, 0)
    assert whole.repeated.tolist() == []
    assert whole.finished


def test_what_ranks_were_padded_with_came_twice():
    whole = Ledger.merged([read(loader) for loader in ranks(3, shuffle=False)])
    assert whole.repeated.tolist() == [0]
    assert whole.counts.delivered == 21


def test_ledgers_of_different_epochs_are_not_merged():
    one, other = DataLoader(Odd()), DataLoader(Odd())
    read(other)
    with pytest.raises(ValueError, match="one epoch of one dataset"):
        Ledger.merged([read(one), read(other)])
    with pytest.raises(ValueError, match="one epoch of one dataset"):
        Ledger.merged([])


def test_a_state_without_bad_samples_stays_short():
    loader = DataLoader(Odd(10_000), 10, shuffle=True, seed=0)
    batches = iter(loader)
    for _ in range(500):
        next(batches)
    assert loader.state_dict()["ledger"] is None
    followed = DataLoader(Odd(10_000), 10, sampler=DistributedSampler(range(10_000), 1, 0))
    batches = iter(followed)
    for _ in range(500):
        next(batches)
    assert len(followed.state_dict()["ledger"]) < 100


def test_a_state_with_many_bad_samples_takes_a_few_bytes_for_each():
    account = Account(known=Known(set(range(0, 3_000_000, 1000))))
    for number in range(3000):
        account.enter(number, "skipped", [number * 1000])
    assert len(account.packed(3000, ())) < 3000 * 12
    back = Account.unpacked(account.packed(3000, ()), Known(), batches=3000, ahead=(), length=None)
    assert back == account


def test_a_state_of_fewer_batches_forgets_what_comes_after():
    account = Account()
    account.enter(2, "skipped", [5])
    account.enter(7, "skipped", [6])
    back = Account.unpacked(account.packed(8, ()), Known(), batches=5, ahead=(), length=None)
    assert [entry.index for entry in back.entries] == [5]


def test_which_samples_are_bad_is_known_in_the_next_epoch_and_after_a_state():
    loader = DataLoader(Odd(20, [3]), 4, on_error="replace", seed=0)
    read(loader)
    again = DataLoader(Odd(20, [3]), 4, on_error="replace", seed=0)
    again.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    next(iter(again))
    assert 3 in again._progress.known
    assert again.ledger.epoch == 1
    assert json.loads(carried(loader.state_dict()["ledger"])) == {"known": [3]}


class Keeping:
    """A sampler with a state of its own."""

    def __init__(self, length):
        self.length, self.at = length, 0

    def __iter__(self):
        while self.at < self.length:
            self.at += 1
            yield self.at - 1
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


def test_a_sampler_that_is_not_read_again_has_its_indices_in_the_state():
    loader = DataLoader(Odd(), 3, sampler=Keeping(20))
    batches = iter(loader)
    next(batches), next(batches)
    resumed = DataLoader(Odd(), 3, sampler=Keeping(20))
    resumed.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    rest = iter(resumed)
    assert next(rest).tolist() == [6, 7, 8]
    assert resumed.ledger.delivered.tolist() == [*range(9)]
    assert len(list(rest)) == 4
    assert resumed.ledger.missing.tolist() == []


def test_without_a_guard_the_indices_of_a_followed_sampler_are_not_kept():
    loader = DataLoader(Odd(), 3, sampler=Followed(range(20)), guard="off")
    ledger = read(loader)
    assert ledger.counts.delivered == 20
    assert ledger.delivered is None


@pytest.mark.parametrize("kind", [SequentialSampler, RandomSampler])
def test_batches_of_samplers_handed_over_are_in_the_books(kind):
    dataset = Odd()
    loader = DataLoader(dataset, batch_sampler=BatchSampler(kind(dataset), 7, drop_last=False))
    assert read(loader).missing.tolist() == []
