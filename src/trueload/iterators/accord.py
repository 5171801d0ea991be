"""What the ranks that share an epoch settle as it begins: which part is whose, and which order.

A loader with a seed needs no agreement. What its ranks go by is compared once, as the first epoch
begins. Without a seed, rank 0 draws for all. A sampler that can only be followed is followed under
the state of rank 0's generator, and what it gives first is compared.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from trueload import samplers
from trueload.fingerprint import length_of
from trueload.progress import Cursor
from trueload.ranks import check_alike, check_drawn, gathered, has_group, refuse_without_group
from trueload.seeds import next_base_seed, preserved, root_of, unpack_generator
from trueload.shares import Share
from trueload.sharing import Cut, Followed, of_batches, of_samples
from trueload.state import LoaderState
from trueload.tasks import Start, Task


class Accord:
    """The accord of the ranks about one epoch.

    Args:
        loader: The loader.
        share: The part of this rank.
        plan: How a map-style dataset is sampled; `None` for an iterable one.
        start: Where the epoch begins.
        silent: Whether nothing may be said, as where only some ranks may be at this place.
    """

    def __init__(
        self,
        loader: Any,
        share: Share,
        plan: samplers.Plan | None,
        start: LoaderState,
        *,
        silent: bool,
    ) -> None:
        self._share, self._plan, self._resumes = share, plan, start.base_seed is not None
        self._seed, self._workers = loader.seed, max(loader.num_workers, 1)
        self._speaks = loader.shard == "ranks" and has_group() and not silent
        self._is_first = loader._progress.cursor is None  # noqa: SLF001 - the loader's own part
        self._terms = {
            "seed": loader.seed,
            "length of the dataset": None if plan is None else length_of(loader.dataset),
            "batch size": start.batch_size,
            "`drop_last`": loader.drop_last,
            "`even`": loader.even,
            "epoch": start.epoch,
            "position": start.position,
        }

    def generator(self, packed: bytes) -> bytes:
        """Give the state of the generator that a followed sampler draws from: rank 0's."""
        return gathered(packed)[0] if self._speaks else packed

    @contextmanager
    def drawing(self, packed: bytes | None, plan: samplers.Plan) -> Iterator[None]:
        """Draw as rank 0 does, and leave the generators of this rank alone."""
        if packed is None or not self._speaks or not self._share.rank:
            yield
            return
        with preserved():
            unpack_generator(packed, plan.generator)
            yield

    def settle(self, drawn: int, cursor: Cursor) -> int:
        """Settle the seeds of the epoch.

        Args:
            drawn: The base seed that this rank has drawn, or resumes with.
            cursor: Gets the seed of the order.

        Returns:
            The base seed of all ranks.

        Raises:
            ArgumentError: The ranks cannot agree.
            RanksDifferError: They do not read the same order.
        """
        plan, seed, base_seed, order_seed = self._plan, self._seed, drawn, cursor.order_seed
        draws = plan is not None and plan.draws and order_seed is None
        if draws:
            order_seed = samplers.draw_seed()
        if self._speaks and (seed is None or cursor.followed or self._is_first):
            told = gathered((self._terms, base_seed, order_seed))
            check_alike([terms for terms, *_ in told])
            _, base_seed, order_seed = told[0]
        elif draws and plan is not None and self._share.world_size > 1:
            refuse_without_group(plan.name, self._share)
        if seed is not None and not self._resumes:
            base_seed = next_base_seed(root_of(seed, self._terms["epoch"]))
        cursor.order_seed = order_seed
        return base_seed

    def seed_of_workers(self, base_seed: int) -> int:
        """Give the base seed of this rank's workers, which are others than those of any other."""
        return base_seed + self._share.rank * self._workers

    def follow(
        self,
        drawn: Iterator[Any],
        start: Start,
        *,
        stands: bool,
        looks_ahead: bool,
        passed: Callable[[Any], object],
    ) -> Iterator[Task]:
        """Yield this rank's tasks of a sampler that is followed.

        Args:
            drawn: An iterator over it.
            start: Where the tasks begin.
            stands: Whether the iterator stands there.
            looks_ahead: Whether it may be read further than a step.
            passed: Called with the indices of samples that have been taken already.
        """
        plan: Any = self._plan

        def agree(first: list[Any]) -> None:
            if self._speaks:
                check_drawn(plan.name, first)

        if plan.batched and plan.batch_size is None:
            sampler = Followed(drawn, stands, looks_ahead, agree, passed)
            return of_batches(sampler, self._share, start)
        ones = chain.from_iterable(drawn) if plan.batched else drawn
        sampler = Followed(ones, stands, looks_ahead, agree, passed)
        return of_samples(sampler, cut_of(plan), self._share, start)


def cut_of(plan: samplers.Plan) -> Cut:
    """Give how a plan cuts batches."""
    return Cut(plan.batch_size, plan.drop_last)
