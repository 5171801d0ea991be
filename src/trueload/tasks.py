"""Tasks: which batch comes next, of which samples.

A task is a value of a few hundred bytes that says all a worker needs to make a batch: any worker
can make it, again if need be, and gets the same bits. Here are the three places tasks come from:
an order that can be read at any position, an index sampler that can only be followed, and the
stream of an iterable dataset, which has no indices.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from trueload.order import Order, cut


class Task(NamedTuple):
    """A batch still to be made.

    Attributes:
        epoch: Number of the epoch, from 0.
        batch: Number of the batch in the epoch, from 0.
        position: Position of its first sample in the order of the epoch, over all ranks.
        indices: The indices of its samples: a list or an int64 array of shape (batch,), one
            index where there is no batching, or the batch size for an iterable dataset.
        size: How many samples it has, at most for an iterable dataset.
        counted: Whether the indices come from an order of ours, so that the dataset gets them as
            Python integers; those of a user's sampler reach it as they are.
        stride: How far its samples lie apart in the order: the number of ranks that take turns.
        end: The position of the order once all ranks have taken their batches of this step; `None`
            where this batch is all of it.
        real: How many of the samples count, the first ones; `None` for all. The others are
            repeated, so that a rank has as many as the rest.
        planned: What the indices were before bad samples were replaced or left out, or `None`.
        rows: The rows that the samples were planned for, where others have been left out.
        alone: Whether samples are fetched one by one, to find out which of them ends a worker.
    """

    epoch: int
    batch: int
    position: int
    indices: Any
    size: int
    counted: bool = False
    stride: int = 1
    end: int | None = None
    real: int | None = None
    planned: Any = None
    rows: tuple[int, ...] | None = None
    alone: bool = False

    def row(self, number: int) -> int:
        """Give the row that a sample was planned for, by its number in the batch."""
        return number if self.rows is None else self.rows[number]

    def place(self, number: int) -> int:
        """Give the position of a sample in the order, by its number in the batch."""
        return self.position + self.row(number) * self.stride

    def behind(self) -> int:
        """Give the position of the order once this step is taken."""
        return self.position + self.size if self.end is None else self.end


class Start(NamedTuple):
    """Where in an epoch the tasks begin: at a batch, whose first sample has a position."""

    epoch: int = 0
    batch: int = 0
    position: int = 0
    ahead: Container[int] = ()


def from_order(
    order: Order, batch_size: int | None, *, drop_last: bool, start: Start
) -> Iterator[Task]:
    """Yield the tasks of an order, from any position on.

    Args:
        order: Which index comes when.
        batch_size: Samples a batch, or `None` for single samples without batching.
        drop_last: Whether a last batch that is not full is left out.
        start: Where to begin; batches in `start.ahead` have been taken already.
    """
    epoch, batch, position, ahead = start
    for indices in cut(order, batch_size or 1, drop_last=drop_last, start=position):
        size = len(indices)
        if batch not in ahead:
            wanted = indices if batch_size is not None else int(indices[0])
            yield Task(epoch, batch, position, wanted, size, counted=True)
        batch += 1
        position += size


def from_sampler(
    indices: Iterator[Any],
    *,
    batched: bool,
    start: Start,
    stands: bool = False,
    passed: Callable[[Any], object] | None = None,
) -> Iterator[Task]:
    """Yield the tasks that an index sampler gives, from `start.batch` on.

    The indices of a batch are copied: a sampler that fills the same list again would otherwise
    change tasks that are under way.

    Args:
        indices: An iterator over the index sampler.
        batched: Whether it gives the indices of whole batches.
        start: Where to begin; batches in `start.ahead` have been taken already.
        stands: Whether the iterator stands at `start` already; otherwise it is read up to there.
        passed: Called with the indices of each batch that has been taken already.
    """
    position = start.position if stands else 0
    for batch, drawn in enumerate(indices, start.batch if stands else 0):
        wanted = own(drawn) if batched else drawn
        size = len(wanted) if batched else 1
        if batch >= start.batch and batch not in start.ahead:
            yield Task(start.epoch, batch, position, wanted, size)
        elif passed is not None:
            passed(wanted if batched else [wanted])
        position += size


def from_stream(batch_size: int | None, start: Start) -> Iterator[Task]:
    """Yield tasks for an iterable dataset without end: the stream says when it is over."""
    epoch, batch, position, _ = start
    size = 1 if batch_size is None else batch_size
    while True:
        yield Task(epoch, batch, position, size, size)
        batch += 1
        position += size


def own(indices: Any) -> Any:
    """Copy the indices of a batch that a sampler gave, as it may fill the same list again."""
    if isinstance(indices, np.ndarray):
        return indices.copy()
    if isinstance(indices, Sequence) and not isinstance(indices, list):
        return copy(indices)
    return indices.clone() if hasattr(indices, "clone") else list(indices)


def listed(indices: Any) -> Any:
    """Give indices as Python integers, which is what datasets expect."""
    return indices.tolist() if isinstance(indices, np.ndarray) else indices
