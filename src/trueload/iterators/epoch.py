"""What every iterator does when an epoch begins: where it starts, which tasks, which randomness.

Torch's iterators draw from generators while they are constructed, in an order that scripts rely
on. A new epoch therefore goes through torch's own constructor. An epoch that is resumed goes
through it too, under the generator state that the epoch began with, and leaves the process's own
generators as they were: the run that resumes draws nothing.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from typing import Any
from weakref import ref

import torch
from torch.utils.data import BatchSampler
from torch.utils.data.distributed import DistributedSampler

from trueload import samplers
from trueload.errors import ArgumentError, StateError, render, several
from trueload.fingerprint import identity_of, length_of
from trueload.guard import guard_of
from trueload.iterators.accord import Accord, cut_of
from trueload.iterators.books import opened, passed_of, tolerance_of, treatment_of
from trueload.iterators.closing import tell_beginning, tell_reread
from trueload.iterators.same_order import tell_same_order
from trueload.mixture import Mixture
from trueload.progress import Cursor
from trueload.ranks import refuse_second_split, share_of
from trueload.recipe import Randomness, Recipe
from trueload.samplers import is_stream
from trueload.seeds import (
    next_base_seed,
    next_order_seed,
    pack_generator,
    preserved,
    root_of,
    unpack_generator,
)
from trueload.shares import Share
from trueload.sharing import Cut, of_order, of_stream
from trueload.state import LoaderState, keeps_state, state_of
from trueload.stream import StreamRecipe
from trueload.tasks import Start, Task, from_order, from_sampler, from_stream

logger = logging.getLogger("trueload")

_PART = 0.1
"""How much of the guard's share of the time may go into looking whether samples go together."""


def described(loader: Any, state: LoaderState) -> LoaderState:
    """Add to a state what identifies the loader that it belongs to."""
    plan = samplers.plan_of(loader, state.epoch)
    return replace(
        state,
        seed=loader.seed,
        order="" if plan is None else plan.name,
        batch_size=_stream_size(loader) if plan is None else plan.batch_size,
        dataset=identity_of(loader.dataset),
        length=None if plan is None else length_of(loader.dataset),
        ranks=_ranks_of(share_of(loader)),
        made_in=loader._made_in,  # noqa: SLF001 - the loader's own part
    )


def untouched(loader: Any, epoch: int) -> LoaderState:
    """Give the state of a loader that has not begun an epoch, with what others say of theirs."""
    inside = bool(readers_of(loader))
    sampler = None if is_stream(loader) else _state_owner(loader._index_sampler, None)  # noqa: SLF001
    return LoaderState(
        epoch=epoch,
        sampler_state=deepcopy(state_of(sampler)),
        dataset_state=None if inside else deepcopy(state_of(loader.dataset)),
    )


def recipe_of(loader: Any, dataset: Any = None) -> Recipe:
    """Give what makes the batches of a map-style loader.

    Args:
        loader: The loader.
        dataset: Its dataset as this process reads it; `None` for the loader's own.
    """
    return Recipe(
        dataset=loader.dataset if dataset is None else dataset,
        transform=loader.transform,
        collate_fn=loader.collate_fn,
        batched=loader._auto_collation,  # noqa: SLF001 - torch's name for "there are batches"
        copying=loader.copy,
        manifest=manifest_of(loader),
        mixture=mixture_of(loader),
        tolerance=tolerance_of(loader),
    )


def mixture_of(loader: Any) -> Mixture | None:
    """Give who looks whether samples go together, where batches have a contract."""
    guard = guard_of(loader.guard)
    if loader.contract == "off" or guard.is_off:
        return None
    allowance = loader._allowance  # noqa: SLF001 - the loader's own part
    return Mixture(guard.budget_share * _PART, allowance, stream=is_stream(loader))


def maker_of(loader: Any) -> Recipe | StreamRecipe:
    """Give what makes a loader's batches in a worker."""
    if not is_stream(loader):
        return recipe_of(loader)
    return StreamRecipe(
        dataset=loader.dataset,
        transform=loader.transform,
        collate_fn=loader.collate_fn,
        batched=loader._auto_collation,  # noqa: SLF001 - torch's name for "there are batches"
        drop_last=loader.drop_last,
        copying=loader.copy,
        share=share_of(loader),
        manifest=manifest_of(loader),
        mixture=mixture_of(loader),
        tolerance=tolerance_of(loader),
    )


def is_keyed(loader: Any) -> bool:
    """Say whether what samples draw is keyed by us in the loader's own process.

    As with torch, it is not where nobody asked for it; but ranks that read one stream must draw
    alike while they do.
    """
    shared = is_stream(loader) and loader.shard not in {None, "workers"}
    asked = loader.seed is not None or loader.rng is not None
    return loader.rng != "worker" and (asked or shared)


def manifest_of(loader: Any) -> str | None:
    """Give where the manifest of a loader's files is, wherever the process may go."""
    return None if loader.manifest is None else os.path.abspath(loader.manifest)  # noqa: PTH100


def readers_of(loader: Any) -> int:
    """Give how many workers read an iterable dataset each on its own; 0 for any other way."""
    several = is_stream(loader) and loader.num_workers > 1 and loader.shard is None
    return loader.num_workers if several else 0


def is_cut_evenly(loader: Any) -> bool:
    """Say whether all batches but the last of an iterable dataset have one size."""
    return not loader._auto_collation or type(loader.batch_sampler) is BatchSampler  # noqa: SLF001


class Beginning:
    """The beginning of one epoch of one iterator.

    ```
    beginning = Beginning(loader, keyed=True)
    with beginning.drawing():
        ...  # torch's constructor, which draws the base seed
        tasks = beginning.tasks(iterator)
    ```

    Args:
        loader: The loader, read now: samplers and functions may have been swapped since.
        keyed: Whether the generators that samples draw from are seeded by us.
        ahead: Whether tasks are drawn before the batches of earlier ones are taken.
        state: Where to begin an epoch that is not this loader's turn yet; `register` makes it so.

    Attributes:
        resumed: The state of an epoch under way that goes on here, or `None`.
        start: Where the epoch begins.
        share: The part of it that this process reads, or `None` for all of it.
        plan: How a map-style dataset is sampled; `None` for an iterable one.
        cursor: What the iterator writes down.
        treatment: What decides about batches with bad samples, or `None` where they are raised.
    """

    def __init__(
        self, loader: Any, *, keyed: bool, ahead: bool = False, state: LoaderState | None = None
    ) -> None:
        self._progress = loader._progress  # noqa: SLF001 - the loader's own part
        saved: LoaderState | None = state or self._progress.resume
        if saved is None:
            tell_same_order(loader)
        self.resumed = saved if saved is not None and saved.base_seed is not None else None
        self.start = saved or LoaderState(epoch=self._progress.next_epoch)
        self.share = share_for(loader, self.start)
        self.plan = samplers.plan_of(loader, self.start.epoch)
        size = _stream_size(loader) if self.plan is None else self.plan.batch_size
        readers = readers_of(loader)
        if self.start.batches and self.start.readers != readers:
            say_other_readers(self.start.readers, readers)
        ranks = _ranks_of(self.share)
        self.start = replace(self.start, batch_size=size, readers=readers, ranks=ranks)
        self._loader = ref(loader)
        self._keyed, self._ahead = keyed, ahead
        self._accord: Accord | None = None
        if self.share is not None:
            silent = state is not None
            self._accord = Accord(loader, self.share, self.plan, self.start, silent=silent)
        self._undoes_draw = False
        self._owner: Any = None
        self.cursor = opened(loader, self.start, self.plan, self.share)
        self.treatment = treatment_of(loader, self.cursor, self.plan, self.share)
        self.cursor.minds_repeats = self.share is not None and self.share.even is None
        tell_beginning(self.cursor, loader)
        if state is None:
            self._progress.resume = None
            self.register()

    @property
    def loader(self) -> Any:
        """The loader, which is needed only as an epoch begins: an iterator outlives it."""
        return self._loader()

    def register(self) -> None:
        """Make this the loader's current epoch."""
        self._progress.cursor = self.cursor
        self._progress.next_epoch = self.start.epoch + 1

    @contextmanager
    def drawing(self, *, is_reset: bool = False) -> Iterator[None]:
        """Draw as torch does, or, where an epoch is resumed, as it did when it was begun.

        Args:
            is_reset: Whether an iterator is reset, so that torch draws no base seed.
        """
        plan, followed, accord = self.plan, self.cursor.followed, self._accord
        if self.resumed is not None:
            with preserved():
                if plan is not None and followed and self.resumed.generator is not None:
                    unpack_generator(self.resumed.generator, plan.generator)
                    self._undoes_draw = self.resumed.is_reset and not is_reset
                yield
            return
        self.start = replace(self.start, is_reset=is_reset)
        if plan is not None and followed and _may_draw(self.loader):
            packed = pack_generator(plan.generator)
            if accord is not None:
                packed = accord.generator(packed)
            self.start = replace(self.start, generator=packed)
        if plan is not None and accord is not None:
            with accord.drawing(self.start.generator, plan):
                yield
        else:
            yield

    def tasks(self, iterator: Any) -> Iterator[Task]:
        """Give the tasks of the epoch, once torch's constructor has drawn the base seed.

        Args:
            iterator: The iterator, which has torch's `_base_seed` and `_sampler_iter` by now.
        """
        if self.resumed is not None:
            iterator._base_seed = self.resumed.base_seed  # noqa: SLF001 - torch's attribute
        if self._undoes_draw:
            self._undo_draw()
        base_seed = iterator._base_seed  # noqa: SLF001 - torch's attribute
        if self._accord is not None and self.loader.shard not in {None, "workers"}:
            base_seed = self._accord.settle(base_seed, self.cursor)
            iterator._base_seed = self._accord.seed_of_workers(base_seed)  # noqa: SLF001 - torch's
        self.start = replace(self.start, base_seed=base_seed)
        self.cursor.start = self.start
        if self._keyed:
            seed = self.loader.seed
            self.cursor.root = base_seed if seed is None else root_of(seed, self.start.epoch)
            self.cursor.each_sample = self.loader.rng == "sample"
        return self._tasks(iterator._sampler_iter)  # noqa: SLF001 - torch's attribute

    def _undo_draw(self) -> None:
        """Take back that torch drew a base seed, unless the sampler has drawn before it already."""
        packed, generator = self.resumed.generator, self.plan.generator  # pyrefly: ignore - there
        if generator is (self.loader.generator or torch.default_generator):
            now = generator.get_state()
            unpack_generator(packed, generator)  # pyrefly: ignore - there, where it was drawn
            torch.empty((), dtype=torch.int64).random_(generator=generator)
            if torch.equal(now, generator.get_state()):
                unpack_generator(packed, generator)  # pyrefly: ignore - as above
            else:
                generator.set_state(now)

    def randomness(self) -> Randomness | None:
        """Give how samples are keyed, or `None` where they draw from the process's generators."""
        root = self.cursor.root
        return None if root is None else Randomness(root, self.cursor.each_sample)

    def at(self) -> Start:
        """Give where the tasks begin."""
        start = self.start
        return Start(start.epoch, start.batches, start.position, frozenset(start.ahead))

    def _tasks(self, drawn: Iterator[Any]) -> Iterator[Task]:
        plan = self.plan
        if plan is None:
            return self._of_stream(drawn)
        if plan.order_of is not None:
            return self._ordered(plan)
        drawn, stands = self._restored(drawn)
        accord, owned = self._accord, self._owner is not None
        passed = passed_of(self.cursor, self.share, stands=stands)
        if accord is None:
            batched, start = plan.batched, self.at()
            tasks = from_sampler(drawn, batched=batched, start=start, stands=stands, passed=passed)
        else:  # looking ahead, the sampler's own state would be that of later samples
            looks_ahead = not owned
            tasks = accord.follow(
                drawn, self.at(), stands=stands, looks_ahead=looks_ahead, passed=passed
            )
        tasks = self._noted(tasks)
        if self.resumed is None and (accord is None or owned):
            return tasks
        first = next(tasks, None)
        tell_reread(self.cursor, self.loader)
        return iter(()) if first is None else chain([first], tasks)

    def _of_stream(self, drawn: Iterator[Any]) -> Iterator[Task]:
        """Yield tasks for an iterable dataset: of one size, or as a batch sampler cuts them."""
        loader = self.loader
        if self.share is not None:
            return of_stream(Cut(self.start.batch_size, loader.drop_last), self.share, self.at())
        if is_cut_evenly(loader):
            return from_stream(self.start.batch_size, self.at())
        cut = from_sampler(drawn, batched=True, start=self.at())
        return (task._replace(indices=task.size) for task in cut)

    def _ordered(self, plan: samplers.Plan) -> Iterator[Task]:
        """Yield the tasks of an order, drawing its seed when the first is asked for, as torch."""
        if plan.draws and self.cursor.order_seed is None:
            self.cursor.order_seed = samplers.draw_seed()
        order = plan.order_of(self.cursor.order_seed)  # pyrefly: ignore - checked by the caller
        if self.share is not None:
            yield from of_order(order, cut_of(plan), self.share, self.at())
            return
        yield from from_order(order, plan.batch_size, drop_last=plan.drop_last, start=self.at())

    def _restored(self, drawn: Iterator[Any]) -> tuple[Iterator[Any], bool]:
        """Bring a sampler that has a state of its own back to it.

        Returns:
            The iterator over it, and whether that stands where the epoch goes on.
        """
        outer = self.loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
        owner = _state_owner(outer, drawn)
        self.cursor.account.stands = owner is not None
        if owner is None:
            return drawn, False
        saved = self.start.sampler_state
        stands = keep_state_of(self.cursor, "sampler_state", owner, saved)
        if stands and owner is not drawn:
            drawn = iter(outer)
            owner = _state_owner(outer, drawn)
            keep_state_of(self.cursor, "sampler_state", owner, None)
        self._owner = owner
        return drawn, stands

    def _noted(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """Keep the sampler's own state for each task, where tasks are drawn ahead of batches."""
        owner, cursor = self._owner, self.cursor
        if owner is None or not self._ahead:
            return tasks
        cursor.sources = {}
        cursor.note(None, "sampler_state", owner.state_dict())
        return self._noting(tasks, owner)

    def _noting(self, tasks: Iterator[Task], owner: Any) -> Iterator[Task]:
        for task in tasks:
            self.cursor.note(task.batch, "sampler_state", owner.state_dict())
            yield task


def share_for(loader: Any, start: LoaderState = LoaderState()) -> Share | None:  # noqa: B008 - frozen
    """Give the part of an epoch that a process reads, and see that it can be had.

    Raises:
        ArgumentError: It cannot.
        StateError: Several ranks shared a stream that is not shared any more.
    """
    refuse_second_split(loader)
    share, stream = share_of(loader), is_stream(loader)
    if share is None and start.ranks > 1:
        if stream:
            facts = [("saved", several(start.ranks, "rank")), ("now", f"`shard={loader.shard!r}`")]
            hint = 'pass `shard="ranks"`, also where there is only one rank'
            title = "the state belongs to a stream that ranks shared"
            raise StateError(render(title, "TL103", facts, hint))
        return Share()
    if share is not None and stream and not is_cut_evenly(loader):
        hint = "pass `batch_size` instead"
        title = f"`shard={loader.shard!r}` does not go with a `batch_sampler` over a stream"
        raise ArgumentError(render(title, "TL105", hint=hint))
    return share


def steps_of(loader: Any, share: Share) -> int:
    """Give how many steps an epoch of a loader has on each rank."""
    if not is_stream(loader):
        return steps_over(loader._index_sampler, share, batched=loader._auto_collation)  # noqa: SLF001
    size = _stream_size(loader) or 1
    return share.steps(len(loader.dataset), size, drop_last=loader.drop_last)


def steps_over(sampler: Any, share: Share, *, batched: bool) -> int:
    """Give how many steps it takes all ranks to go over an index sampler."""
    if batched and type(sampler) is BatchSampler:
        count = len(sampler.sampler)  # pyrefly: ignore - where it has no length, it raises
        return share.steps(count, sampler.batch_size, drop_last=sampler.drop_last)
    return share.steps(len(sampler), 1)


def _ranks_of(share: Share | None) -> int:
    return 1 if share is None else share.world_size


def following(cursor: Cursor) -> LoaderState | None:
    """Give the beginning of the epoch after a finished one, its seeds derived from that one's.

    Returns:
        A state to begin with, or `None` where a sampler draws the order, as it likes.
    """
    start = cursor.start
    if cursor.followed or start.base_seed is None:
        return None
    order_seed = cursor.order_seed
    return LoaderState(
        epoch=start.epoch + 1,
        base_seed=next_base_seed(start.base_seed),
        order_seed=None if order_seed is None else next_order_seed(order_seed),
    )


def keep_state_of(cursor: Cursor, name: str, thing: Any, saved: Any) -> bool:
    """Let a sampler, a dataset or an iterator that has a state of its own take part in ours.

    Args:
        cursor: What asks it for its state from now on.
        name: The field of the loader's state that it goes to.
        thing: The object, with or without `state_dict` and `load_state_dict`.
        saved: The state to bring it back to, or `None`.

    Returns:
        Whether it has been brought back, so that nothing need be skipped.

    Source: the protocol of torchdata's StatefulDataLoader.
    """
    if not keeps_state(thing):
        return False
    cursor.sources = {**cursor.sources, name: thing.state_dict}
    if saved is None:
        return False
    thing.load_state_dict(saved)
    return True


def say_other_readers(saved: int, now: int) -> None:
    """Tell that an iterable dataset goes on with another number of workers than it was read by."""
    logger.warning(
        "the state was saved with %d workers reading the stream, %d read it now: "
        "which samples come next depends on how the dataset is split over workers",
        max(saved, 1),
        max(now, 1),
    )


def say_skipped(what: str, batches: int) -> None:
    """Tell that something without a state is read again up to where the run stopped."""
    logger.warning("%s has no `state_dict`: reading over %d batches to resume", what, batches)


def _stream_size(loader: Any) -> int | None:
    """Give how many samples of an iterable dataset make a batch, where that is one number."""
    sampler = loader.batch_sampler
    return sampler.batch_size if type(sampler) is BatchSampler else None


def _may_draw(loader: Any) -> bool:
    """Say whether a followed sampler may draw from a generator, as plain sequences cannot."""
    sampler = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    known = isinstance(sampler, (list, tuple, range)) or type(sampler) is DistributedSampler
    return not known and not keeps_state(sampler)


def _state_owner(outer: Any, drawn: Any) -> Any:
    """Give who knows a sampler's state: its iterator, itself, or the one it cuts batches of."""
    inner = outer.sampler if type(outer) is BatchSampler else None
    return next((thing for thing in (drawn, outer, inner) if keeps_state(thing)), None)
