"""Let two workers read the same sample, and compare what comes home.

A share of the samples is asked for again from the worker that makes their batch, and from whoever
makes the next one. Both read it twice. If what they read differs, it is asked for with the batches
that follow, until one of them has read it before and after the other one: then the time is not what
makes it differ.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from trueload.blame import Blame
from trueload.errors import SampleDiffersError, render
from trueload.guard import Guard
from trueload.iterators.telling import tell
from trueload.tasks import Task
from trueload.watching.rereads import Chosen, Read
from trueload.workers.base import Order

_MOST_OPEN = 64
_MOST_ASKED = 64


@dataclass(slots=True)
class _Open:
    """A sample that is being compared.

    Attributes:
        left: With how many more batches it is asked for.
        reads: What was read.
    """

    left: int
    reads: list[Read] = field(default_factory=list)


class Compared:
    """The samples that workers read again.

    Args:
        guard: How many, and what is done about those that differ.
        dataset: The dataset.
        readers: How many workers may read one sample; none of an iterable dataset.
    """

    def __init__(self, guard: Guard, dataset: Any, readers: int) -> None:
        self._guard, self._dataset = guard, dataset
        self._chosen, self._times = Chosen(guard.refetch or 0.0), min(readers, 2)
        self._open: dict[Any, _Open] = {}
        self._waiting: list[Task] = []

    def asking(self, orders: Iterator[Order | None]) -> Iterator[Order | None]:
        """Yield orders, with the samples that are to be read again."""
        return self._with_rereads(orders) if self._times and self._guard.refetch else orders

    def _with_rereads(self, orders: Iterator[Order | None]) -> Iterator[Order | None]:
        for order in orders:
            if order is None:
                yield None
                continue
            for task in self._chosen.of(order.task):
                self._open[_key(task)] = _Open(self._times)
                self._waiting.append(task)
            while len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
            asked = tuple(task for task in self._waiting if self._ask(task))
            yield replace(order, rereads=asked) if asked else order

    def _ask(self, task: Task) -> bool:
        """Say whether a sample is asked for once more."""
        one = self._open.get(_key(task))
        if one is None or not one.left:
            self._waiting = [other for other in self._waiting if other is not task]
            return False
        one.left -= 1
        return True

    def hear(self, reads: Iterable[Read]) -> None:
        """Hear what workers have read.

        Raises:
            SampleDiffersError: A sample differs between workers, and the guard is strict.
        """
        for read in reads:
            one = self._open.get(_key(read.task))
            if one is None:
                continue
            one.reads = sorted([*one.reads, read], key=lambda other: other.at_ns)
            pair = _proved(one.reads)
            if pair is not None:
                del self._open[_key(read.task)]
                site = (type(self._dataset), "TL342")
                tell(site, _told(*pair), self._guard, SampleDiffersError)
            elif _is_doubtful(one.reads) and not one.left and len(one.reads) < _MOST_ASKED:
                one.left = 1
                if all(other is not read.task for other in self._waiting):
                    self._waiting.append(read.task)


def _key(task: Task) -> Any:
    return task.epoch, task.position


def _is_doubtful(reads: list[Read]) -> bool:
    return len({read.digests for read in reads}) > 1


def _proved(reads: list[Read]) -> tuple[Read, Read] | None:
    """Give two reads that differ, of which one is as it was before and as it is after the other."""
    for place, between in enumerate(reads):
        for before in reads[:place]:
            if before.pid == between.pid or before.digests == between.digests:
                continue
            again = (read for read in reads[place + 1 :] if read.pid == before.pid)
            if any(read.digests == before.digests for read in again):
                return before, between
    return None


def _told(one: Read, other: Read) -> str:
    ours, theirs = dict(one.digests), dict(other.digests)
    differing = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    blame = Blame(one.task, "fetch", row=0)
    facts = [
        ("leaf", f"`{differing[0]}`"),
        ("workers", f"{one.worker} and {other.worker}, each reads the same again and again"),
        *blame.facts(),
        ("effect", "which batch you get depends on which worker is free"),
    ]
    return render(f"{blame.subject()} differs between workers", "TL342", facts, _HINT)


_HINT = (
    "let it depend on its index alone: not on `os.getpid()`, `hash()`, the number of the worker, "
    "nor on what `worker_init_fn` or earlier samples have left in the dataset"
)
