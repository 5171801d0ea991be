"""What is seen in the workers of a loader, brought home to the process that started them.

Workers are ended in any way there is, so what they see is written down at once: into a file without
a name, which they inherit. Each fact is one write at its end, so that none is torn.
"""

import fcntl
import os
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from trueload.evidence import Run

_LENGTH_BYTES: Final = 4
_MOST_BYTES: Final = 1 << 20


class Notes:
    """Facts that were written down, by whatever process."""

    def __init__(self) -> None:
        self._file, path = tempfile.mkstemp(prefix="trueload-")
        os.unlink(path)  # noqa: PTH108 - whoever inherits the file has it still
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
        self._read = 0

    def __del__(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def write(self, fact: Any) -> None:
        """Write a fact down; a loader in it is one of the run's."""
        said = pickle.dumps(fact)
        if os.fstat(self._file).st_size < _MOST_BYTES:
            os.write(self._file, len(said).to_bytes(_LENGTH_BYTES, "little") + said)

    def read(self, run: Run) -> Iterator[Any]:
        """Yield the facts that are new, with the run's own loaders."""
        data = os.pread(self._file, _MOST_BYTES * 2, self._read)
        while data:
            end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
            fact = pickle.loads(data[_LENGTH_BYTES:end])  # noqa: S301 - our own workers wrote it
            self._read, data = self._read + end, data[end:]
            yield replace(fact, loader=run.loaders[fact.loader.number])
