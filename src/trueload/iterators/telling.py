"""Tell what silently goes wrong while a loader runs: once for each site, or as an error."""

import logging
from collections.abc import Hashable
from typing import Any

from trueload.errors import DatasetChangedError, TrueloadError
from trueload.watching.writes import Changed

logger = logging.getLogger("trueload")

_told: set[Hashable] = set()


def tell(site: Hashable, message: str, guard: str, error: type[TrueloadError]) -> None:
    """Tell it as a warning, once for each site in a process, or raise it each time.

    Args:
        site: What it is about, such as an array of a type of dataset.
        message: What `errors.render` gave.
        guard: The loader's `guard`: "off" is silent, "strict" raises.
        error: What "strict" raises.

    Raises:
        TrueloadError: The guard is strict.
    """
    if guard == "strict":
        raise error(message)
    if guard != "off" and site not in _told:
        _told.add(site)
        logger.warning(message)


def tell_changed(changed: Changed | None, guard: str, dataset: Any) -> None:
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
