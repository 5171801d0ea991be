"""Each kind of order by itself: what it gives, what it refuses, and that it never changes."""

import pickle
import re

import numpy as np
import pytest

from trueload.order import (
    BLOCK,
    Chosen,
    Permutation,
    Repeated,
    Replacement,
    Sequential,
    Stored,
    Weighted,
    cut,
)
from trueload.permutation import MOST, SORTED_UP_TO

WEIGHTS = np.array([1.0, 2.0, 0.0, 4.0, 3.0])
ORDERS = {
    "sequential": Sequential(10),
    "permutation": Permutation(10, 42),
    "long permutation": Permutation(5000, 42),
    "replacement": Replacement(10, 12, 42),
    "weighted": Weighted(WEIGHTS, 12, replacement=True, key=42),
    "weighted without replacement": Weighted(WEIGHTS, 4, replacement=False, key=42),
    "chosen": Chosen(np.array([7, 3, 5]), Permutation(3, 42)),
    "repeated": Repeated(4, 10, 42),
    "stored": Stored(np.array([4, 4, 1])),
}
each_order = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)


def whole(order):
    return order.indices(0, len(order)).tolist()


def batches(order, batch_size, **options):
    return [batch.tolist() for batch in cut(order, batch_size, **options)]


@pytest.mark.parametrize(
    ("name", "indices"),
    [
        ("sequential", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("permutation", [1, 5, 4, 9, 7, 8, 0, 3]),
        ("long permutation", [1329, 1896, 714, 911, 3576, 2190, 1528, 1441]),
        ("replacement", [8, 1, 9, 8, 2, 1, 8, 6]),
        ("weighted", [4, 1, 4, 4, 1, 1, 4, 3]),
        ("weighted without replacement", [1, 4, 3, 0]),
        ("chosen", [3, 7, 5]),
        ("repeated", [3, 2, 1, 0, 3, 2, 0, 1]),
        ("stored", [4, 4, 1]),
    ],
)
def test_an_order_never_changes(name, indices):
    assert whole(ORDERS[name])[:8] == indices


@pytest.mark.parametrize(
    ("length", "first", "last"),
    [
        (SORTED_UP_TO, [186, 45, 155, 2588, 2665], [847, 1142]),
        (SORTED_UP_TO + 1, [1642, 3089, 335, 721, 1282], [1614, 3058]),
        (1_000_000, [883057, 513470, 481950, 227837, 586632], [914719, 395429]),
        (10**9, [495995233, 831712299, 774249783, 129885775, 261938588], [37034432, 918860875]),
    ],
)
def test_a_permutation_never_changes_at_either_end(length, first, last):
    order = Permutation(length, 42)
    assert order.indices(0, 5).tolist() == first
    assert order.indices(length - 2, length).tolist() == last


@each_order
def test_an_order_gives_int64(order):
    assert order.indices(0, 3).dtype == np.int64
    assert order.indices(2, 2).dtype == np.int64


@each_order
def test_an_order_has_as_many_indices_as_its_length(order):
    assert len(order.indices(0, len(order))) == len(order)


@each_order
@pytest.mark.parametrize("bounds", [(-1, 2), (3, 2), (0, 5001), (5001, 5001)])
def test_positions_out_of_range_are_refused(order, bounds):
    message = f"positions {bounds[0]}..{bounds[1]} are not within 0..{len(order)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        order.indices(*bounds)


@each_order
def test_the_first_position_of_every_index_is_found(order):
    indices = whole(order)
    assert all(order.position_of(index) == indices.index(index) for index in set(indices[:50]))


@each_order
@pytest.mark.parametrize("index", [-1, 5000])
def test_an_index_that_does_not_come_has_no_position(order, index):
    assert order.position_of(index) is None


@each_order
def test_an_order_survives_pickling(order):
    assert whole(pickle.loads(pickle.dumps(order))) == whole(order)


def test_a_position_is_found_behind_the_first_block():
    stored = Stored(np.arange(3 * BLOCK)[::-1].copy())
    assert stored.position_of(0) == 3 * BLOCK - 1
    assert stored.position_of(BLOCK) == 2 * BLOCK - 1


@pytest.mark.parametrize("length", [-1, MOST + 1])
def test_a_permutation_refuses_a_length_out_of_range(length):
    message = f"a permutation has 0 to 2**62 samples, got {length}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Permutation(length, 42)


def test_a_permutation_of_nothing_is_empty():
    assert whole(Permutation(0, 42)) == []
    assert Permutation(0, 42).position_of(0) is None


@pytest.mark.parametrize(
    "weights",
    [[[1.0, 2.0]], [1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")], 1.0],
    ids=["two dimensions", "negative", "nan", "infinite", "scalar"],
)
@pytest.mark.parametrize("replacement", [True, False])
def test_weights_that_are_none_are_refused(weights, replacement):
    message = "weights must be finite, not negative and of shape (length,), got array("
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Weighted(np.array(weights), 1, replacement=replacement, key=42)


@pytest.mark.parametrize(
    ("weights", "count", "replacement", "nonzero"),
    [([0.0, 0.0], 1, True, 0), ([], 1, True, 0), ([0.0], 0, False, 0), ([1.0, 0.0], 2, False, 1)],
)
def test_too_few_weights_are_refused(weights, count, replacement, nonzero):
    message = f"cannot draw {count} samples by weights of which {nonzero} are not zero"
    with pytest.raises(ValueError, match=f"^{message}$"):
        Weighted(np.array(weights), count, replacement=replacement, key=42)


@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e300])
def test_weights_need_not_sum_to_one(scale):
    scaled = Weighted(WEIGHTS / 16 * scale, 12, replacement=True, key=42)
    assert whole(scaled) == whole(ORDERS["weighted"])


def test_weights_whose_sum_overflows_still_share():
    assert set(whole(Weighted(np.full(3, 1e308), 100, replacement=True, key=42))) == {0, 1, 2}


@pytest.mark.parametrize("replacement", [True, False])
def test_the_smallest_weight_still_comes_before_none(replacement):
    weights = np.array([0.0, 5e-324, 0.0])
    assert whole(Weighted(weights, 1, replacement=replacement, key=42)) == [1]


def test_weights_of_whole_numbers_are_taken_too():
    whole_numbers = Weighted(WEIGHTS.astype(np.int32), 12, replacement=True, key=42)
    assert whole(whole_numbers) == whole(ORDERS["weighted"])


@each_order
@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("start", [0, 1, 3, 100])
def test_a_stripe_is_every_few_positions(order, step, start):
    for stop in (0, 1, 3, len(order)):
        assert order.stripe(start, stop, step).tolist() == whole(order)[start:stop:step]


def test_a_cut_gives_full_batches_and_a_rest():
    assert batches(Sequential(7), 3) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_cut_leaves_the_rest_out_when_asked():
    assert batches(Sequential(7), 3, drop_last=True) == [[0, 1, 2], [3, 4, 5]]
    assert batches(Sequential(6), 3, drop_last=True) == [[0, 1, 2], [3, 4, 5]]
    assert batches(Sequential(2), 3, drop_last=True) == []


@pytest.mark.parametrize("start", [7, 8, 100])
@pytest.mark.parametrize("drop_last", [True, False])
def test_a_cut_from_the_end_gives_nothing(start, drop_last):
    assert batches(Sequential(7), 3, start=start, drop_last=drop_last) == []


def test_a_batch_may_be_larger_than_a_block():
    sizes = [len(batch) for batch in cut(Sequential(3 * BLOCK), BLOCK + 1)]
    assert sizes == [BLOCK + 1, BLOCK + 1, BLOCK - 2]


def test_the_first_batch_reads_little_of_the_order():
    class Watched(Sequential):
        def _indices(self, start, stop):
            reads.append(stop - start)
            return super()._indices(start, stop)

    reads = []
    assert len(next(cut(Watched(10**9), 32))) == 32
    assert sum(reads) < 1000
