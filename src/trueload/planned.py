"""Which indices an epoch has planned for the batches that were taken: read from its order again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from trueload.order import Order
from trueload.shares import Share
from trueload.sharing import Cut, of_order
from trueload.state import LoaderState
from trueload.tasks import Start

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """Where the planned indices of an epoch are read from.

    Attributes:
        order_of: Gives the order from its seed.
        cut: How batches are cut of it.
        share: The part of it that this process reads, or `None` for all of it.
    """

    order_of: Callable[[int | None], Order]
    cut: Cut
    share: Share | None = None

    def blocks(
        self,
        seed: int | None,
        start: LoaderState,
        ranges: tuple[tuple[int, int], ...],
        batches: int,
    ) -> Iterator[np.ndarray]:
        """Yield the planned indices of what was taken: int64, in short arrays.

        What all ranks had taken together before a state is in the books of rank 0.

        Args:
            seed: The seed of the order.
            start: Where the epoch began here.
            ranges: From which position to which batches were taken, where the order is not shared.
            batches: How many batches were taken, where it is.
        """
        order = self.order_of(seed)
        if self.share is None:
            for first, last in ranges:
                yield from _read(order, first, last)
            return
        if not self.share.rank:
            yield from _read(order, 0, start.position)
        begin = Start(start.epoch, start.batches, start.position)
        tasks = of_order(order, self.cut, self.share, begin)
        for task in takewhile(lambda task: task.batch < batches, tasks):
            indices = np.atleast_1d(np.asarray(task.indices, np.int64))
            yield indices if task.real is None else indices[: task.real]


def _read(order: Order, first: int, last: int) -> Iterator[np.ndarray]:
    last = min(last, len(order))
    for at in range(first, last, _BLOCK):
        yield order.indices(at, min(at + _BLOCK, last))
