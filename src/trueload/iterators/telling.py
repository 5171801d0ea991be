"""Tell what silently goes wrong while a loader runs: once for each site, or as an error."""

import logging
from collections.abc import Hashable
from typing import Any

from trueload.errors import DatasetChangedError, TrueloadError, code_of
from trueload.guard import Guard, guard_of
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
