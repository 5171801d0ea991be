"""The tasks of one rank: its batches, when an order, a sampler or a stream is shared by ranks.

An order is read only where this rank's samples are. A sampler that can only be followed is followed
whole by every rank, and each takes its part: that is exact where all ranks follow the same, which
`agree` is asked to see to. Whatever it is, a step begins at the same position on every rank.
"""

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np

from trueload.order import BLOCK, Order
from trueload.shares import Share, Step
from trueload.tasks import Start, Task, own

_FIRST_BLOCK = 1 << 9


class Cut(NamedTuple):
    """How batches are cut.

    Attributes:
        batch_size: Samples a batch, or `None` for single samples without batching.
        drop_last: Whether a step is left out in which a batch would not be full.
    """

    batch_size: int | None
    drop_last: bool = False

    @property
    def each(self) -> int:
        """How many samples a batch has."""
        return self.batch_size or 1


class Followed(NamedTuple):
    """A sampler that is followed.

    Attributes:
        drawn: An iterator over what it gives.
        stands: Whether it stands where the tasks begin; otherwise it is read up to there.
        looks_ahead: Whether it may be read further than the step that is asked for.
        agree: Called with what all ranks should have drawn for the first step.
        passed: Called with the indices of samples that have been taken already.
    """

    drawn: Iterator[Any]
    stands: bool = False
    looks_ahead: bool = True
    agree: Callable[[list[Any]], None] = lambda _: None
    passed: Callable[[list[Any]], object] = lambda _: None


def of_order(order: Order, cut: Cut, share: Share, start: Start) -> Iterator[Task]:
    """Yield the tasks of an order, from any position on."""
    length, each, ranks = len(order), cut.each, share.world_size
    here, size = start, _FIRST_BLOCK
    while (step := share.step(length - here.position, each, drop_last=cut.drop_last)) is not None:
        full = ranks * each
        many = min(max(size // each, 1), (length - here.position) // full - 1)
        if many > 1:  # so far from the end, all steps are alike
            first, size = here.position + share.rank, min(size * 4, BLOCK)
            block = order.stripe(first, here.position + many * full, ranks)
            for at in range(0, len(block), each):
                task = _task(here, cut, share, step, block[at : at + each])
                yield task._replace(counted=True)
                here = _after(here, task)
        else:
            indices = _indices(order, here.position, step, ranks)
            task = _task(here, cut, share, step, indices)
            yield task._replace(counted=True)
            here = _after(here, task)


def of_samples(sampler: Followed, cut: Cut, share: Share, start: Start) -> Iterator[Task]:
    """Yield the tasks of a sampler whose indices are followed one by one."""
    each, ranks = cut.each, share.world_size
    drawn, wanted = sampler.drawn, ranks * (each + sampler.looks_ahead)
    to_skip = 0 if sampler.stands else start.position
    first = list(islice(drawn, min(ranks, to_skip)))
    sampler.passed(first)
    for left in range(to_skip - len(first), 0, -BLOCK):
        sampler.passed(list(islice(drawn, min(left, BLOCK))))
    here, ahead = start, list(islice(drawn, wanted))
    first = first if len(first) == ranks else [*first, *ahead[: ranks - len(first)]]
    sampler.agree(ahead[: ranks * each])
    while (step := share.step(len(ahead), each, drop_last=cut.drop_last)) is not None:
        whole = [*ahead[: step.taken], *_again(first, ranks)]
        task = _task(here, cut, share, step, [whole[row] for row in step.rows])
        yield task
        here = _after(here, task)
        ahead = ahead[step.taken :]
        ahead += islice(drawn, wanted - len(ahead))


def of_batches(sampler: Followed, share: Share, start: Start) -> Iterator[Task]:
    """Yield the tasks of a sampler of whole batches, which the ranks take in turns."""
    ranks, batches = share.world_size, map(own, sampler.drawn)
    first: list[Any] = []
    position = start.position if sampler.stands else 0
    while position < start.position and (batch := next(batches, None)) is not None:
        first = [*first, batch][:ranks]
        sampler.passed(batch)
        position += len(batch)
    here, ahead = start, list(islice(batches, ranks))
    first = [*first, *ahead][:ranks]
    sampler.agree(ahead)
    while (step := share.step(len(ahead), 1)) is not None:
        whole = [*ahead[: step.taken], *_again(first, ranks)]
        row, end = step.rows.start, here.position + sum(map(len, ahead[: step.taken]))
        indices = whole[row]
        yield Task(
            here.epoch,
            here.batch,
            here.position + sum(map(len, whole[:row])),
            indices,
            len(indices),
            end=end,
            real=step.real and len(indices),
        )
        here = here._replace(batch=here.batch + 1, position=end)
        ahead = list(islice(batches, ranks))


def of_stream(cut: Cut, share: Share, start: Start) -> Iterator[Task]:
    """Yield tasks for an iterable dataset without end: the stream says when it is over."""
    here, each, ranks = start, cut.each, share.world_size
    while True:
        position, end = here.position + share.rank, here.position + ranks * each
        yield Task(here.epoch, here.batch, position, each, each, stride=ranks, end=end)
        here = here._replace(batch=here.batch + 1, position=end)


def _task(here: Start, cut: Cut, share: Share, step: Step, indices: Any) -> Task:
    return Task(
        here.epoch,
        here.batch,
        here.position + step.rows.start,
        indices if cut.batch_size is not None else _single(indices[0]),
        len(indices),
        stride=share.world_size,
        end=here.position + step.taken,
        real=step.real,
    )


def _single(index: Any) -> Any:
    return int(index) if isinstance(index, np.int64) else index


def _after(here: Start, task: Task) -> Start:
    return here._replace(batch=here.batch + 1, position=task.behind())


def _indices(order: Order, position: int, step: Step, ranks: int) -> np.ndarray:
    """Read the rows of one step; one that lies beyond the end is one of the first again."""
    first, stop = position + step.rows.start, position + step.rows.stop
    read = order.stripe(first, min(stop, len(order)), ranks)
    if len(read) == len(step.rows):
        return read
    again = (position + step.rows[-1]) % len(order)
    return np.concatenate([read, order.indices(again, again + 1)])


def _again(first: list[Any], ranks: int) -> Iterator[Any]:
    """Give what a sampler gave first, again and again, as many as ranks may lack."""
    return islice(cycle(first), ranks)
