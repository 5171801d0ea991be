"""Make batches in torch's own worker processes, behind our tasks and states.

Torch's iterator moves the batches. What it moves are our tasks on the way out and, on the way home,
the number of a batch with the batch, or with the exception that took its place; so order, state,
randomness and errors are the same as without workers.

An iterable dataset is left to torch's own fetching, since its samples have no indices to send.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any
from weakref import proxy, ref

import torch
from torch.utils.data import IterableDataset, default_collate
from torch.utils.data._utils import worker as torch_worker
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from trueload.collate import collate
from trueload.errors import ContractError, TrueloadError, tidied
from trueload.generators import kept
from trueload.guard import GUARD_OFF, Guard, guard_of
from trueload.iterators.closing import end_epoch, tell_end, tell_nones
from trueload.iterators.epoch import Beginning, recipe_of, say_skipped, steps_over
from trueload.iterators.handles import tell_handles
from trueload.iterators.inspector import inspector_of
from trueload.iterators.starting import has_processes, start_of
from trueload.iterators.telling import tell_changed
from trueload.iterators.treatment import treated
from trueload.mixture import Mixed
from trueload.recipe import Randomness, Recipe
from trueload.renewal import Renew, renew_in
from trueload.samplers import is_stream
from trueload.seeds import preserved
from trueload.tasks import Task
from trueload.tolerance import Bad, BadSamplesError
from trueload.transport import Failure, failure
from trueload.watching.sentry import Sentry
from trueload.workers.base import Noted, noted
from trueload.workers.files import ReadFile, files_read, reopen
from trueload.workers.memory import tensor_over
from trueload.workers.started import one_hash_seed

_COPIED = (
    "num_workers",
    "prefetch_factor",
    "pin_memory",
    "pin_memory_device",
    "timeout",
    "generator",
    "drop_last",
    "persistent_workers",
    "in_order",
    "multiprocessing_context",
    "_dataset_kind",
    "_auto_collation",
    "_IterableDataset_len_called",
)


class TorchProcessIterator(_MultiProcessingDataLoaderIter):
    """One epoch, or with persistent workers one after another, made by torch's workers.

    Args:
        loader: The loader.
        keyed: Whether the generators that samples draw from are seeded by us.
    """

    def __init__(self, loader: Any, *, keyed: bool) -> None:
        tell_handles(loader, start_of(loader))
        self._keyed = keyed
        self._owner_pid = os.getpid()
        self._stream = is_stream(loader)
        self._beginning = self._begin(loader)
        with self._beginning.drawing(), one_hash_seed():
            super().__init__(_face(loader, _Source(self, loader)))

    def __del__(self) -> None:
        """End the workers, except in a process that was forked with this object in it."""
        begun = hasattr(self, "_shutdown")  # not so where torch's constructor has failed
        if begun and os.getpid() == self._owner_pid:
            super().__del__()

    def _begin(self, loader: Any) -> Beginning:
        beginning = Beginning(loader, keyed=self._keyed)
        self._cursor, self._guard = beginning.cursor, loader.guard
        self._progress = loader._progress  # noqa: SLF001 - the loader's own part
        self._users_dataset = loader.dataset
        self._meter = loader._meter  # noqa: SLF001 - the loader's own part
        self._meter.begin()
        self._inspector = inspector_of(loader)
        self._loader = ref(loader)
        self._out: dict[int, Task] = {}
        self._to_skip = beginning.start.batches if self._stream else 0
        return beginning

    def _reset(self, loader: Any, first_iter: bool = False) -> None:  # noqa: FBT001, FBT002 - torch's
        """Begin an epoch: torch calls this from its constructor and for persistent workers."""
        if first_iter:
            super()._reset(loader, first_iter)
            return
        self._beginning = self._begin(loader)
        with self._beginning.drawing(is_reset=True):
            self._index_sampler = _Source(self, loader)
            self._sampler_iter = iter(self._index_sampler)
            super()._reset(loader, first_iter)

    def _next_index(self) -> Any:
        task = next(self._sampler_iter)
        if self._stream:
            return [None] * task.size if self._auto_collation else None
        self._out[task.batch] = task
        return task, self._beginning.randomness()

    def __next__(self) -> Any:
        """Take the next batch.

        Raises:
            StopIteration: The epoch is over.
            Exception: Whatever the user's code raised in a worker, with its traceback as cause.
        """
        try:
            return super().__next__()
        except StopIteration:
            end_epoch(self._cursor, self._guard, self._dataset)
            tell_end(self._cursor, self._loader())
            raise
        except Exception as error:
            raise tidied(error)  # noqa: B904 - the same exception

    def _next_data(self) -> Any:
        self._asked = perf_counter_ns()
        if self._stream:
            return self._next_of_stream()
        while True:
            number, batch = super()._next_data()
            task = self._out.pop(number)
            if not isinstance(batch, Failure):
                return self._opened(task, batch)
            error = batch.error()
            if not isinstance(error, BadSamplesError):
                self._cursor.passed_over(task)
                raise error
            made = self._made_otherwise(task, error.bads)
            if made is not None:
                return self._took(*made)

    def _opened(self, task: Task, batch: Any) -> Any:
        if type(batch) is not Noted:
            return self._took(task, batch)
        try:
            tell_changed(batch.changed, self._guard, self._users_dataset)
            tell_nones(self._cursor, task, batch.nones, self._loader())
        except TrueloadError:
            self._cursor.passed_over(task)
            raise
        return self._took(task, batch.batch, batch.mixed)

    def _made_otherwise(self, task: Task, bads: list[Bad]) -> tuple[Task, Any] | None:
        """Make a batch with bad samples in this process, as the policy says; `None` for none."""
        recipe, random = recipe_of(self._loader()), self._beginning.randomness()
        while True:
            again = treated(self._beginning.treatment, self._cursor, task, bads)
            if again is None:
                return None
            task = again
            try:
                with preserved(), kept(recipe.generators()):
                    return task, recipe.make(task, random)
            except BadSamplesError as error:
                bads = error.bads
            except Exception:
                self._cursor.passed_over(task)
                raise

    def _next_of_stream(self) -> Any:
        if self._to_skip:
            say_skipped(type(self._dataset).__qualname__, self._to_skip)
            while self._to_skip:
                self._to_skip -= 1
                super()._next_data()
        batch = super()._next_data()
        start, before = self._cursor.start, self._cursor.task
        number = start.batches if before is None else before.batch + 1
        size = start.batch_size or 1
        return self._took(Task(start.epoch, number, number * size, size, size), batch)

    def _took(self, task: Task, batch: Any, mixed: Mixed | None = None) -> Any:
        if self._inspector is not None:
            try:
                self._inspector.look(batch, task, mixed)
            except ContractError:
                self._cursor.passed_over(task)
                raise
        self._cursor.took(task)
        self._progress.latest = self._cursor
        self._meter.took(task.size, self._asked)
        return batch


class _Source:
    """The index sampler that torch's iterator sees: the user's at first, then the tasks.

    Torch calls `iter` twice for the first epoch, around the draw of its base seed. The user's
    sampler is asked once, by the first call, as without workers.
    """

    def __init__(self, iterator: TorchProcessIterator, loader: Any) -> None:
        self._iterator = proxy(iterator)  # a cycle would keep the workers alive until collected
        self._sampler = loader._index_sampler  # noqa: SLF001 - torch's name
        self._batched = loader._auto_collation  # noqa: SLF001 - torch's name
        self._calls = count()

    def __iter__(self) -> Iterator[Any]:
        if next(self._calls) == 0:
            return iter(self._sampler)
        return self._iterator._beginning.tasks(self._iterator)  # noqa: SLF001 - of this module

    def __len__(self) -> int:
        share = self._iterator._beginning.share  # noqa: SLF001 - of this module
        if share is None:
            return len(self._sampler)
        return steps_over(self._sampler, share, batched=self._batched)


def _face(loader: Any, source: _Source) -> SimpleNamespace:
    """Give what torch's iterator reads from a loader, with our parts in place of the user's."""
    face = SimpleNamespace(**{name: getattr(loader, name) for name in _COPIED})
    face._index_sampler = source  # noqa: SLF001 - torch's name
    batched = loader._auto_collation  # noqa: SLF001 - torch's name
    if is_stream(loader):
        changed = loader.transform is not None or loader.dataset_in_worker is not None
        mapped = _Mapped(loader.dataset, loader.transform) if changed else loader.dataset
        face.dataset = mapped
        face.collate_fn = _Collate(loader.collate_fn) if batched else loader.collate_fn
    else:
        guard = guard_of(loader.guard) if has_processes(loader) else GUARD_OFF
        face.dataset = _Tasks(recipe_of(loader), guard, forked=start_of(loader) == "fork")
        face.collate_fn = _same
        face._auto_collation = False  # noqa: SLF001 - torch's name
    renew = loader.dataset_in_worker
    files = [] if start_of(loader) != "fork" else files_read()
    face.worker_init_fn = _WorkerStart(loader.worker_init_fn, renew, files)
    return face


@dataclass
class _Tasks:
    """The dataset that torch's workers see: its indices are tasks, its samples are batches."""

    recipe: Recipe
    guard: Guard
    forked: bool
    _sentry: Sentry | None = field(default=None, init=False, repr=False)

    @property
    def dataset(self) -> Any:
        return self.recipe.dataset

    def __getitem__(self, order: tuple[Task, Randomness | None]) -> tuple[int, Any]:
        task, random = order
        sentry = self._sentry
        if sentry is None:  # in the worker, once it has begun
            sentry = self._sentry = Sentry(self.recipe, guard=self.guard, forked=self.forked)
        make, keyed = partial(self.recipe.make, task, random, _shared), random is not None
        try:
            batch = sentry.make(task, make, keyed=keyed)
            sentry.reread_some(task)
        except Exception as error:
            return task.batch, failure(tidied(error))
        finally:
            sentry.undo()
        return task.batch, noted(batch, self.recipe, sentry.found())


@dataclass
class _Mapped(IterableDataset):
    """An iterable dataset with a transform, or that may be exchanged in a worker."""

    dataset: Any
    transform: Callable[[Any], Any] | None

    def __iter__(self) -> Iterator[Any]:
        for sample in self.dataset:
            yield sample if self.transform is None else self.transform(sample)


@dataclass
class _Collate:
    """Collates as without workers: torch's default one promotes dtypes otherwise in a worker."""

    collate_fn: Callable[[Any], Any]

    def __call__(self, samples: Any) -> Any:
        if self.collate_fn is default_collate:
            return collate(samples, _shared)
        return self.collate_fn(samples)


@dataclass
class _WorkerStart:
    """Runs first in a worker: `get_worker_info().dataset` is to be the user's own."""

    worker_init_fn: Callable[[int], None] | None
    renew: Renew | None
    files: list[ReadFile]

    def __call__(self, worker: int) -> None:
        reopen(self.files)
        info = torch_worker._worker_info  # noqa: SLF001 - torch sets it, users read it
        if info is not None and isinstance(info.dataset, (_Tasks, _Mapped)):
            renew_in(getattr(info.dataset, "recipe", info.dataset), self.renew)
            torch_worker._worker_info = replace(info, dataset=info.dataset.dataset)  # noqa: SLF001
        if self.worker_init_fn is not None:
            self.worker_init_fn(worker)


def _shared(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Give a tensor in new shared memory, where torch would otherwise copy the batch to."""
    size_bytes = dtype.itemsize
    for length in shape:
        size_bytes *= length
    storage = torch.UntypedStorage._new_shared(size_bytes)  # noqa: SLF001 - as torch's own collate
    return tensor_over(storage, shape, dtype)


def _same(batch: Any) -> Any:
    return batch
