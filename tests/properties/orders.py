"""Generated orders: strategies for hypothesis that draw one of any kind."""

import numpy as np
from hypothesis import strategies as st

from trueload.order import (
    Chosen,
    Order,
    Permutation,
    Repeated,
    Replacement,
    Sequential,
    Stored,
    Weighted,
)
from trueload.permutation import MOST, SORTED_UP_TO

keys = st.integers(0, (1 << 64) - 1)
short_lengths = st.integers(0, 300)
lengths = short_lengths | st.integers(SORTED_UP_TO - 20, SORTED_UP_TO + 20)
long_lengths = st.integers(SORTED_UP_TO + 1, MOST)


def whole(order: Order) -> np.ndarray:
    """Read all indices of an order."""
    return order.indices(0, len(order))


def weighted(key: int, length: int, *, replacement: bool) -> Weighted:
    """Draw by weights of which every third is zero."""
    weights = np.arange(1.0, length + 2) * (np.arange(length + 1) % 3 != 1)
    count = 2 * length if replacement else np.count_nonzero(weights)
    return Weighted(weights, int(count), replacement=replacement, key=key)


def chosen(key: int, length: int) -> Chosen:
    """Choose every third index."""
    return Chosen(np.arange(0, 3 * length, 3), Permutation(length, key))


permutations = st.builds(Permutation, lengths, keys)
any_orders = st.one_of(
    permutations,
    st.builds(Sequential, short_lengths),
    st.builds(Replacement, st.integers(1, MOST >> 10), short_lengths, keys),
    st.builds(Repeated, st.integers(1, 40), short_lengths, keys),
    st.builds(weighted, keys, short_lengths, replacement=st.booleans()),
    st.builds(chosen, keys, short_lengths),
    st.builds(lambda length: Stored(np.arange(length) % 7), short_lengths),
)
