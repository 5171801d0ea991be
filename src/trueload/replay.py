"""Make one sample, or one batch, of an epoch again, alone.

What was made follows from three things: the order of the epoch, where in it the steps begin, and
what the random generators were seeded from. A seed gives the first and the last for any epoch;
without one, they are known of the epoch begun last, and of that of a state that was loaded.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NoReturn

import torch
from torch.utils.data import BatchSampler, SequentialSampler
from torch.utils.data._utils import worker as torch_worker

from trueload import samplers
from trueload.errors import ReplayError, count, render
from trueload.generators import kept
from trueload.iterators.accord import cut_of
from trueload.iterators.epoch import is_keyed, maker_of, recipe_of, share_for
from trueload.iterators.starting import dataset_here
from trueload.order import Order
from trueload.ownership import owned
from trueload.recipe import Randomness
from trueload.samplers import is_stream
from trueload.seeds import preserved, root_of, unpack_generator
from trueload.shares import Share
from trueload.sharing import Cut, Followed, of_batches, of_order, of_samples, of_stream
from trueload.state import LoaderState, keeps_state
from trueload.stream import StreamRecipe
from trueload.tasks import Start, Task, from_stream

_HINT = "give the loader a `seed=`: its orders can then be made again for any epoch"
_NEAR = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be made again: a sample by its index, its position or both, or a batch.

    Attributes:
        index: The index of a sample.
        position: Its position in the order, where an index alone does not say which.
        batch: The number of a batch.
        epoch: The epoch in which it was made; `None` for the one begun last.
        rank: The rank whose batch is meant; `None` for this one.
    """

    index: Any = None
    position: int | None = None
    batch: int | None = None
    epoch: int | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What will be made again.

    Attributes:
        loader: The loader.
        task: The batch, or the one that the sample was part of.
        row: The row of the sample in it; `None` for all of the batch.
        random: What the generators are seeded from.
        share: The part of an epoch that the rank in question reads.
    """

    loader: Any
    task: Task
    row: int | None
    random: Randomness
    share: Share

    def make(self, call: Callable[[Callable[[], Any]], Any] = lambda make: make()) -> Any:
        """Make it: a sample is fetched and transformed, a batch collated as well.

        Args:
            call: Calls what makes it, as a debugger does; not what only drew before it.
        """
        if is_stream(self.loader):
            return call(self._of_stream)
        recipe = recipe_of(self.loader, dataset_here(self.loader))
        recipe.tolerance = None  # what it raises is what is asked for
        recipe.stays = True
        with preserved(), kept(recipe.generators()):
            if self.row is None:
                return call(lambda: recipe.make(self.task, self.random))
            return owned([recipe.sample(self.task, self.random, self.row, call)], self.loader.copy)

    def _of_stream(self) -> Any:
        """Make a batch of a stream: read it from its beginning, as the worker did."""
        loader: Any = self.loader
        recipe: Any = maker_of(loader)
        recipe.tolerance = None
        recipe.dataset = dataset_here(loader)
        worker = nullcontext()
        if recipe.share is not None:
            recipe.share = self.share
        elif loader.num_workers > 1:
            worker = _worker(self.task.batch % loader.num_workers, recipe, loader)
        with preserved(), worker:
            try:
                return recipe.make(self.task, self.random).batch
            except StopIteration:
                _refuse_batch(self.task.batch, self.task.epoch)


def find(loader: Any, asked: Asked) -> Found:
    """Find out how a sample or a batch was made.

    Raises:
        ReplayError: There is no such, or it is not known how it was made.
    """
    return _Past(loader, asked).find()


class _Past:
    """An epoch of a loader, as it was.

    Args:
        loader: The loader.
        asked: What is asked for.
    """

    def __init__(self, loader: Any, asked: Asked) -> None:
        self._loader, self._asked = loader, asked
        progress = loader._progress  # noqa: SLF001 - the loader's own part
        cursor, loaded = progress.cursor, progress.loaded
        begun = loaded if cursor is None else cursor.start
        self._epoch = asked.epoch if asked.epoch is not None else begun.epoch if begun else 0
        self._current = cursor if cursor and cursor.start.epoch == self._epoch else None
        is_of = loaded is not None and loaded.epoch == self._epoch
        self._loaded = loaded if is_of or cursor is None else None
        self._known: LoaderState | None = loaded if is_of else None
        if self._current is not None:
            self._known = replace(cursor.start, order_seed=cursor.order_seed)
        self._share = share_for(loader) or Share()
        self._plan: Any = samplers.plan_of(loader, self._epoch)

    def find(self) -> Found:
        """Find what is asked for."""
        asked = self._asked
        if asked.batch is None:
            task, row = self._sample(asked.index, asked.position)
        else:
            task, row = self._batch(asked.batch), None
        return Found(self._loader, task, row, self._randomness(), self._share)

    def _randomness(self) -> Randomness:
        """Give what the samples of the epoch drew from."""
        loader, known = self._loader, self._known
        root = None if loader.seed is None else root_of(loader.seed, self._epoch)
        if root is None and self._current is not None:
            root = self._current.root
        elif root is None and known is not None and (loader.num_workers or is_keyed(loader)):
            root = known.base_seed
        if root is None or loader.rng == "worker":
            title = f"what the samples of epoch {self._epoch} drew at random is not known"
            hint = (
                'give the loader a `seed=`, or `rng="sample"` to replay samples of the last epoch'
            )
            _refuse(title, hint=hint)
        return Randomness(root, loader.rng == "sample")

    def _enter(self, *, batch: int = 0, position: int | None = None) -> Start:
        """Give where the steps begin among which a batch or a position is.

        Where a run was resumed, other ranks may have gone on with it from there.
        """
        current, share, wanted = self._current, self._share, self._asked.rank
        begin, ranks = Start(self._epoch), share.world_size
        start = None if current is None else current.start
        if start is not None and (
            batch >= start.batches if position is None else position >= start.position
        ):
            begin = Start(self._epoch, start.batches, start.position)
        elif self._loaded is not None:
            ranks = self._loaded.ranks
        rank = share.rank if wanted is None else wanted
        if position is None and not 0 <= rank < ranks:
            _refuse(f"rank {rank} is none of the {ranks} that made batch {count(batch)}")
        self._share = Share(min(rank, ranks - 1), ranks, share.even)
        return begin

    def _batch(self, batch: int) -> Task:
        task: Task | None = None
        if batch >= 0:
            with closing(self._tasks(self._enter(batch=batch), batch)) as tasks:
                task = next(tasks, None)
        return _refuse_batch(batch, self._epoch) if task is None else task

    def _tasks(self, begin: Start, batch: int) -> Generator[Task]:
        """Yield the tasks of the epoch from a batch on."""
        if is_stream(self._loader):
            tasks = self._of_stream(begin)
        elif self._plan.order_of is None:
            tasks = self._followed(self._share)
        else:
            order, cut = self._order(), cut_of(self._plan)
            begin = _jumped(begin, order, cut, self._share, batch - begin.batch)
            tasks = of_order(order, cut, self._share, begin)
        yield from (task for task in tasks if task.batch >= batch)

    def _sample(self, index: Any, position: int | None) -> tuple[Task, int]:
        """Give the task that a sample was part of, and its row in it."""
        if is_stream(self._loader):
            _refuse(f"sample {index!r} of an iterable dataset cannot be asked for by its index")
        if self._plan.order_of is None:
            self._enter(position=0)
            tasks: Iterable[Task] = chain.from_iterable(map(self._followed, self._all_ranks()))
            row = next(_rows(tasks, index, position), None)
            return self._refuse_sample(index, position, "") if row is None else row
        order, cut = self._order(), Cut(self._plan.batch_size)
        at = order.position_of(index) if position is None else position
        is_there = at is not None and 0 <= at < len(order)
        if not is_there or index not in {None, int(order.indices(at, at + 1)[0])}:
            length = f", {count(len(order))} samples"
            return self._refuse_sample(index, position, length)
        begin = self._enter(position=at)
        steps = (at - begin.position) // (self._share.world_size * cut.each)
        begin = _jumped(begin, order, cut, self._share, steps)
        near = (islice(of_order(order, cut, rank, begin), _NEAR) for rank in self._all_ranks())
        return next(_rows(chain.from_iterable(near), None, at))

    def _all_ranks(self) -> list[Share]:
        return [replace(self._share, rank=rank) for rank in range(self._share.world_size)]

    def _order(self) -> Order:
        known = self._known
        drawn = None if known is None else known.order_seed
        if self._plan.draws and drawn is None:
            self._refuse_order()
        return self._plan.order_of(drawn)

    def _followed(self, share: Share) -> Iterator[Task]:
        """Follow a copy of the sampler, as it was followed then, if it can be so again."""
        plan, loader, begin = self._plan, self._loader, Start(self._epoch)
        sampler = deepcopy(loader._index_sampler, {id(loader.dataset): loader.dataset})  # noqa: SLF001
        packed = None if self._known is None else self._known.generator
        if packed is None and not _is_fixed(sampler):
            self._refuse_order()
        with preserved():
            generator = samplers.generator_of(sampler)
            if packed is not None:
                unpack_generator(packed, generator)
            drawn = iter(sampler)
            was_reset = self._known is not None and self._known.is_reset
            if not was_reset and (loader.generator or torch.default_generator) is plan.generator:
                torch.empty((), dtype=torch.int64).random_(generator=generator)  # the base seed
            if plan.batched and plan.batch_size is None:
                yield from of_batches(Followed(drawn), share, begin)
                return
            ones = chain.from_iterable(drawn) if plan.batched else drawn
            yield from of_samples(Followed(ones), cut_of(plan), share, begin)

    def _of_stream(self, begin: Start) -> Iterator[Task]:
        loader, dataset = self._loader, self._loader.dataset
        if keeps_state(dataset) or hasattr(dataset, "__next__"):
            _refuse(f"{type(dataset).__qualname__} cannot be read from its beginning")
        if loader.shard is None:
            return from_stream(loader.batch_size, begin)
        return of_stream(Cut(loader.batch_size), self._share, begin)

    def _refuse_order(self) -> NoReturn:
        title = f"the order of epoch {self._epoch} is not known any more"
        _refuse(title, [("order", self._plan.name)], _HINT)

    def _refuse_sample(self, index: Any, position: int | None, length: str) -> NoReturn:
        what = "no sample" if index is None else f"no sample {index!r}"
        where = "" if position is None else f" at position {count(position)}"
        facts = [("order", f"{self._plan.name}{length}")]
        _refuse(f"epoch {self._epoch} has {what}{where}", facts)


def _jumped(begin: Start, order: Order, cut: Cut, share: Share, steps: int) -> Start:
    """Give the start some steps later, or as far on as all steps are full."""
    full = share.world_size * cut.each
    far = (len(order) - begin.position) // full - 2
    by = max(min(steps, far), 0)
    return Start(begin.epoch, begin.batch + by, begin.position + by * full)


def _rows(tasks: Iterable[Task], index: Any, position: int | None) -> Iterator[tuple[Task, int]]:
    """Yield where a sample is: the task and the row in it."""
    for task in tasks:
        many = isinstance(task.indices, (list, tuple, range)) or hasattr(task.indices, "shape")
        for row, own in enumerate(task.indices if many else [task.indices]):
            at = task.position + row * task.stride
            counts = task.real is None or row < task.real
            if counts and position in {None, at} and (index is None or own == index):
                yield task, row


def _is_fixed(sampler: Any) -> bool:
    """Say whether a sampler gives the same in every epoch."""
    inner = sampler.sampler if type(sampler) is BatchSampler else sampler
    return isinstance(inner, (list, tuple, range)) or type(inner) is SequentialSampler


@contextmanager
def _worker(number: int, recipe: StreamRecipe, loader: Any) -> Iterator[None]:
    """Let a dataset that asks find itself in a worker."""
    before, many = torch_worker._worker_info, loader.num_workers  # noqa: SLF001 - looked for there
    recipe.work_for(number, many, lambda: True)
    torch_worker._worker_info = torch_worker.WorkerInfo(number, many, 0, loader.dataset)  # noqa: SLF001
    try:
        yield
    finally:
        torch_worker._worker_info = before  # noqa: SLF001 - as above


def _refuse_batch(batch: int, epoch: int) -> NoReturn:
    _refuse(f"epoch {epoch} has no batch {count(batch)}")


def _refuse(title: str, facts: Any = (), hint: str = "") -> NoReturn:
    raise ReplayError(render(title, "TL107", facts, hint))
