"""Whatever is packed comes out again as it went in: equal, of the same types all the way down."""

import pickle
import struct
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload import Packed, pack

Point = namedtuple("Point", "x y")  # noqa: PYI024 - the plainest of its kind


class Name(str):
    __slots__ = ()


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
numbers = st.integers() | st.floats(width=64) | st.booleans() | st.complex_numbers()
plain = texts | st.binary(max_size=8) | numbers | st.none()
of_numpy = (
    st.integers(-128, 127).map(np.int8)
    | st.integers(0, 2**64 - 1).map(np.uint64)
    | st.floats(width=32).map(np.float32)
    | st.floats().map(np.float64)
    | st.booleans().map(np.bool_)
    | st.lists(st.floats(width=16), max_size=3).map(lambda row: np.array(row, np.float16))
    | st.just(np.datetime64("2026-01-02", "D"))
)
of_classes = (
    texts.map(Name) | st.tuples(numbers, texts).map(Point._make) | st.just(OrderedDict(a=1))
)
leaves = plain | of_numpy | of_classes
keys = texts | st.integers(-2, 2) | st.booleans() | st.sampled_from([1.0, 0.0, None])


def nested(children):
    return (
        st.lists(children, max_size=3)
        | st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(keys, children, max_size=3)
    )


anything = st.recursive(leaves, nested, max_leaves=6)
kinds = [
    texts,
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.integers(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.none(),
    st.integers(-128, 127).map(np.int8),
    st.floats(width=32).map(np.float32),
    st.tuples(texts, st.integers()),
    st.tuples(st.tuples(texts, st.none()), st.lists(st.booleans(), min_size=2, max_size=2)),
    st.fixed_dictionaries({"file": texts, "box": st.tuples(*[st.floats()] * 4), "more": anything}),
    st.lists(st.integers(), max_size=2),
]
lists = st.one_of(*[st.lists(kind, max_size=8) for kind in kinds], st.lists(anything, max_size=8))


def is_same(one, other):
    """Say whether two values are alike to the last bit and type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return is_same(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    return _traits(one) == _traits(other)


def _traits(leaf):
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype, leaf.shape, leaf.tobytes()
    if isinstance(leaf, complex):
        return _traits(leaf.real), _traits(leaf.imag)
    return struct.pack("d", leaf) if isinstance(leaf, float) else leaf


@given(lists)
def test_every_item_comes_out_as_it_went_in(items):
    packed = pack(items)
    assert len(packed) == len(items)
    assert all(is_same(packed[index], item) for index, item in enumerate(items))


@given(lists)
def test_iteration_gives_what_indices_give(items):
    packed = pack(iter(items))
    assert is_same(list(packed), items)
    assert is_same(list(reversed(packed)), items[::-1])


@given(lists, st.slices(8), st.slices(8))
def test_a_slice_of_a_slice_is_that_of_the_list(items, first, second):
    view = pack(items)[first][second]
    assert type(view) is Packed
    assert is_same(list(view), items[first][second])


@given(lists, st.slices(8))
def test_a_pickled_list_or_slice_is_the_same_again(items, part):
    packed = pack(items)
    assert is_same(list(pickle.loads(pickle.dumps(packed))), items)
    assert is_same(list(pickle.loads(pickle.dumps(packed[part]))), items[part])


@given(lists)
def test_a_list_is_the_same_again_when_its_arrays_travel_out_of_band(items):
    buffers = []
    data = pickle.dumps(pack(items), protocol=5, buffer_callback=buffers.append)
    assert is_same(list(pickle.loads(data, buffers=buffers)), items)


@given(st.lists(texts, max_size=8), st.integers(-10, 10))
def test_an_index_is_in_range_where_it_is_for_the_list(items, index):
    packed = pack(items)
    if -len(items) <= index < len(items):
        assert packed[index] == items[index]
    else:
        with pytest.raises(IndexError):
            packed[index]


@given(st.lists(texts | st.integers(0, 3), max_size=8), texts | st.integers(0, 3))
def test_searching_finds_what_the_list_finds(items, item):
    packed = pack(items)
    assert (item in packed) == (item in items)
    assert packed.count(item) == items.count(item)
    if item in items:
        assert packed.index(item) == items.index(item)


@given(st.lists(st.integers(0, 1), max_size=3), st.lists(st.integers(0, 1), max_size=3))
def test_a_list_is_equal_to_a_sequence_of_equal_items(one, other):
    assert (pack(one) == pack(other)) == (one == other)
    assert (pack(one) == tuple(other)) == (one == other)
    assert (other == pack(one)) == (one == other)
    assert (pack(one) != other) == (one != other)
