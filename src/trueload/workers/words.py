"""Some 64-bit words that several processes share."""

import mmap
import os
from multiprocessing.reduction import DupFd
from typing import Any


class Words:
    """Shared memory of 64-bit words, in a file without a name.

    A forked process inherits it. It can be pickled while a process is started anew.

    Args:
        count: How many words.

    Attributes:
        view: The words, signed.
        file: The descriptor of the file, which also serves for locks.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.file = os.memfd_create("trueload-words", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.file, count * 8)
            self._map()
        except OSError:
            self.close()
            raise

    def _map(self) -> None:
        self.view = memoryview(mmap.mmap(self.file, self._count * 8)).cast("q")

    def __getstate__(self) -> tuple[int, Any]:
        """Take the descriptor along to the process that is being started."""
        return self._count, DupFd(self.file)

    def __setstate__(self, state: tuple[int, Any]) -> None:
        self._count, descriptor = state
        self.file = descriptor.detach()
        self._map()

    def close(self) -> None:
        """Give the descriptor back; the words stay."""
        os.close(self.file)
