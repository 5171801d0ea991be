"""Where torch's loader is silently wrong about which samples come, ours says so; else it is silent.

Each bug has a twin without it, of which nothing may be said.
"""

import random

import pytest
import torch
import torch.utils.data
from torch.utils.data import (
    BatchSampler,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader
from trueload.errors import LedgerError, NoneSampleError

pytestmark = pytest.mark.usefixtures("nothing_told")

CODE = slice(-6, -1)


class Numbers(Dataset):
    def __init__(self, length=16, says=None):
        self.numbers = list(range(length))
        self.says = length if says is None else says

    def __len__(self):
        return self.says

    def __getitem__(self, index):
        return self.numbers[index]


class Given(Sampler):
    """Gives these indices, and says that there are so many."""

    def __init__(self, indices, says=None):
        self.indices = indices
        self.says = len(indices) if says is None else says

    def __iter__(self):
        return iter(self.indices)

    def __len__(self):
        return self.says


class Unsaid(Sampler):
    def __init__(self, indices):
        self.indices = indices

    def __iter__(self):
        return iter(self.indices)


class Drawn(Given):
    """Says that it draws without replacement."""

    replacement = False


class Lazy(Given):
    """Makes the epoch anew when it is asked for its length, as bucketing samplers do."""

    def __init__(self, indices):
        super().__init__(indices)
        self.asked = 0

    def __len__(self):
        self.asked += 1
        return len([torch.rand(1) for _ in self.indices])


class Forgetful(Sampler):
    """Shuffles by a generator that nobody seeds."""

    def __iter__(self):
        order = list(range(16))
        random.SystemRandom().shuffle(order)
        return iter(order)


class Stream(IterableDataset):
    def __init__(self, length, says):
        self.length, self.says = length, says

    def __len__(self):
        return self.says

    def __iter__(self):
        return iter(range(self.length))


def drop_none(samples):
    return torch.tensor([sample for sample in samples if sample is not None])


class Holes(Numbers):
    def __getitem__(self, index):
        return None if index in {3, 7} else index


BUGS = {
    "a sampler of another dataset": (
        "TL503",
        lambda: (Numbers(16), {"sampler": RandomSampler(Numbers(10))}),
        lambda dataset=None: (
            (numbers := Numbers(16)),
            {"sampler": RandomSampler(numbers)},
        ),
    ),
    "a sampler of the whole for a part": (
        "TL503",
        lambda: (Subset(Numbers(16), range(4, 12)), {"sampler": Given16(4)}),
        lambda: ((part := Subset(Numbers(16), range(4, 12))), {"sampler": SequentialSampler(part)}),
    ),
    "a distributed sampler of another dataset": (
        "TL503",
        lambda: (Numbers(16), {"sampler": DistributedSampler(Numbers(12), 2, 0)}),
        lambda: (Numbers(16), {"sampler": DistributedSampler(Numbers(16), 2, 0)}),
    ),
    "a short length of a sampler": (
        "TL501",
        lambda: (Numbers(16), {"sampler": Given(range(16), says=8)}),
        lambda: (Numbers(16), {"sampler": Given(range(16))}),
    ),
    "a long length of a sampler": (
        "TL501",
        lambda: (Numbers(16), {"sampler": Given(range(9), says=16)}),
        lambda: (Numbers(16), {"sampler": Given(range(9))}),
    ),
    "a wrong length of a batch sampler": (
        "TL501",
        lambda: (Numbers(16), {"batch_sampler": Given([[0, 1], [2]], says=3), "batch_size": 1}),
        lambda: (Numbers(16), {"batch_sampler": Given([[0, 1], [2]]), "batch_size": 1}),
    ),
    "a negative index": (
        "TL502",
        lambda: (Numbers(16), {"sampler": Unsaid([index - 1 for index in range(16)])}),
        lambda: (Numbers(16), {"sampler": Unsaid(range(16))}),
    ),
    "negative indices of a list": (
        "TL502",
        lambda: (list(range(16)), {"sampler": [-1, -1, -2, 0]}),
        lambda: (list(range(16)), {"sampler": [15, 15, 14, 0]}),
    ),
    "a short length of a dataset": (
        "TL502",
        lambda: (Numbers(16, says=10), {"sampler": Unsaid(range(16))}),
        lambda: (Numbers(16), {"sampler": Unsaid(range(16))}),
    ),
    "repeats by a sampler without replacement": (
        "TL504",
        lambda: (Numbers(16), {"sampler": Drawn([*range(12), 0, 1, 2, 3])}),
        lambda: (Numbers(16), {"sampler": Drawn([*range(16)][::-1])}),
    ),
    "a rank's padding in an evaluation": (
        "TL505",
        lambda: (Numbers(17), {"sampler": DistributedSampler(Numbers(17), 4, 0, shuffle=False)}),
        lambda: (Numbers(16), {"sampler": DistributedSampler(Numbers(16), 4, 0, shuffle=False)}),
    ),
    "what a rank leaves out": (
        "TL505",
        lambda: (
            Numbers(17),
            {"sampler": DistributedSampler(Numbers(17), 4, 0, shuffle=False, drop_last=True)},
        ),
        lambda: (Numbers(16), {"sampler": DistributedSampler(Numbers(16), 4, 0, drop_last=True)}),
    ),
    "samples that a collate function drops": (
        "TL218",
        lambda: (Holes(16), {"collate_fn": drop_none}),
        lambda: (Numbers(16), {"collate_fn": drop_none}),
    ),
    "a stream shorter than it says": (
        "TL501",
        lambda: (Stream(8, says=16), {}),
        lambda: (Stream(16, says=16), {}),
    ),
}


def Given16(length):  # noqa: N802 - reads as a sampler in the table
    """Give the sampler of a dataset of which the loader's is a part."""
    return SequentialSampler(Numbers(length))


def codes(caplog):
    return [record.getMessage().splitlines()[0][CODE] for record in caplog.records]


def read(dataset, given, kind=DataLoader, **more):
    if "batch_sampler" not in given:
        given = {"batch_size": 4, **given}
    loader = kind(dataset, **given, **more)
    if isinstance(dataset, Stream):
        len(loader)
    for _ in loader:
        pass
    return loader


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("code", "bug", "twin"), BUGS.values(), ids=BUGS)
def test_a_bug_is_told_and_its_twin_is_not(code, bug, twin, caplog):
    read(*bug(), kind=torch.utils.data.DataLoader)
    assert not caplog.records
    loader = read(*bug())
    assert codes(caplog) == [code]
    assert code == "TL218" or len(loader.ledger.findings) == 1
    caplog.clear()
    loader = read(*twin())
    assert codes(caplog) == []
    assert loader.ledger.findings == ()


@pytest.mark.parametrize(("code", "bug", "twin"), BUGS.values(), ids=BUGS)
def test_a_strict_guard_makes_it_an_error(code, bug, twin, caplog):
    with pytest.raises(NoneSampleError if code == "TL218" else LedgerError, match=code):
        read(*bug(), guard="strict")
    read(*twin(), guard="strict")
    read(*bug(), guard="off")
    assert not caplog.records


def test_it_is_told_once(caplog):
    dataset, given = BUGS["a short length of a sampler"][1]()
    loader = read(dataset, given)
    for _ in range(2):
        list(loader)
    assert codes(caplog) == ["TL501"]


def test_what_training_is_padded_with_is_only_mentioned(caplog):
    sampler = DistributedSampler(Numbers(17), 4, 0)
    loader = read(Numbers(17), {"sampler": sampler})
    assert not caplog.records
    assert "[TL505]" in loader.ledger.findings[0]


def test_an_iterator_in_the_place_of_a_sampler_is_used_up_after_an_epoch(caplog):
    loader = read(Numbers(16), {"sampler": iter(range(16))})
    assert codes(caplog) == []
    assert list(loader) == []
    assert codes(caplog) == ["TL501"]
    assert "begins anew" in caplog.messages[0]


class Places(Dataset):
    """The dataset that trainer libraries make of a sampler, to give each rank a part of it."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __len__(self):
        return len(self.sampler)

    def __getitem__(self, place):
        return list(self.sampler)[place]


class OfSampler(DistributedSampler):
    def __init__(self, sampler):
        super().__init__(Places(sampler), 2, 0, shuffle=False)

    def __iter__(self):
        return (self.dataset[place] for place in super().__iter__())


CLEAN = {
    "a rank's part of a sampler": lambda: OfSampler(WeightedRandomSampler([1.0] * 16, 7)),
    "weighted": lambda: WeightedRandomSampler([1.0] * 16, 16),
    "with replacement": lambda: RandomSampler(Numbers(16), replacement=True),
    "fewer": lambda: RandomSampler(range(16), num_samples=5),
    "more": lambda: RandomSampler(range(16), num_samples=40),
    "a subset": lambda: SubsetRandomSampler([1, 5, 7]),
    "a subset that repeats": lambda: SubsetRandomSampler([1, 1, 7]),
    "a list that repeats": lambda: [3, 3, 3, 0],
    "a range": lambda: range(3, 9),
    "a range of another length": lambda: SequentialSampler(range(10)),
    "a plan of its own": lambda: Given([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]),
    "places without a sample": lambda: Given([0, 1, -1, -1, 2, -1]),
    "distributed": lambda: DistributedSampler(Numbers(16), 4, 2),
    "half of it": lambda: Unsaid(range(8)),
}


@pytest.mark.parametrize("sampler", CLEAN.values(), ids=CLEAN)
@pytest.mark.parametrize("batched", [True, False])
def test_of_what_may_be_on_purpose_nothing_is_said(sampler, batched, caplog):
    for epoch in range(2):
        read(Numbers(16), {"sampler": sampler(), "batch_size": 4 if batched else None})
        assert codes(caplog) == [], epoch


@pytest.mark.parametrize(
    "batches", [[[0, 1], [0, 1]], BatchSampler(range(16), 5, drop_last=True), [[1], [2, 3, 4]]]
)
def test_of_batches_that_may_be_on_purpose_nothing_is_said(batches, caplog):
    read(Numbers(16), {"batch_sampler": batches})
    assert codes(caplog) == []


class Keyed(Dataset):
    """Its samples have numbers of their own."""

    def __init__(self):
        self.samples = {number: number for number in range(1, 17)}

    def __len__(self):
        return 16

    def __getitem__(self, number):
        return self.samples[number]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("sampler", CLEAN.values(), ids=CLEAN)
def test_of_what_ranks_share_nothing_is_said(sampler, rank, caplog):
    if isinstance(made := sampler(), DistributedSampler):
        return
    read(Numbers(16), {"sampler": made}, shard=(rank, 2), seed=1)
    assert codes(caplog) == []


def test_numbers_of_a_datasets_own_may_lie_beyond_its_length(caplog):
    read(Keyed(), {"sampler": Given(range(1, 17))})
    assert codes(caplog) == []


def test_a_length_that_draws_is_not_asked_for():
    sampler = Lazy(list(range(16)))
    read(Numbers(16), {"sampler": sampler})
    assert sampler.asked == 0


def test_what_somebody_was_told_by_a_length_that_draws_is_compared(caplog):
    sampler = Lazy(list(range(16)))
    loader = DataLoader(Numbers(16), 4, sampler=sampler)
    assert len(loader) == 4
    sampler.indices = list(range(8))
    for _ in loader:
        pass
    assert codes(caplog) == ["TL501"]


def test_a_length_told_for_one_epoch_is_not_held_against_another(caplog):
    sampler = Unsaid(list(range(16)))
    sampler_length = iter([4, 2])

    class Planned(DataLoader):
        pass

    type(sampler).__len__ = lambda self: len([torch.rand(1) for _ in self.indices])
    try:
        loader = Planned(Numbers(16), 4, sampler=sampler)
        for length in sampler_length:
            assert len(loader) == length
            list(loader)
            sampler.indices = list(range(8))
        list(loader)
    finally:
        del type(sampler).__len__
    assert codes(caplog) == []


def test_a_sampler_that_cannot_be_read_again_is_found_out_as_a_run_goes_on(caplog):
    loader = DataLoader(Numbers(16), 4, sampler=Forgetful())
    batches = iter(loader)
    next(batches), next(batches)
    resumed = DataLoader(Numbers(16), 4, sampler=Forgetful())
    resumed.load_state_dict(loader.state_dict())
    next(iter(resumed))
    assert codes(caplog) == ["TL506"]


@pytest.mark.parametrize("sampler", [DistributedSampler(Numbers(16), 2, 1), Given([3, 3, 1, 2, 0])])
def test_a_sampler_that_can_be_read_again_is_not(sampler, caplog):
    loader = DataLoader(Numbers(16), 2, sampler=sampler)
    batches = iter(loader)
    next(batches), next(batches)
    resumed = DataLoader(Numbers(16), 2, sampler=sampler)
    resumed.load_state_dict(loader.state_dict())
    list(resumed)
    assert codes(caplog) == []
    assert resumed.ledger.counts.delivered == len(list(sampler))


def test_batches_that_were_lost_or_left_out_are_not_missing(caplog):
    def odd(number):
        if number in {4, 5, 6, 7}:
            raise ValueError
        return number

    loader = DataLoader(Numbers(16), 4, transform=odd, on_error="skip", sampler=Given(range(16)))
    assert len(list(loader)) == 3
    assert codes(caplog) == ["TL214", "TL215"]
