"""Make the arrays of a dataset read-only while samples are made, and find who writes to one.

NumPy then refuses to write at the very line that would. What a torch tensor writes is refused by
nobody; it is watched for.
"""

import linecache
import re
import warnings
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import walk_tb
from types import FrameType
from typing import Any

import numpy as np

from trueload.errors import is_installed, is_ours, place_in
from trueload.guard import Guard
from trueload.watching.arrays import arrays_of

_REFUSED = re.compile(r"read-?only|readonly|read-write|not writ", re.IGNORECASE)
_NAME = re.compile(r"\.(\w+)")


@dataclass(frozen=True, slots=True)
class Refused:
    """A write that was refused.

    Attributes:
        path: The array; empty where it is not known.
        place: The line: `train.py:15 in Photos.__getitem__`.
        text: What is written there.
    """

    path: str
    place: str
    text: str


class Frozen:
    """The arrays of a dataset that can be made read-only, and writable again.

    Args:
        dataset: The dataset.
        guard: What is left alone.
    """

    def __init__(self, dataset: Any, guard: Guard) -> None:
        found = [
            (path, array)
            for path, array in arrays_of(dataset)
            if isinstance(array, np.ndarray) and not guard.leaves_alone(path)
        ]
        mine = {id(array) for _, array in found if array.flags.writeable}
        self._arrays = {
            path: array for path, array in found if id(array) in mine and _comes_back(array, mine)
        }

    def __len__(self) -> int:
        """Say how many there are."""
        return len(self._arrays)

    @contextmanager
    def frozen(self, but: Container[str] = ()) -> Iterator[None]:
        """Keep them read-only in the block; those that were so before stay so after.

        Args:
            but: The names of those that are not; nothing stands for all of them.
        """
        chosen = () if "" in but else self._arrays.items()
        now = [array for path, array in chosen if path not in but and array.flags.writeable]
        for array in now:
            array.flags.writeable = False
        try:
            with warnings.catch_warnings():  # of torch, as samples are tensors over such arrays
                warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
                yield
        finally:
            for array in sorted(now, key=_depth):  # owners first
                array.flags.writeable = True

    def refused(self, error: BaseException, known: Container[str] = ()) -> Refused | None:
        """Give the write that an exception says was refused, or `None` if it says nothing so.

        Args:
            error: The exception.
            known: The names of arrays that are not frozen now, so that it was another one.
        """
        if not _REFUSED.search(str(error)):
            return None
        walked = walk_tb(error.__traceback__)
        frames = [pair for pair in walked if not is_ours(pair[0].f_code.co_filename)]
        own = [pair for pair in frames if not is_installed(pair[0].f_code.co_filename)]
        if not frames:
            return None
        frame, number = (own or frames)[-1]
        text = linecache.getline(frame.f_code.co_filename, number).strip()
        return Refused(self._path(frame, text, known), place_in(frame.f_code, number), text)

    def release(self, paths: set[str]) -> None:
        """Leave some arrays alone from now on; all of them, if one has no name."""
        if "" in paths:
            self._arrays.clear()
        for path in paths & self._arrays.keys():
            del self._arrays[path]

    def _path(self, frame: FrameType, text: str, known: Container[str]) -> str:
        """Find the array that a line writes to: by what its variables lie in, else by its name."""
        views = [one for one in frame.f_locals.values() if isinstance(one, np.ndarray)]
        arrays = {path: array for path, array in self._arrays.items() if path not in known}
        for path, array in arrays.items():
            if any(not one.flags.writeable and np.may_share_memory(one, array) for one in views):
                return path
        by_name = {path.rpartition(".")[2]: path for path in reversed(arrays)}
        return next((by_name[name] for name in _NAME.findall(text) if name in by_name), "")


def _depth(array: np.ndarray) -> int:
    depth, base = 0, array.base
    while isinstance(base, np.ndarray):
        depth, base = depth + 1, base.base
    return depth


def _comes_back(array: np.ndarray, mine: set[int]) -> bool:
    """Say whether an array that is made read-only can be made writable again.

    Source: `_IsWriteable` in numpy/_core/src/multiarray/flagsobject.c.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        if base.flags.owndata:
            return base.flags.writeable or id(base) in mine
        base = base.base
    try:
        with memoryview(base) as view:  # pyrefly: ignore - tried
            return not view.readonly
    except TypeError:
        return False
