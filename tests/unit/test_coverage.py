"""Which indices have come, once or more often, against a counter that keeps them all."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload import coverage as module
from trueload.coverage import Coverage

LISTS = st.lists(st.lists(st.integers(-3, 30), max_size=9), max_size=9)


def covered(batches, length=25):
    coverage = Coverage(length)
    for batch in batches:
        coverage.add(batch)
    return coverage


@given(LISTS, st.integers(1, 20))
def test_it_counts_as_a_counter_does(batches, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        coverage = covered(batches)
        coverage.enter()
    counts = Counter(index for batch in batches for index in batch)
    inside = {index: times for index, times in counts.items() if 0 <= index < 25}
    assert coverage.total == counts.total()
    assert coverage.indices().tolist() == sorted(inside)
    assert coverage.distinct() == len(inside)
    assert coverage.missing().tolist() == sorted(set(range(25)) - set(inside))
    repeats = sorted(index for index, times in inside.items() if times > 1)
    assert coverage.repeats().tolist() == repeats
    assert coverage.repeated() == len(repeats)
    assert coverage.first_repeats(2) == repeats[:2]
    assert coverage.first_missing(2) == coverage.missing().tolist()[:2]
    assert coverage.outside == {i: times for i, times in counts.items() if i not in range(25)}


@given(LISTS)
def test_the_checksum_depends_on_the_order_and_not_on_how_it_is_cut(batches):
    indices = [index for batch in batches for index in batch]
    whole, cut = covered([indices]), covered(batches)
    whole.enter()
    cut.enter()
    assert whole.digest == cut.digest
    if indices != indices[::-1]:
        turned = covered([indices[::-1]])
        turned.enter()
        assert turned.digest != whole.digest


@given(LISTS, LISTS)
def test_two_united_are_one_of_both(some, others):
    one, both = covered(some), covered(some + others)
    one.unite(covered(others))
    for ask in (Coverage.indices, Coverage.repeats, Coverage.missing):
        assert ask(one).tolist() == ask(both).tolist()
    assert (one.total, one.outside) == (both.total, both.outside)


@given(LISTS)
def test_what_is_packed_comes_back(batches):
    coverage = covered(batches)
    back = Coverage.unpacked(25, coverage.packed())
    assert back.packed() == coverage.packed()
    assert pickle.loads(pickle.dumps(coverage)).packed() == coverage.packed()
    other = Coverage.unpacked(250, coverage.packed())
    assert other.opaque


@pytest.mark.parametrize(
    "batch", [np.arange(5), [np.int64(2), 3], (1, 2), range(4), np.arange(4, dtype=np.int32)]
)
def test_indices_may_be_in_any_form(batch):
    assert covered([batch, [7]]).indices().tolist() == [*map(int, batch), 7]


@pytest.mark.parametrize("batch", [["a", "b"], [1.5], [(1, 2)], [2**70], np.array([1.5])])
def test_what_is_no_integer_makes_it_opaque(batch):
    coverage = covered([[1, 2], batch])
    coverage.enter()
    assert coverage.opaque
    coverage.add([3])
    coverage.enter()
    assert coverage.total == 3 + len(batch)


def test_what_is_taken_back_counts_once_less():
    coverage = covered([[1, 2, 2, 3]])
    coverage.enter()
    copy = coverage.copy()
    copy.take_back([2, 3, -1, 99])
    assert copy.indices().tolist() == [1, 2]
    assert copy.repeats().tolist() == []
    assert coverage.indices().tolist() == [1, 2, 3]
    assert coverage.repeats().tolist() == [2]
