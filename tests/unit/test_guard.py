"""`guard=` is a word or a value, and the two mean the same."""

import copy
import logging
import pickle

import pytest
import torch

import trueload
from trueload import DataLoader, Guard
from trueload.errors import ArgumentError, DatasetChangedError
from trueload.guard import guard_of
from trueload.iterators.telling import _told, tell


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


@pytest.mark.parametrize(
    ("word", "value"),
    [("on", Guard()), ("strict", Guard(level="strict")), ("off", Guard(level="off"))],
)
def test_a_word_stands_for_a_value(word, value):
    assert guard_of(word) == guard_of(value) == value


def test_a_value_shows_what_differs_from_the_usual():
    assert repr(Guard()) == "Guard()"
    assert repr(Guard(level="strict")) == "Guard(level='strict')"
    assert repr(Guard(level="strict", freeze=True)) == "Guard(level='strict')"
    assert repr(Guard(refetch=0.5, level="strict")) == "Guard(level='strict', refetch=0.5)"
    assert Guard().refetch == 0 < Guard(level="strict").refetch
    assert repr(Guard(level="strict", freeze=False)) == "Guard(level='strict', freeze=False)"
    shown = Guard(budget_share=0.1, ignore=["TL208", "dataset.cache"])
    assert repr(shown) == "Guard(budget_share=0.1, ignore=('TL208', 'dataset.cache'))"
    assert eval(repr(shown)) == shown  # noqa: S307 - what it has just given


def test_a_value_is_a_value():
    guard = Guard(level="strict", ignore=["TL301"])
    assert pickle.loads(pickle.dumps(guard)) == copy.deepcopy(guard) == guard
    assert len({guard, Guard(level="strict", ignore=("TL301",))}) == 1
    with pytest.raises(AttributeError):
        guard.level = "off"


NO_NAME = """\
`ignore` takes codes and names of what a dataset holds, got 'cache' [TL105]

hint: write it as messages do: "TL301", "dataset.cache\""""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"level": "loud"}, "`level` must be one of 'off', 'on' or 'strict', got 'loud' [TL105]"),
        ({"budget_share": 2}, "`budget_share` must be a share from 0 to 1, got 2 [TL105]"),
        ({"budget_share": True}, "`budget_share` must be a share from 0 to 1, got True [TL105]"),
        ({"budget_share": "1%"}, "`budget_share` must be a share from 0 to 1, got '1%' [TL105]"),
        ({"freeze": 1}, "`freeze` must be True, False or None, got 1 [TL105]"),
        (
            {"level": "off", "refetch": 0.5},
            "`level='off'` looks at nothing, so it does not go with `refetch=0.5` [TL105]",
        ),
        (
            {"level": "off", "freeze": True},
            "`level='off'` looks at nothing, so it does not go with `freeze=True` [TL105]",
        ),
        ({"ignore": "TL301"}, "`ignore` must be a list of codes and names, got 'TL301' [TL105]"),
        ({"ignore": ["cache"]}, NO_NAME),
    ],
)
def test_what_means_nothing_is_refused(values, message):
    with pytest.raises(ArgumentError) as caught:
        Guard(**values)
    assert str(caught.value) == message


@pytest.mark.parametrize("guard", ["loud", None, True, 1])
def test_a_loader_takes_words_and_values_only(guard):
    with pytest.raises(ValueError, match=r"`guard` must be one of 'off', 'on', 'strict' or a "):
        DataLoader(range(3), guard=guard)


def test_a_loader_keeps_what_it_was_given():
    guard = Guard(budget_share=0.5)
    loader = DataLoader(range(3), guard=guard)
    assert loader.guard is guard
    assert copy.copy(loader).guard == pickle.loads(pickle.dumps(loader)).guard == guard
    assert "guard" not in vars(DataLoader(range(3), guard="on"))


def test_names_that_are_left_alone():
    guard = Guard(ignore=["dataset.cache"])
    assert guard.leaves_alone("dataset.cache")
    assert guard.leaves_alone("dataset.cache[3].x")
    assert not guard.leaves_alone("dataset.cached")
    assert not guard.leaves_alone("dataset")
    assert Guard(ignore=["dataset"]).leaves_alone("dataset.images")


MESSAGE = "dataset[37] changes the dataset in place [TL301]\n  array  x[TL999]"


@pytest.mark.parametrize(("guard", "lines"), [("on", 1), (Guard(), 1), ("off", 0)])
def test_a_finding_is_told_once(guard, lines, caplog):
    for _ in range(3):
        tell("here", MESSAGE, guard, DatasetChangedError)
    assert len(caplog.records) == lines


@pytest.mark.parametrize("guard", ["strict", Guard(level="strict", ignore=["TL208", "TL999"])])
def test_a_strict_guard_raises_each_time(guard):
    for _ in range(2):
        with pytest.raises(DatasetChangedError):
            tell("here", MESSAGE, guard, DatasetChangedError)


@pytest.mark.parametrize("level", ["on", "strict"])
def test_a_code_may_be_ignored(level, caplog):
    tell("here", MESSAGE, Guard(level=level, ignore=["TL301"]), DatasetChangedError)
    assert not caplog.records


class Doubling(torch.utils.data.Dataset):
    def __init__(self):
        self.data = torch.ones(64, 1024)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return self.data[index].mul_(2)


@pytest.mark.parametrize(
    "guard",
    [
        Guard(level="off"),
        Guard(budget_share=0),
        Guard(ignore=["TL301"]),
        Guard(ignore=["dataset.data"]),
        Guard(level="strict", ignore=["dataset.data"]),
    ],
)
def test_a_value_may_silence_what_the_word_would_tell(guard, caplog):
    caplog.set_level(logging.WARNING, "trueload")
    list(DataLoader(Doubling(), 8, guard=guard))
    assert not caplog.records
    assert trueload.Guard is Guard


@pytest.mark.parametrize("guard", ["strict", Guard(level="strict")])
def test_a_strict_value_raises_as_the_word_does(guard):
    with pytest.raises(DatasetChangedError):
        list(DataLoader(Doubling(), 8, guard=guard))
