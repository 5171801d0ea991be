"""Every message about ranks, word for word."""

import pytest
import torch
from torch.utils.data import IterableDataset, RandomSampler
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader, ranks
from trueload.shares import Share


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(4))


def message_of(run, *args, **kwargs):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the text is looked at
        run(*args, **kwargs)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_second_split_names_the_sampler(snapshot):
    split = DistributedSampler(range(8), num_replicas=4, rank=0)
    assert message_of(DataLoader, range(8), sampler=split, shard="ranks") == snapshot


def test_an_order_nobody_agrees_on_names_the_sampler(monkeypatch, snapshot):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    sampler = RandomSampler(range(8))
    assert message_of(iter, DataLoader(range(8), sampler=sampler, shard="ranks")) == snapshot


def test_a_rank_that_cannot_be_is_shown(monkeypatch, snapshot):
    monkeypatch.setenv("RANK", "2")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert message_of(DataLoader, range(8), shard="ranks") == snapshot


@pytest.mark.parametrize(
    "arguments",
    [
        {"shard": "rank"},
        {"shard": "ranks", "in_order": False},
        {"even": "pad"},
        {"shard": "ranks", "even": "both"},
    ],
    ids=str,
)
def test_arguments_that_mean_nothing(arguments, snapshot):
    assert message_of(DataLoader, range(8), **arguments) == snapshot


def test_a_pipe_splits_itself(snapshot):
    pipe = torch.utils.data.datapipes.iter.IterableWrapper(range(3))
    assert message_of(DataLoader, pipe, shard="ranks") == snapshot


def test_a_stream_that_is_shared_no_more(snapshot):
    loader = DataLoader(Stream(), seed=0, shard=(0, 2))
    next(iter(loader))
    alone = DataLoader(Stream(), seed=0)
    alone.load_state_dict(loader.state_dict())
    assert message_of(iter, alone) == snapshot


@pytest.mark.parametrize(
    ("name", "values"), [("seed", (42, 43)), ("position", (96, 0)), ("even", (None, "pad"))]
)
def test_ranks_that_read_different_orders_name_what_differs(name, values, snapshot):
    told = [{"batch size": 8, f"`{name}`" if name == "even" else name: value} for value in values]
    assert message_of(ranks.check_alike, told) == snapshot


def test_a_sampler_that_gives_each_rank_another_order_is_named(monkeypatch, snapshot):
    other = ranks.check_drawn.__globals__["_digest"]([3, 1, 2]), "begins with 3, 1, 2"
    monkeypatch.setattr(ranks, "gathered", lambda mine: [mine, mine, other])
    assert message_of(ranks.check_drawn, "Buckets", [2, 14, 3]) == snapshot
    monkeypatch.setattr(ranks, "gathered", lambda mine: [mine, mine])
    ranks.check_drawn("Buckets", [(1, "a"), 2])


def test_indices_that_are_no_plain_values_are_not_compared(monkeypatch):
    monkeypatch.setattr(ranks, "gathered", lambda mine: [mine, (b"other", "begins with 1")])
    ranks.check_drawn("Objects", [object()])


def test_a_batch_that_only_repeats(caplog, snapshot):
    class Two:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return index

    list(DataLoader(Two(), seed=0, shard=(2, 3)))
    assert [record.getMessage() for record in caplog.records] == snapshot


def test_a_share_knows_its_bounds(snapshot):
    assert message_of(Share, 2, 2) == snapshot
    assert message_of(Share, 0, 2, "both") == snapshot
