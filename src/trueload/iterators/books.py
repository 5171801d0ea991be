"""The books of an epoch as it begins: what is written down, and what becomes of bad samples."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch.utils.data import BatchSampler

from trueload import samplers
from trueload.fingerprint import length_of
from trueload.guard import guard_of
from trueload.iterators.accord import cut_of
from trueload.iterators.treatment import Treatment
from trueload.ledger import Account
from trueload.order import Order
from trueload.planned import Source
from trueload.policy import Tolerance, policy_of
from trueload.progress import Cursor
from trueload.shares import Share
from trueload.state import LoaderState
from trueload.substitutes import draw_of, draw_of_rank


def tolerance_of(loader: Any) -> Tolerance | None:
    """Give what a loader's makers of batches do about samples that cannot be made."""
    policy = policy_of(loader.on_error)
    return None if policy is None else policy.tolerance


def opened(
    loader: Any, start: LoaderState, plan: samplers.Plan | None, share: Share | None
) -> Cursor:
    """Give the cursor of an epoch, with the account that a state goes on with."""
    followed = plan is not None and plan.order_of is None
    length = None if plan is None else length_of(loader.dataset)
    account = Account.unpacked(
        start.ledger,
        loader._progress.known,  # noqa: SLF001 - the loader's own part
        batches=start.batches,
        ahead=start.ahead,
        length=None if guard_of(loader.guard).is_off or not followed else length,
        rank=None if share is None else share.rank,
    )
    if plan is None and share is not None:
        account.samples = 0 if share.rank else start.position
    source = None
    if plan is not None and plan.order_of is not None:
        source = Source(plan.order_of, cut_of(plan), share)
        account.planned = 0 if account.rank else start.position
    return Cursor(
        start,
        stream=plan is None,
        followed=followed,
        account=account,
        batched=plan is None or plan.batched,
        length=length,
        source=source,
    )


def coming(loader: Any, share: Share | None) -> Cursor:
    """Give the cursor of the epoch that comes next, as a state or the beginning has it.

    Args:
        loader: The loader.
        share: The part of it that this process reads, or `None` for all of it.
    """
    progress = loader._progress  # noqa: SLF001 - the loader's own part
    start = progress.resume or LoaderState(epoch=progress.next_epoch)
    plan = samplers.plan_of(loader, start.epoch)
    size = None if plan is None else plan.batch_size
    return opened(loader, replace(start, batch_size=size), plan, share)


def treatment_of(
    loader: Any, cursor: Cursor, plan: samplers.Plan | None, share: Share | None
) -> Treatment | None:
    """Give what decides about the bad samples of an epoch, or `None` where they are raised.

    Args:
        loader: The loader.
        cursor: The cursor of the epoch.
        plan: How a map-style dataset is sampled; `None` for an iterable one.
        share: The part of the epoch that this process reads, or `None` for all of it.
    """
    if policy_of(loader.on_error) is None:
        return None
    if plan is None:
        return Treatment(loader, cursor, None, lambda: None)
    sampler = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    counts = not plan.batched or type(sampler) is BatchSampler
    samples = samplers.number_of(sampler) if counts else None
    samples = cursor.length if samples is None else samples
    draw = draw_of(sampler, batched=plan.batched)
    if share is not None:
        samples = None if samples is None else -(-samples // share.world_size)
        draw = draw_of_rank(lambda: _order_of(cursor), share)
    return Treatment(loader, cursor, samples, draw)


def _order_of(cursor: Cursor) -> Order | None:
    return None if cursor.source is None else cursor.source.order_of(cursor.order_seed)


def passed_of(cursor: Cursor, share: Share | None, *, stands: bool) -> Callable[[Any], object]:
    """Give what notes the indices that were taken before a state, as they are read again.

    Where ranks have taken them together, they are in the books of rank 0.

    Args:
        cursor: The cursor of the epoch.
        share: The part of the epoch that this process reads, or `None` for all of it.
        stands: Whether the sampler stands where the epoch goes on, so that nothing is read again.
    """
    account = cursor.account
    if stands and share is not None:
        account.planned = 0 if share.rank else cursor.start.position
        account.coverage = None if cursor.start.position else account.coverage  # a part is unknown
    coverage = account.coverage
    if coverage is None or stands or (share is not None and share.rank):
        return lambda _: None
    if share is None:
        return coverage.add

    def passed(indices: Any) -> None:
        coverage.add(indices)
        account.planned += len(indices)

    return passed
