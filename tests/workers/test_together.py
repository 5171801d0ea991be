"""Several iterations at once: over one loader, over two, one within another."""

from itertools import islice

import pytest

from trueload import DataLoader

from .datasets import Made, Shared, plain, plain_batches

KINDS = {"map-style": Made, "iterable": Shared}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_an_epoch_may_be_given_up_and_begun_again_with_the_same_workers(kind):
    loader = DataLoader(kind(int, 40), 2, num_workers=2, persistent_workers=True)
    first = [plain(batch) for batch in islice(loader, 3)]
    again = plain_batches(loader)
    loader._iterator = None
    assert again[:3] == first
    assert sorted(sample for batch in again for sample in batch) == list(range(40))


def test_two_iterators_of_one_loader_do_not_meet(kind):
    loader = DataLoader(kind(int, 12), 2, num_workers=2)
    one, other = iter(loader), iter(loader)
    first = [plain(next(one)) for _ in range(2)]
    whole = [plain(batch) for batch in other]
    assert first + [plain(batch) for batch in one] == whole
    assert len(whole) == 6


def test_two_loaders_can_be_zipped():
    left = DataLoader(Made(int, 8), 2, num_workers=2)
    right = DataLoader(Made(lambda index: -index, 8), 2, num_workers=1)
    for one, other in zip(left, right, strict=True):
        assert plain(one) == (-other).tolist()


def test_a_loop_within_a_loop_over_the_same_loader():
    loader = DataLoader(Made(int, 6), 2, num_workers=2)
    pairs = [(plain(one)[0], plain(other)[0]) for one in loader for other in loader]
    assert pairs == [(one, other) for one in (0, 2, 4) for other in (0, 2, 4)]


def test_a_loader_within_a_worker_works_without_workers_of_its_own():
    def nested(index):
        return sum(batch.sum().item() for batch in DataLoader(Made(int, 5), 2)) + index

    loader = DataLoader(Made(nested, 4), None, num_workers=2)
    assert list(loader) == [10, 11, 12, 13]


def test_a_loader_within_a_worker_refuses_workers_of_its_own_as_torchs_does():
    def nested(_):
        return list(DataLoader(Made(int, 5), 2, num_workers=1))

    with pytest.raises(AssertionError, match="daemonic processes are not allowed to have children"):
        list(DataLoader(Made(nested, 4), None, num_workers=1))
