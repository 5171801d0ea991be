"""Tell what silently goes wrong while a loader runs: once for each site, or as an error."""

import logging
from collections.abc import Hashable
from typing import Any

from trueload.errors import DatasetChangedError, TrueloadError, code_of, count, render, several
from trueload.guard import Guard, guard_of
from trueload.progress import Cursor
from trueload.watching.writes import Changed

logger = logging.getLogger("trueload")

_told: set[Hashable] = set()


def tell(site: Hashable, message: str, guard: str | Guard, error: type[TrueloadError]) -> None:
    """Tell it as a warning, once for each site in a process, or raise it each time.

    Args:
        site: What it is about, such as an array of a type of dataset.
        message: What `errors.render` gave.
        guard: The loader's `guard`: "off" is silent, "strict" raises; codes in its `ignore` are
            not told.
        error: What "strict" raises.

    Raises:
        TrueloadError: The guard is strict.
    """
    guard = guard_of(guard)
    if guard.is_silent_about(code_of(message)):
        return
    if guard.is_strict:
        raise error(message)
    if site not in _told:
        _told.add(site)
        logger.warning(message)


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
        tell((type(dataset), "TL512"), render(title, "TL512", facts, _REPEATS), "on", TrueloadError)


_REPEATS = 'count by `loader.taken.mask`, or choose with `even="drop"` or `even="pad"`'


def note(site: Hashable, message: str, guard: str | Guard) -> None:
    """Tell what was seen to, or is often on purpose, at level INFO: once for each site.

    Args:
        site: What it is about.
        message: What `errors.render` gave.
        guard: The loader's `guard`.
    """
    silent = guard_of(guard).is_silent_about(code_of(message))
    if not silent and (site, "noted") not in _told and logger.isEnabledFor(logging.INFO):
        _told.add((site, "noted"))
        logger.info(message)


def tell_changed(changed: Changed | None, guard: str | Guard, dataset: Any) -> None:
    """Tell that making samples changes the dataset, once for each array.

    Args:
        changed: What was found, if anything.
        guard: The loader's `guard`.
        dataset: Its dataset.

    Raises:
        DatasetChangedError: The guard is strict.
    """
    if changed is not None:
        tell((type(dataset), changed.path), changed.message, guard, DatasetChangedError)
