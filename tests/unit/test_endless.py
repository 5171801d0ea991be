"""Epoch after epoch as one iteration, and errors instead of a loop that never gives anything."""

from itertools import islice

import pytest
import torch
from torch.utils.data import IterableDataset

from trueload import DataLoader
from trueload.endless import following
from trueload.errors import ArgumentError, EmptyError
from trueload.progress import Cursor
from trueload.state import LoaderState


class Lines(IterableDataset):
    def __init__(self, lines):
        self.lines = lines
        self.begun = 0

    def __iter__(self):
        self.begun += 1
        return iter(self.lines)


class Once(IterableDataset):
    """Gives its samples in the first epoch only."""

    def __init__(self):
        self.lines = iter([1, 2, 3])

    def __iter__(self):
        return self.lines


class Growing(IterableDataset):
    """Is empty in the epochs that come too early."""

    def __init__(self):
        self.epoch = 0

    def __iter__(self):
        self.epoch += 1
        return iter([self.epoch] * self.epoch)


def listed(batches):
    return [batch.tolist() for batch in batches]


def test_an_epoch_follows_another_without_an_end():
    batches = DataLoader(range(5), batch_size=2).endless()
    assert listed(islice(batches, 7)) == [[0, 1], [2, 3], [4]] * 2 + [[0, 1]]


def test_each_epoch_has_every_sample_in_another_order():
    batches = listed(islice(DataLoader(range(50), batch_size=50, shuffle=True).endless(), 4))
    assert all(sorted(batch) == list(range(50)) for batch in batches)
    assert len({tuple(batch) for batch in batches}) == 4


def test_with_a_seed_the_epochs_are_those_of_the_loader():
    def loader():
        return DataLoader(range(9), batch_size=4, shuffle=True, seed=7)

    plain = loader()
    epochs = [batch for _ in range(3) for batch in listed(plain)]
    assert listed(islice(loader().endless(), 9)) == epochs


@pytest.mark.parametrize("steps", [0, 1, 3, 8])
def test_a_number_of_steps_ends_the_loop(steps):
    assert len(list(DataLoader(range(5), batch_size=2).endless(steps))) == steps


def test_after_its_steps_the_loop_stays_over():
    batches = DataLoader(range(5)).endless(1)
    next(batches)
    assert next(batches, "over") == next(batches, "over") == "over"


def test_less_than_no_steps_are_refused_at_once():
    with pytest.raises(ArgumentError):
        DataLoader(range(5)).endless(-1)


def test_no_batch_is_made_before_it_is_asked_for():
    lines = Lines(range(5))
    DataLoader(lines).endless()
    DataLoader(lines).endless(0)
    assert lines.begun == 0


def test_a_stream_is_begun_anew_for_each_epoch():
    lines = Lines(range(3))
    assert listed(DataLoader(lines, batch_size=2).endless(5)) == [[0, 1], [2], [0, 1], [2], [0, 1]]
    assert lines.begun == 3


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader([]),
        DataLoader(range(3), batch_size=4, drop_last=True),
        DataLoader(range(3), batch_sampler=[]),
        DataLoader(Lines([])),
    ],
    ids=["empty", "too short", "no batches", "empty stream"],
)
def test_an_epoch_without_a_batch_is_an_error(loader):
    with pytest.raises(EmptyError, match="TL104"):
        next(loader.endless())


def test_a_stream_that_is_used_up_is_an_error_after_its_batches():
    batches = DataLoader(Once(), batch_size=2).endless()
    assert listed([next(batches), next(batches)]) == [[1, 2], [3]]
    with pytest.raises(EmptyError):
        next(batches)


def test_the_rest_of_an_epoch_may_be_empty():
    loader = DataLoader(range(4), batch_size=2)
    list(islice(loader, 2))
    resumed = DataLoader(range(4), batch_size=2)
    resumed.load_state_dict({**loader.state_dict(), "_iterator_finished": False})
    assert next(resumed.endless()).tolist() == [0, 1]


def test_an_error_of_the_dataset_does_not_end_the_loop():
    batches = DataLoader([1, None, 3], batch_size=1).endless()
    assert next(batches).tolist() == [1]
    with pytest.raises(TypeError):
        next(batches)
    assert listed(islice(batches, 2)) == [[3], [1]]


def test_a_stream_may_grow_from_epoch_to_epoch():
    assert listed(DataLoader(Growing(), batch_size=2).endless(4)) == [[1], [2, 2], [3, 3], [3]]


def test_the_loop_goes_on_from_a_state_taken_in_it():
    def loader():
        return DataLoader(range(9), batch_size=4, shuffle=True)

    first = loader()
    batches = first.endless()
    list(islice(batches, 5))
    state = first.state_dict()
    expected = listed(islice(batches, 6))
    torch.manual_seed(99)
    resumed = loader()
    resumed.load_state_dict(state)
    assert listed(islice(resumed.endless(), 6)) == expected


def test_the_epoch_after_a_finished_one_has_seeds_derived_from_it():
    state = following(Cursor(LoaderState(epoch=4, base_seed=5, order_seed=6)))
    assert state.epoch == 5
    assert state == following(Cursor(LoaderState(epoch=4, base_seed=5, order_seed=6)))
    assert len({5, 6, state.base_seed, state.order_seed}) == 4
    assert 0 <= state.base_seed < 1 << 63
    assert 0 <= state.order_seed < 1 << 63


def test_an_order_without_a_seed_needs_none_in_the_next_epoch():
    assert following(Cursor(LoaderState(base_seed=5))).order_seed is None


@pytest.mark.parametrize(
    "cursor",
    [Cursor(LoaderState(base_seed=5), followed=True), Cursor(LoaderState())],
    ids=["followed", "nothing drawn"],
)
def test_what_a_sampler_draws_is_left_to_it(cursor):
    assert following(cursor) is None
