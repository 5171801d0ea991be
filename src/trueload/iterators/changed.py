"""Tell, once for each array, that making samples changes the dataset."""

import logging
from typing import Any

from trueload.errors import DatasetChangedError
from trueload.watching.writes import Changed

logger = logging.getLogger("trueload")

_told: set[tuple[type, str]] = set()


def tell_changed(changed: Changed | None, loader_guard: str, dataset: Any) -> None:
    """Tell it.

    Args:
        changed: What was found, if anything.
        loader_guard: The loader's `guard`.
        dataset: Its dataset.

    Raises:
        DatasetChangedError: The guard is strict.
    """
    if changed is None:
        return
    if loader_guard == "strict":
        raise DatasetChangedError(changed.message)
    if (type(dataset), changed.path) not in _told:
        _told.add((type(dataset), changed.path))
        logger.warning(changed.message)
