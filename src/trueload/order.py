"""Which index comes when: the orders of an epoch as pure values, readable at any position.

An order is a frozen value of a few bytes. Reading it from the middle costs no more than from the
start, which is what makes resuming and sharding exact and instant. Orders know no dataset, no
batch and no generator; `cut` makes batches of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from trueload.mixing import counted, derive
from trueload.permutation import MOST, SORTED_UP_TO, Feistel, sorted_permutation

BLOCK = 1 << 14
_FIRST_BLOCK = 1 << 9
_NOTHING = np.empty(0, dtype=np.int64)


class Order(ABC):
    """The indices of an epoch, one at each position from 0 to `len(order) - 1`."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int:
        """Give the number of samples in the epoch."""

    @abstractmethod
    def _indices(self, start: int, stop: int) -> np.ndarray:
        """Give the indices of valid positions; what `indices` asks for."""

    def indices(self, start: int, stop: int) -> np.ndarray:
        """Give the indices at positions `start` to `stop`.

        Returns:
            int64, shape (stop - start,).

        Raises:
            ValueError: Not 0 <= start <= stop <= len(order).
        """
        if not 0 <= start <= stop <= len(self):
            message = f"positions {start}..{stop} are not within 0..{len(self)}"
            raise ValueError(message)
        return self._indices(start, stop)

    def stripe(self, start: int, stop: int, step: int) -> np.ndarray:
        """Give the indices at every `step`-th position from `start`, below `stop`.

        Returns:
            int64, shape (ceil((stop - start) / step),).
        """
        return self._indices(start, stop)[::step] if start < stop else _NOTHING

    def position_of(self, index: int) -> int | None:
        """Give the first position of an index, or `None`; reads the order where it must."""
        for start in range(0, len(self), BLOCK):
            found = np.flatnonzero(self._indices(start, min(start + BLOCK, len(self))) == index)
            if found.size:
                return start + int(found[0])
        return None


@dataclass(frozen=True, slots=True)
class Sequential(Order):
    """The indices 0, 1, 2, ... up to a length."""

    length: int

    def __len__(self) -> int:
        return self.length

    def _indices(self, start: int, stop: int) -> np.ndarray:
        return np.arange(start, stop, dtype=np.int64)

    def position_of(self, index: int) -> int | None:
        """Give the index itself, where there is one."""
        return index if 0 <= index < self.length else None


@dataclass(frozen=True, slots=True)
class Permutation(Order):
    """Every index below a length once, in an order that a key determines.

    Args:
        length: From 0 to 2**62.
        key: 64 bits.

    Raises:
        ValueError: The length is out of range.
    """

    length: int
    key: int
    _sorted: np.ndarray | None = field(init=False, repr=False, compare=False)
    _feistel: Feistel | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.length <= MOST:
            message = f"a permutation has 0 to 2**62 samples, got {self.length}"
            raise ValueError(message)
        short = self.length <= SORTED_UP_TO
        whole = sorted_permutation(self.length, self.key) if short else None
        object.__setattr__(self, "_sorted", whole)
        object.__setattr__(self, "_feistel", None if short else Feistel(self.length, self.key))

    def __len__(self) -> int:
        return self.length

    def _indices(self, start: int, stop: int) -> np.ndarray:
        if self._feistel is None:
            return self._sorted[start:stop]  # pyrefly: ignore - one of the two is there
        return self._feistel.forward(np.arange(start, stop, dtype=np.int64))

    def stripe(self, start: int, stop: int, step: int) -> np.ndarray:
        """Give the indices at every `step`-th position, without making those between them."""
        if self._feistel is None or start >= stop:
            return Order.stripe(self, start, stop, step)
        return self._feistel.forward(np.arange(start, stop, step, dtype=np.int64))

    def position_of(self, index: int) -> int | None:
        """Give the position of an index, without reading the order."""
        if not 0 <= index < self.length:
            return None
        if self._feistel is None:
            return int(np.flatnonzero(self._sorted == index)[0])
        return int(self._feistel.inverse(np.array([index], dtype=np.int64))[0])


@dataclass(frozen=True, slots=True)
class Replacement(Order):
    """Indices drawn uniformly with replacement, each by its position alone.

    Args:
        length: The indices are below it; at least 1.
        count: How many are drawn.
        key: 64 bits.
    """

    length: int
    count: int
    key: int

    def __len__(self) -> int:
        return self.count

    def _indices(self, start: int, stop: int) -> np.ndarray:
        drawn = _unit(counted(self.key, start, stop))
        drawn *= self.length
        return np.minimum(drawn.astype(np.int64), self.length - 1)


@dataclass(frozen=True, slots=True)
class Weighted(Order):
    """Indices drawn by weights.

    Args:
        weights: Not negative, finite, shape (length,); they need not sum to one.
        count: How many are drawn.
        replacement: Whether an index may be drawn again.
        key: 64 bits.

    Raises:
        ValueError: The weights are none of that, or too few are not zero.

    Source: without replacement by P. Efraimidis and P. Spirakis, "Weighted random sampling with a
    reservoir", 2006: the largest of `log(u) / weight`.
    """

    weights: np.ndarray
    count: int
    replacement: bool
    key: int
    _table: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        _check_weights(weights, self.count, replacement=self.replacement)
        table = _cumulated(weights) if self.replacement else _largest(weights, self.count, self.key)
        object.__setattr__(self, "_table", table)

    def __len__(self) -> int:
        return self.count

    def _indices(self, start: int, stop: int) -> np.ndarray:
        if not self.replacement:
            return self._table[start:stop]
        drawn = _unit(counted(self.key, start, stop))
        return np.searchsorted(self._table, drawn, side="right").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Chosen(Order):
    """A choice of indices, in the order of another order over them.

    Args:
        chosen: int64, shape (length,).
        order: Positions in `chosen`.
    """

    chosen: np.ndarray
    order: Order

    def __len__(self) -> int:
        return len(self.order)

    def _indices(self, start: int, stop: int) -> np.ndarray:
        return self.chosen[self.order.indices(start, stop)]


@dataclass(frozen=True, slots=True)
class Repeated(Order):
    """One fresh permutation after another, until a count is reached.

    Args:
        length: Samples in each permutation, at least 1.
        count: How many there are in all.
        key: 64 bits.
    """

    length: int
    count: int
    key: int

    def __len__(self) -> int:
        return self.count

    def _indices(self, start: int, stop: int) -> np.ndarray:
        parts = [np.empty(0, dtype=np.int64)]
        while start < stop:
            number, within = divmod(start, self.length)
            end = min(within + stop - start, self.length)
            order = Permutation(self.length, derive(self.key, number))
            parts.append(order.indices(within, end))
            start += end - within
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Stored(Order):
    """Indices that were written down: int64, shape (length,)."""

    stored: np.ndarray

    def __len__(self) -> int:
        return len(self.stored)

    def _indices(self, start: int, stop: int) -> np.ndarray:
        return self.stored[start:stop]


def cut(
    order: Order, batch_size: int, *, drop_last: bool = False, start: int = 0
) -> Iterator[np.ndarray]:
    """Cut an order into batches, from a position on.

    The order is read in blocks, a small one first, so that the first batch comes at once and the
    later ones cost little. No batch is ever written again.

    Args:
        order: The order.
        batch_size: Samples a batch, at least 1.
        drop_last: Whether a last batch that is not full is left out.
        start: Position of the first sample.

    Yields:
        int64, shape (batch_size,) or less for the last one.
    """
    length = len(order)
    if drop_last:
        length -= max(length - start, 0) % batch_size
    size = _FIRST_BLOCK
    while start < length:
        block = order.indices(start, min(start + _multiple(size, batch_size), length))
        for at in range(0, len(block), batch_size):
            yield block[at : at + batch_size]
        start += len(block)
        size = min(size * 4, BLOCK)


def _multiple(size: int, batch_size: int) -> int:
    return max(size // batch_size, 1) * batch_size


def _unit(words: np.ndarray) -> np.ndarray:
    """Give floats in [0, 1) of 64-bit words: float64, from their upper 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _check_weights(weights: np.ndarray, count: int, *, replacement: bool) -> None:
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        message = f"weights must be finite, not negative and of shape (length,), got {weights!r}"
        raise ValueError(message)
    nonzero = int(np.count_nonzero(weights))
    if not nonzero or (not replacement and count > nonzero):
        message = f"cannot draw {count} samples by weights of which {nonzero} are not zero"
        raise ValueError(message)


def _cumulated(weights: np.ndarray) -> np.ndarray:
    """Give upper bounds of the indices' shares of [0, 1), the last index with a weight at 1."""
    _, exponent = np.frexp(weights.max())
    table = np.cumsum(np.ldexp(weights, -exponent))  # exact, and the sum stays finite
    table /= table[-1]
    table[np.flatnonzero(weights)[-1] :] = 1.0
    return table


def _largest(weights: np.ndarray, count: int, key: int) -> np.ndarray:
    drawn = 1.0 - _unit(counted(key, 0, len(weights)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ranks = np.log(-np.log(drawn)) - np.log(weights)  # logarithms, as a quotient may overflow
    return np.argsort(ranks, kind="stable")[:count]
