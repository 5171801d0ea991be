"""What becomes of the bad samples of an iterable dataset, in a loader without workers."""

import logging

import pytest

from trueload import BudgetError, DataLoader

from .bad_samples import Lines, Numbers, Reading, bad, batches_of


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "trueload")
    return lambda: [record.getMessage().splitlines()[0] for record in caplog.records]


@pytest.mark.parametrize("action", ["skip", "replace"])
def test_an_iterator_that_can_go_on_is_read_on(action, told):
    loader = DataLoader(Numbers(bad(2, 3, 9) | {11: None}), 4, on_error=action)
    assert batches_of(loader) == [[0, 1, 4, 5], [6, 7, 8, 10], [12, 13, 14, 15]]
    assert loader.ledger.counts == (12, 4, 0, 0, 0)
    assert told()[1:] == ["epoch 0 had 4 bad samples, 4 skipped [TL215]"]


def test_an_iterator_whose_last_sample_is_bad_ends_as_usual():
    assert batches_of(DataLoader(Numbers(bad(15)), 8, on_error="skip")) == [
        [*range(8)],
        [*range(8, 15)],
    ]


@pytest.mark.parametrize("given", [{}, {"transform": lambda sample: sample}])
def test_a_generator_that_raises_is_said_to_be_over(given):
    batches = iter(DataLoader(Lines(bad(5)), 4, on_error="skip", **given))
    next(batches)
    with pytest.raises(ValueError, match="number 5") as caught:
        next(batches)
    assert "[TL216]" in caught.value.__notes__[-1]


class Wrapped(Numbers):
    """An object over a generator: it is over when the generator is."""

    def __iter__(self):
        return map(abs, (sample for sample in Reading(self)))


def test_an_iterator_over_a_generator_that_raises_does_not_end_in_silence():
    batches = iter(DataLoader(Wrapped(bad(5)), 4, on_error="skip"))
    next(batches)
    with pytest.raises(ValueError, match="number 5") as caught:
        next(batches)
    assert "[TL216]" in caught.value.__notes__[-1]


def test_a_transform_that_raises_makes_a_batch_of_a_stream_shorter():
    def inverse(sample):
        return 12 // (sample - 3)

    loader = DataLoader(Numbers(length=8), 4, on_error="replace", transform=inverse)
    assert batches_of(loader) == [[-4, -6, -12], [12, 6, 4, 3]]
    assert loader.ledger.counts == (7, 1, 0, 0, 0)


def test_a_stream_may_have_ten_bad_samples_or_a_share_of_those_that_came():
    assert sum(map(len, DataLoader(Numbers(bad(*range(0, 30, 3)), 64), 4, on_error="skip"))) == 54
    with pytest.raises(BudgetError):
        list(DataLoader(Numbers(bad(*range(0, 33, 3)), 64), 4, on_error="skip"))


def test_ten_bad_samples_of_a_stream_in_a_row_are_too_many():
    with pytest.raises(BudgetError, match="in a row"):
        list(DataLoader(Numbers(bad(*range(5, 15))), 4, on_error="skip"))
