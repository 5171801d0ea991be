"""Which sample takes the place of a bad one: drawn by a key, from those that the sampler gives.

For each place there is one endless row of candidates, which depends on the seed, the epoch and the
position alone. The first one that is not known to be bad, and not in the batch already, is taken.
So it does not matter when and by whom it was found out what is bad: a candidate that was known to
be bad is passed over, and one that turns out to be bad is passed over the next time, and the same
one is found in the end.
"""

from collections.abc import Callable, Container, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from trueload.ledger import plain
from trueload.mixing import derive
from trueload.order import Order
from trueload.shares import Share

_MOST_DRAWS = 256
_UNIT_BITS = 53
_SALT = 0x5B
_LISTS = (list, tuple, range, np.ndarray, torch.Tensor)

Draw = Callable[[int], Any]
"""Gives the candidate of a 64-bit word."""


def draw_of(sampler: Any, *, batched: bool) -> Callable[[], Draw | None]:
    """Give what makes the draw from all that a sampler may give, as it is now.

    Nothing is read from the sampler until the draw is made. There is none for a sampler that nobody
    knows, nor for a batch sampler, since its batches may hold what belongs together.

    Args:
        sampler: The sampler.
        batched: Whether it gives the indices of whole batches.
    """
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    elif batched:
        sampler = None
    kind = type(sampler)
    made: Callable[[], Draw | None] = _no_draw
    if kind in {SequentialSampler, RandomSampler}:
        made = partial(_uniform_below, sampler.data_source)
    elif kind is SubsetRandomSampler:
        made = partial(_uniform, sampler.indices)
    elif kind is WeightedRandomSampler:
        made = partial(_weighted, sampler.weights)
    elif kind is DistributedSampler:
        made = partial(_of_rank, copy(sampler))  # `set_epoch` may be called in the epoch
    elif isinstance(sampler, _LISTS):
        made = partial(_uniform, sampler)
    return made


def draw_of_rank(order_of: Callable[[], Order | None], share: Share) -> Callable[[], Draw | None]:
    """Give what makes the draw from the part of an order that one rank reads.

    Args:
        order_of: Gives the order, or `None` where it is not known.
        share: The part.
    """

    def made() -> Draw | None:
        order, ranks = order_of(), share.world_size
        number = 0 if order is None else len(range(share.rank, len(order), ranks))
        if order is None or not number:
            return None

        def draw(word: int) -> int:
            at = share.rank + word % number * ranks
            return int(order.indices(at, at + 1)[0])

        return draw

    return made


def _no_draw() -> None:
    return None


def _uniform_below(source: Any) -> Draw | None:
    return _uniform(range(len(source)))


def _of_rank(sampler: Any) -> Draw | None:
    return _uniform(np.fromiter(sampler, np.int64, len(sampler)))


def _uniform(indices: Any) -> Draw | None:
    length = len(indices)
    if not length:
        return None
    if isinstance(indices, np.ndarray | torch.Tensor):
        return (lambda word: int(indices[word % length])) if indices.ndim == 1 else None
    return lambda word: indices[word % length]


def _weighted(weights: torch.Tensor) -> Draw | None:
    """Draw by weights, as `order.Weighted` does."""
    table = np.cumsum(np.asarray(weights, np.float64))
    if not (len(table) and 0 < table[-1] < float("inf")):
        return None

    def draw(word: int) -> int:
        share = (word >> (64 - _UNIT_BITS)) * 2.0**-_UNIT_BITS
        return min(int(np.searchsorted(table, share * table[-1], side="right")), len(table) - 1)

    return draw


class Substitutes:
    """Gives the samples that take the places of bad ones.

    Args:
        made: Makes the draw from all samples, or gives `None` where that cannot be.
        root: The key of the epoch.
    """

    def __init__(self, made: Callable[[], Draw | None], root: int) -> None:
        self._made, self._root = made, root
        self._draw: Draw | None = None

    def choose(self, position: int, bad: Container[Any], batch: Sequence[Any], last: Any) -> Any:
        """Give the index of another sample, or `None` where there is none.

        Args:
            position: The position of the bad one in the order.
            bad: The indices that are known to be bad.
            batch: The indices of the other samples of the batch.
            last: The index of the sample that was delivered last, or `None`.
        """
        if self._draw is None:
            self._draw = self._made() or _nothing
        words = (derive(self._root, position, turn, _SALT) for turn in range(_MOST_DRAWS))
        inside = set(map(plain, batch))
        repeated = None
        for word in words:
            found = self._draw(word)
            if found is None:
                break
            if found not in bad:
                if plain(found) not in inside:
                    return found
                repeated = found if repeated is None else repeated
        if repeated is not None:
            return repeated
        good = [one for one in batch if one not in bad]
        if good:
            return good[derive(self._root, position, _SALT) % len(good)]
        return None if last in bad else last


def _nothing(_: int) -> None:
    return None
