"""Make batches in the loader's own process: `num_workers=0`."""

from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Any
from weakref import ref

import torch
from torch.autograd import _profiler_enabled
from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import _BaseDataLoaderIter, _SingleProcessDataLoaderIter

from trueload.errors import tidied
from trueload.generators import kept
from trueload.guard import guard_of
from trueload.iterators.books import tolerance_of
from trueload.iterators.closing import end_epoch, tell_end, tell_nones
from trueload.iterators.epoch import (
    Beginning,
    keep_state_of,
    manifest_of,
    mixture_of,
    recipe_of,
    say_skipped,
    steps_over,
)
from trueload.iterators.inspector import inspector_of
from trueload.iterators.starting import dataset_here
from trueload.iterators.telling import tell_changed
from trueload.iterators.treatment import treated
from trueload.mixture import mixed_in
from trueload.recipe import Randomness, Recipe
from trueload.seeds import Borrowed, reseed, stream_key_of
from trueload.stream import Stream
from trueload.tasks import Task
from trueload.tolerance import Bad, BadSamplesError
from trueload.watching.sentry import Sentry


class InlineIterator(_SingleProcessDataLoaderIter):
    """One epoch of a loader without workers.

    Torch's attributes and methods are kept under their names, because libraries read them and
    subclasses override them: `_next_index` gives a task here, `_next_data` makes its batch.

    Args:
        loader: The loader.
        keyed: Whether the generators that samples draw from are seeded by us.
    """

    def __init__(self, loader: Any, *, keyed: bool) -> None:
        beginning = Beginning(loader, keyed=keyed)
        start = beginning.start
        self._own: list[Any] = []
        with beginning.drawing():
            _BaseDataLoaderIter.__init__(self, loader)
            self._sampler_iter = beginning.tasks(self)
            self._cursor = beginning.cursor
            self._progress = loader._progress  # noqa: SLF001 - the loader's own part
            self._random, self._share = beginning.randomness(), beginning.share
            self._borrowed = Borrowed()
            self._empty = loader._pool.empty  # noqa: SLF001 - the loader's own part
            self._stream = beginning.plan is None
            knows = start.dataset_state is not None or start.iterator_state is not None
            maker = None if knows else self._maker_of(loader)
        self._treatment, self._loader = beginning.treatment, ref(loader)
        # A state of the dataset's own may bring the process's generators back with it.
        self._maker = maker or self._maker_of(loader)
        self._guard, self._inspector = guard_of(loader.guard), inspector_of(loader)
        self._sentry = Sentry(
            self._maker,
            guard=self._guard,
            forked=False,
            experience=loader._experience,  # noqa: SLF001 - the loader's own part
            tally=loader._meter.inline,  # noqa: SLF001 - the loader's own part
        )
        self._meter = loader._meter  # noqa: SLF001 - the loader's own part
        self._meter.begin()

    def __len__(self) -> int:
        """Give how many batches the epoch has."""
        if self._share is None:
            return super().__len__()
        return steps_over(self._index_sampler, self._share, batched=self._auto_collation)

    def __next__(self) -> Any:
        """Make the next batch.

        Raises:
            StopIteration: The epoch is over.
            Exception: Whatever the user's code raised, with a note that names the sample.
        """
        try:
            if self._stream:
                return super().__next__()
            if _profiler_enabled():
                with torch.autograd.profiler.record_function(self._profile_name):
                    batch = self._next_data()
            else:
                batch = self._next_data()
        except StopIteration:
            end_epoch(self._cursor, self._guard, self._dataset)
            self._sentry.end()
            tell_changed(self._sentry.found(), self._guard, self._dataset)
            tell_end(self._cursor, self._loader())
            raise
        except Exception as error:
            raise tidied(error)  # noqa: B904 - the same exception
        self._num_yielded += 1
        return batch

    def _next_data(self) -> Any:
        asked = perf_counter_ns()
        task = self._next_index()
        while True:
            try:
                batch = self._made(task)
            except BadSamplesError as error:
                task = self._treated(task, error.bads) or self._next_index()
            else:
                break
        if self._pin_memory:
            batch = pin_memory(batch, self._pin_memory_device)
        if self._stream and self._share is not None:
            size, real = self._maker.part.counts  # pyrefly: ignore - a shared stream has a part
            task = task._replace(size=size, real=real)
        self._cursor.took(task)
        self._progress.latest = self._cursor
        self._meter.took(task.size, asked)
        return batch

    def _made(self, task: Task) -> Any:
        """Make the batch of a task, while its dataset is looked after."""
        try:
            make, keyed = partial(self._make, task), self._random is not None
            batch = self._sentry.make(task, make, keyed=keyed)
            self._sentry.reread_some(task)
            tell_changed(self._sentry.found(), self._guard, self._dataset)
            if self._inspector is not None:
                self._inspector.look(batch, task, mixed_in(self._maker.mixture))
            if isinstance(self._maker, Stream):
                self._count(task, self._maker)
            if self._maker.nones:
                tell_nones(self._cursor, task, self._maker.nones, self._loader())
        except (StopIteration, BadSamplesError):
            raise
        except Exception:
            self._cursor.passed_over(task)
            raise
        finally:
            self._sentry.undo()
        return batch

    def _count(self, task: Task, stream: Stream) -> None:
        """Count the samples of a batch of an iterable dataset, and the bad ones among them."""
        self._cursor.account.samples += stream.given
        if self._treatment is not None:
            self._treatment.read_over(task, stream.bads, stream.given)

    def _treated(self, task: Task, bads: list[Bad]) -> Task | None:
        """Give the task to make in the place of one with bad samples, or `None` for none."""
        return treated(self._treatment, self._cursor, task, bads)

    def _make(self, task: Task) -> Any:
        return self._keyed(self._maker.make, task, self._empty)

    def _keyed(self, make: Callable[..., Any], task: Task, *args: Any) -> Any:
        """Call what reseeds the process's generators for a task, if they are keyed at all."""
        if self._random is None:
            return make(task, None, *args)
        return self._lend(make, task, self._random, *args)

    def _lend(self, make: Callable[..., Any], *args: Any) -> Any:
        """Call what reseeds the process's generators, and give them back unchanged."""
        if self._own:
            with kept(self._own):
                return self._lend_common(make, *args)
        return self._lend_common(make, *args)

    def _lend_common(self, make: Callable[..., Any], *args: Any) -> Any:
        self._borrowed.take()
        try:
            return make(*args)
        finally:
            self._borrowed.give_back()

    def _maker_of(self, loader: Any) -> Recipe | Stream:
        return self._stream_of(loader) if self._stream else self._recipe_of(loader)

    def _recipe_of(self, loader: Any) -> Recipe:
        saved = self._cursor.start.dataset_state
        dataset = dataset_here(loader)
        keep_state_of(self._cursor, "dataset_state", dataset, saved)
        recipe = recipe_of(loader, dataset)
        recipe.stays = True
        if self._random is not None:
            self._own = recipe.generators()
        return recipe

    def _stream_of(self, loader: Any) -> Stream:
        """Begin to read an iterable dataset, from where its state or ours says."""
        start, cursor, dataset = self._cursor.start, self._cursor, dataset_here(loader)
        stands = keep_state_of(cursor, "dataset_state", dataset, start.dataset_state)
        if self._random is None:
            samples = iter(dataset)
        else:
            samples = self._lend(_keyed_iter, dataset, self._random)
        if samples is dataset and stands:
            dataset.load_state_dict(start.dataset_state)  # `iter` may have set it back
        elif samples is not dataset:
            kept = keep_state_of(cursor, "iterator_state", samples, start.iterator_state)
            stands = stands or kept
        stream = Stream(
            dataset=dataset,
            samples=samples,
            transform=loader.transform,
            collate_fn=loader.collate_fn,
            batched=self._auto_collation,
            drop_last=self._drop_last,
            copying=loader.copy,
            stays=True,
            manifest=manifest_of(loader),
            mixture=mixture_of(loader),
            tolerance=tolerance_of(loader),
        )
        if self._share is not None:
            stream.take_part(self._share, start.position if stands else 0)
        if start.batches and not stands:
            say_skipped(type(dataset).__qualname__, start.batches)
            self._read_over(stream, start.batches)
        return stream

    def _read_over(self, stream: Stream, batches: int) -> None:
        start = self._cursor.start
        size = start.batch_size or 1
        if stream.part is not None:
            read_over = partial(stream.part.read_over, start.position)
            self._keyed(read_over, Task(start.epoch, 0, 0, size, size))
            return
        for batch in range(batches):
            task = Task(start.epoch, batch, batch * size, size, size)
            try:
                self._keyed(stream.pull, task)
            except StopIteration:
                return


def _keyed_iter(dataset: Any, random: Randomness) -> Any:
    reseed(stream_key_of(random.root, 0))
    return iter(dataset)
