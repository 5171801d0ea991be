"""What is told of a dataset with millions of Python objects, and what is passed over in silence."""

import logging

import numpy as np
import pytest
from torch.utils.data import ConcatDataset, Subset

from trueload import pack
from trueload.iterators import heavy as module
from trueload.iterators.heavy import heavy, tell_heavy

MANY = 1001
"""So many are many here; a million would take time."""


class Photos:
    """Holds what it is given, as attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index


@pytest.fixture(autouse=True)
def a_thousand_is_many(monkeypatch):
    monkeypatch.setattr(module, "_MANY_OBJECTS", MANY - 1)
    monkeypatch.setattr(module, "_MEGABYTE", 1000)


@pytest.fixture
def names():
    return [f"{number:07d}.jpg" for number in range(MANY)]


@pytest.fixture
def told(caplog):
    """Give what a dataset makes the logger say."""

    def messages(dataset):
        caplog.clear()
        tell_heavy(dataset)
        return [record.getMessage() for record in caplog.records]

    with caplog.at_level(logging.INFO, "trueload"):
        yield messages


def places(dataset):
    return [(heap.path, heap.kind) for heap in heavy(dataset)]


def test_a_long_list_of_strings_is_told(names, told):
    assert told(Photos(samples=names)) == [
        (
            "each worker will copy the objects of `dataset.samples`, as reading one writes to it "
            "[TL210]\n"
            "  holds    a list of 1 001 str\n"
            "  objects  about 1 000\n"
            "  memory   about 64 MB more in each worker\n"
            "\n"
            "hint: hold `trueload.pack(...)` of it: it reads like a list, and the workers share it"
        )
    ]


def test_a_long_dictionary_has_its_own_way_out(names, told):
    (message,) = told(Photos(labels=dict.fromkeys(names, 0.5)))
    assert "  holds    a dict of 1 001 float\n" in message
    assert message.endswith(
        "hint: hold its keys and its values as two lists made by `trueload.pack(...)`, which the "
        "workers share, and use one index for both"
    )


def test_other_places_are_named_beside_the_heaviest(names, told):
    (message,) = told(Photos(ratios=[number / 7 for number in range(MANY)], samples=names))
    assert message.startswith("each worker will copy the objects of `dataset.samples`")
    assert "  also     `dataset.ratios`, about 32 MB" in message


def test_a_dataset_is_told_of_once(names, told):
    dataset = Photos(samples=names)
    assert len(told(dataset)) == 1
    assert told(dataset) == []


def test_another_dataset_is_told_of_too(names, told):
    assert len(told(Photos(samples=names))) == len(told(Photos(samples=names))) == 1


def test_a_list_as_dataset_is_told_of_once(names, told):
    dataset = list(names)
    assert told(dataset)[0].startswith("each worker will copy the objects of `dataset`,")
    assert told(dataset) == []


def test_nothing_is_told_or_noted_where_nobody_listens(names, caplog):
    dataset = Photos(samples=names)
    with caplog.at_level(logging.WARNING, "trueload"):
        tell_heavy(dataset)
    assert caplog.records == []
    with caplog.at_level(logging.INFO, "trueload"):
        tell_heavy(dataset)
    assert len(caplog.records) == 1


def test_the_path_leads_through_what_wraps_a_dataset(names):
    inner = Photos(samples=names)
    wrapped = Photos(parts={"train": ConcatDataset([Photos(), Subset(inner, [0, 1])])})
    assert places(wrapped) == [("dataset.parts['train'].datasets[1].dataset.samples", "list")]


def test_indices_of_a_subset_are_objects_too():
    assert places(Subset(Photos(), list(range(1000, 1000 + MANY)))) == [("dataset.indices", "list")]


def test_the_objects_within_records_count():
    records = [{"file": str(number), "box": (number, 1.5 * number)} for number in range(1000, 1300)]
    (heap,) = heavy(Photos(records=records))
    assert (heap.length, heap.item) == (300, "dict")
    assert heap.objects == pytest.approx(5 * 300, rel=0.1)


def test_the_tables_of_lists_and_dictionaries_are_not_copied():
    (heap,) = heavy(Photos(records=[{"a": None, "b": [None] * 9} for _ in range(MANY)]))
    assert heap.copied_bytes <= MANY * 128


def test_lists_within_a_list_count():
    rows = [[str(row + column) for column in range(100)] for row in range(20)]
    (heap,) = heavy(Photos(rows=rows))
    assert heap.objects == pytest.approx(2000, rel=0.1)


def test_one_list_under_two_names_is_told_once(names):
    assert places(Photos(samples=names, images=names)) == [("dataset.samples", "list")]


def test_only_the_first_page_of_a_long_text_counts():
    (heap,) = heavy(Photos(texts=["x" * 100_000 + str(number) for number in range(MANY)]))
    assert heap.copied_bytes == heap.objects * 4096


@pytest.mark.parametrize(
    "attribute",
    [
        ["one string for all"] * MANY,
        [None, True, 7] * MANY,
        np.arange(MANY),
        range(10 * MANY),
        "x" * MANY,
        [str(number) for number in range(MANY - 1)],
    ],
    ids=["one object", "objects of Python", "array", "range", "string", "short list"],
)
def test_what_workers_share_is_passed_over(attribute):
    assert heavy(Photos(samples=attribute)) == []


def test_a_packed_list_is_passed_over(names):
    assert heavy(Photos(samples=pack(names))) == []


def test_a_dataset_that_cannot_be_looked_into_is_passed_over(told):
    class Closed:
        @property
        def __dict__(self):
            message = "nothing to see here"
            raise RuntimeError(message)

    assert told(Closed()) == []


def test_a_dataset_that_contains_itself_is_looked_at_once():
    dataset = Photos()
    dataset.own = [dataset]
    assert heavy(dataset) == []
