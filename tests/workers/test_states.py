"""A state says which batch comes next, whatever the number of workers before and after."""

import random
from itertools import islice

from trueload import DataLoader

from .datasets import Made, plain, plain_batches


def test_a_loader_keeps_state_between_numbers_of_workers():
    def loader(workers):
        return DataLoader(Made(int, 40), 3, shuffle=True, num_workers=workers, seed=5)

    whole = plain_batches(loader(0))
    first = loader(4)
    taken = [plain(batch) for batch in islice(first, 5)]
    for workers in (0, 3):
        second = loader(workers)
        second.load_state_dict(first.state_dict())
        assert taken + plain_batches(second) == whole


def test_the_state_of_an_unseeded_epoch_goes_on_with_any_number_of_workers():
    def draw(index):
        return index, random.random()

    first = DataLoader(Made(draw, 30), 3, shuffle=True, num_workers=4)
    batches = iter(first)
    for _ in range(4):
        next(batches)
    state, rest = first.state_dict(), [[part.tolist() for part in batch] for batch in batches]
    for workers in (0, 3):
        second = DataLoader(Made(draw, 30), 3, shuffle=True, num_workers=workers, rng="batch")
        second.load_state_dict(state)
        assert [[part.tolist() for part in batch] for batch in second] == rest


def test_batches_out_of_order_resume_with_exactly_those_that_are_missing():
    first = DataLoader(Made(int, 30), 3, num_workers=3, in_order=False, seed=1)
    taken = [plain(batch) for batch in islice(first, 4)]
    second = DataLoader(Made(int, 30), 3, num_workers=2, seed=1)
    second.load_state_dict(first.state_dict())
    rest = plain_batches(second)
    assert sorted(sample for batch in taken + rest for sample in batch) == list(range(30))
