"""Loops that are left: by `break` and by an exception, at any batch."""

import pytest

from tests.workers.datasets import plain
from trueload import DataLoader

from .parts import LENGTH, MAPS, expected, rest_of, slow


@pytest.fixture(params=MAPS)
def kind(request):
    return MAPS[request.param]


@pytest.fixture(params=[False, True], ids=["fresh workers", "persistent workers"])
def persistent(request):
    return request.param


def raising_at(index):
    def make(one):
        if one == index:
            raise LookupError
        return slow(one)

    return make


def test_a_loop_that_is_never_begun_leaves_nothing(kind):
    iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))


@pytest.mark.parametrize("after", [1, 7, 15, 16])
def test_a_loop_may_be_left_after_any_batch_and_begun_again(kind, persistent, after):
    loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2, persistent_workers=persistent)
    found = []
    for batch in loader:
        found.append(plain(batch))
        if len(found) == after:
            break
    again = rest_of(loader)
    loader._iterator = None
    assert found == expected(kind)[:after]
    assert again == expected(kind)


def test_a_loop_may_be_left_by_an_exception_of_its_body(kind, persistent):
    loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2, persistent_workers=persistent)

    def train():
        for batch in loader:
            1 / batch[0].sub(4).item()

    with pytest.raises(ZeroDivisionError):
        train()
    loader._iterator = None


@pytest.mark.parametrize("index", [0, LENGTH - 1])
def test_a_loop_may_be_left_by_an_exception_of_the_first_or_the_last_sample(
    kind, persistent, index
):
    dataset = kind(raising_at(index), LENGTH)
    loader = DataLoader(dataset, 2, num_workers=2, persistent_workers=persistent)
    with pytest.raises(LookupError):
        rest_of(loader)
    dataset.make = slow
    again = rest_of(loader)
    loader._iterator = None
    assert again == expected(kind)


def test_loops_that_are_left_at_once_again_and_again_use_up_nothing(kind):
    loader = DataLoader(kind(slow, LENGTH), 2, num_workers=2, persistent_workers=True)
    firsts = [plain(next(iter(loader))) for _ in range(60)]
    whole = rest_of(loader)
    loader._iterator = None
    assert firsts == [[0, 1] if kind is MAPS["map-style"] else [0, 2]] * 60
    assert whole == expected(kind)


def test_an_endless_loop_may_be_left(kind):
    batches = DataLoader(kind(slow, 8), 2, num_workers=2).endless()
    assert [plain(next(batches)) for _ in range(10)][8:] == expected(kind, length=8)[:2]


def test_a_loader_may_be_forgotten_in_the_middle_of_a_loop(kind):
    batches = iter(DataLoader(kind(slow, LENGTH), 2, num_workers=2))
    assert [plain(next(batches)) for _ in range(4)] == expected(kind)[:4]


def test_many_short_epochs_need_no_more_than_one(kind):
    loader = DataLoader(kind(int, 6), 2, num_workers=2)
    whole = expected(kind, length=6) if kind is MAPS["map-style"] else None
    found = [rest_of(loader) for _ in range(50)]
    assert all(epoch == (whole or found[0]) for epoch in found)


def test_many_short_epochs_of_persistent_workers_need_no_more_than_one(kind):
    loader = DataLoader(kind(int, 6), 2, num_workers=2, persistent_workers=True)
    found = [rest_of(loader) for _ in range(50)]
    loader._iterator = None
    assert all(epoch == found[0] for epoch in found)
