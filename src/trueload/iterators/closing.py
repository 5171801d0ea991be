"""What is told as an epoch begins and ends: what does not add up, and how many samples were bad."""

import logging
from typing import Any

from trueload import balance
from trueload.balance import Unbalanced
from trueload.errors import LedgerError, NoneSampleError, TrueloadError, count, render, several
from trueload.guard import Guard, guard_of
from trueload.iterators.telling import tell
from trueload.policy import policy_of
from trueload.progress import Cursor
from trueload.tasks import Task

logger = logging.getLogger("trueload")

_NAMED = 3
_REPEATS_HINT = 'count by `loader.taken.mask`, or choose with `even="drop"` or `even="pad"`'
_NONES_HINT = (
    '`on_error="skip"` leaves such samples out and names them, "replace" keeps the size of the '
    "batch; they are counted in `loader.ledger`"
)


def tell_beginning(cursor: Cursor, loader: Any) -> None:
    """Tell what does not add up before the first batch.

    Raises:
        LedgerError: Something does not, and the guard is strict.
    """
    if not (cursor.stream or guard_of(loader.guard).is_off):
        for found in balance.at_the_beginning(loader):
            _tell(cursor, loader, found)


def tell_reread(cursor: Cursor, loader: Any) -> None:
    """Tell that a sampler, read again for a resumed epoch, gave other indices than before.

    Raises:
        LedgerError: It did, and the guard is strict.
    """
    account = cursor.account
    coverage, expected = account.coverage, account.expected
    if coverage is None or expected is None:
        return
    coverage.enter()
    if not coverage.opaque and coverage.digest != expected[1]:
        _tell(cursor, loader, balance.reread(loader, expected[0]))


def tell_nones(cursor: Cursor, task: Task, nones: int, loader: Any) -> None:
    """Tell that a collate function of the user's own got samples that are `None`.

    Raises:
        NoneSampleError: It did, and the guard is strict.
    """
    cursor.account.nones += nones
    if nones and loader is not None:
        who = loader.collate_fn
        name = getattr(who, "__qualname__", type(who).__qualname__)
        what = f"{several(nones, 'sample')} {'was' if nones == 1 else 'were'} `None`"
        title = f"{what} and left to `collate_fn`, which made a batch of the others"
        facts = [
            ("collate_fn", name),
            ("dataset", type(loader.dataset).__qualname__),
            ("batch", f"{count(task.batch)} of epoch {task.epoch}"),
        ]
        site = ("TL218", type(loader.dataset), name)
        tell(site, render(title, "TL218", facts, _NONES_HINT), loader.guard, NoneSampleError)


def end_epoch(cursor: Cursor, guard: str | Guard, dataset: Any) -> None:
    """Note that an epoch has ended, and tell of a repeated batch that nobody may have noticed."""
    cursor.finished = True
    task, cursor.repeat = cursor.repeat, None
    if task is not None and not guard_of(guard).is_silent_about("TL512"):
        facts = [
            ("batch", f"{count(task.batch)} of epoch {task.epoch}"),
            ("counts", f"0 of its {several(task.size, 'sample')}"),
        ]
        title = "the last batch repeats what another rank has, as nothing was left for this rank"
        tell(
            (type(dataset), "TL512"),
            render(title, "TL512", facts, _REPEATS_HINT),
            "on",
            TrueloadError,
        )


def tell_end(cursor: Cursor, loader: Any) -> None:
    """Tell, at the end of an epoch, how many samples were bad, and what does not add up.

    Args:
        cursor: The cursor of the epoch.
        loader: The loader, or `None` if it is gone.

    Raises:
        LedgerError: Something does not add up, and the guard is strict.
    """
    is_new, cursor.is_closed, cursor.finished = not cursor.is_closed, True, True
    if loader is None or not is_new:
        return
    _tell_bad(cursor, loader)
    if not guard_of(loader.guard).is_off:
        for found in _found_at_the_end(cursor, loader):
            _tell(cursor, loader, found)


def _found_at_the_end(cursor: Cursor, loader: Any) -> list[Unbalanced]:
    promised = loader._progress.promised.get(cursor.start.epoch)  # noqa: SLF001 - the loader's own
    batches, account = cursor.batches(), cursor.account
    if cursor.stream:
        name = type(loader.dataset).__qualname__
        if promised is None or batches >= promised or account.bad:
            return []
        return [balance.stream_of_another_length(name, batches, promised)]
    coverage, shared = account.coverage, account.rank is not None
    found = balance.at_the_end(
        loader, batches=batches, promised=promised, coverage=coverage, shared=shared
    )
    return list(found)


def _tell(cursor: Cursor, loader: Any, found: Unbalanced) -> None:
    cursor.account.findings.append(found.message)
    if found.on_purpose:
        logger.info(found.message)
    else:
        tell(found.site, found.message, loader.guard, LedgerError)


def _tell_bad(cursor: Cursor, loader: Any) -> None:
    """Sum up the bad samples of an epoch: nothing is left out in silence, whatever the guard."""
    account, policy = cursor.account, policy_of(loader.on_error)
    if policy is None or policy.action == "raise" or not account.bad:
        return
    skipped, replaced = account.number("skipped"), account.number("replaced")
    taken = cursor.ledger().counts
    gone = " and ".join(
        f"{count(number)} {kind}"
        for number, kind in ((skipped, "skipped"), (replaced, "replaced"))
        if number
    )
    title = f"epoch {cursor.start.epoch} had {several(account.bad, 'bad sample')}, {gone or 'lost'}"
    indices = [str(one.index) for one in account.entries if one.index is not None]
    facts = [
        ("delivered", several(taken.delivered, "sample")),
        ("indices", ", ".join(indices[:_NAMED]) + ", ..." * (len(indices) > _NAMED)),
        ("raised", account.raised),
        ("file", "" if policy.quarantine is None else str(policy.quarantine)),
    ]
    logger.warning(render(title, "TL215", facts))
