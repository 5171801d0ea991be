"""A forgotten `set_epoch` is told, and orders that are meant to be the same are not."""

import pytest
from torch.utils.data import DistributedSampler

from trueload import DataLoader
from trueload.errors import SameOrderError

pytestmark = pytest.mark.usefixtures("nothing_told")


def distributed(epochs, guard="on", **arguments):
    """Go over a loader with a sampler for several ranks."""
    settings = {"num_replicas": 2, "rank": 0, "shuffle": True} | arguments
    sampler = DistributedSampler(range(8), **settings)
    loader = DataLoader(range(8), 2, sampler=sampler, guard=guard)
    taken = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        taken.append([batch.tolist() for batch in loader])
    return taken


def test_a_forgotten_set_epoch_repeats_the_order_and_is_told(caplog):
    first, second = distributed([0, 0])
    assert first == second
    (message,) = caplog.messages
    assert message == (
        "epoch 1 has the very order of epoch 0 [TL606]\n"
        "  sampler  DistributedSampler, shuffled, 2 ranks\n"
        "  epoch    0, as before\n"
        "\n"
        "hint: call `sampler.set_epoch(epoch)` before each epoch"
    )
    with pytest.raises(SameOrderError):
        distributed([0, 0], guard="strict")


def test_orders_that_are_meant_to_be_the_same_are_not_told(caplog):
    distributed([0, 1, 2])
    distributed([0, 0], shuffle=False)
    distributed([0, 0], num_replicas=1)
    distributed([0, 0], guard="off")
    assert not caplog.messages


def test_an_epoch_that_was_left_early_may_be_begun_again(caplog):
    sampler = DistributedSampler(range(8), num_replicas=2, rank=0)
    loader = DataLoader(range(8), 2, sampler=sampler)
    next(iter(loader))
    list(loader)
    assert not caplog.messages
