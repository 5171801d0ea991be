"""Notice that several workers read the same stream: every sample then comes once for each of them.

As with torch, each worker has the whole of an iterable dataset and must be told which part is its
own. If nobody asked in which worker it runs, and two workers begin with the same batch, nobody did.
"""

import logging
from typing import Any

from trueload.errors import DuplicateError, render
from trueload.guard import guard_of

logger = logging.getLogger("trueload")


class Doubt:
    """The doubt whether the stream of a loader is split over its workers.

    Args:
        loader: The loader.
    """

    def __init__(self, loader: Any) -> None:
        self._count, self._name = loader.num_workers, type(loader.dataset).__qualname__
        guard = guard_of(loader.guard)
        self._strict = guard.is_strict
        self._silent = guard.is_silent_about("TL208") or loader.worker_init_fn is not None
        self._digests: dict[bytes, int] = {}

    def hear(self, worker: int | None, digest: bytes | None) -> None:
        """Hear of the first batch of a worker that may not know which part is its own.

        Raises:
            DuplicateError: It is that of another worker, and the guard is strict.
        """
        if digest is None or worker is None or self._silent:
            return
        other = self._digests.setdefault(digest, worker)
        if other == worker:
            return
        self._silent = True
        if self._strict:
            raise DuplicateError(self._told(other, worker))
        logger.warning(self._told(other, worker))

    def _told(self, one: int, other: int) -> str:
        title = f"every sample comes {self._count} times: each worker reads all of {self._name}"
        facts = [("evidence", f"workers {one} and {other} begin with the same batch")]
        return render(title, "TL208", facts, _HINT)


_HINT = (
    'pass `shard="workers"`, or give each worker its part in `__iter__` by '
    "`torch.utils.data.get_worker_info()`"
)
