"""Find the files that a sample comes from, to name them where the sample is at fault.

A dataset need not say it. An exception often does; else the lists of paths that datasets keep do,
or the variables of the code that raised. What is no existing file is taken for none, except where
an `OSError` says that it is missing.
"""

import logging
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import index as whole
from pathlib import PurePath
from traceback import walk_tb
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset, Subset

from trueload.errors import is_installed, is_ours
from trueload.inside import attributes, bases_of, kept, variables_of
from trueload.manifest import since
from trueload.packed import Packed

logger = logging.getLogger("trueload")

_LISTS = (list, tuple, np.ndarray, Packed)
_PATHS = (str, PurePath)
_FOLDERS = ("root", "root_dir", "data_dir", "image_dir", "img_dir", "folder", "directory", "path")
_MOST = 4
_MOST_STEPS = 8
_MOST_ITEMS = 8
_MOST_ATTRIBUTES = 100
_LONGEST_PATH = 4096
_QUOTED = re.compile(r"""(['"])(.+?)\1""")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the samples of a loader come from.

    Attributes:
        dataset: The dataset.
        manifest: What `trueload scrub` wrote of the files, or `None`.
    """

    dataset: Any
    manifest: str | None = None

    def facts(self, index: Any, error: BaseException) -> list[tuple[str, str]]:
        """Name the files of a sample for a message, and what has become of them; maybe nothing.

        What the exception says anyway is left out.
        """
        try:
            files = files_of(self.dataset, index, error)
            told = [(path, self._since(path)) for path in files]
            said = str(error)
        except Exception as trouble:  # of strange objects or a manifest that is gone
            logger.debug("the file of a sample cannot be named: %s", trouble)
            return []
        return [("file", repr(path) + what) for path, what in told if what or path not in said]

    def _since(self, path: str) -> str:
        told = "" if self.manifest is None else since(self.manifest, path)
        return f", {told}" if told else ""


def files_of(
    dataset: Any, index: Any = None, error: BaseException | None = None
) -> tuple[str, ...]:
    """Give the paths of the files that a sample comes from, as far as they are known.

    Several come where a sample has several, such as an image and its mask, and nothing says which
    of them it was. Of the dataset's own code only its `__len__` is called.

    Args:
        dataset: The dataset; a subset or several joined ones are looked through.
        index: The index of the sample; `None` if it has none.
        error: What making the sample raised, best while its traceback is alive.
    """
    ways = (_named_by(error), _said_by(error), _listed(dataset, index), _held_by(error))
    for way in ways:
        found = tuple(islice(dict.fromkeys(way), _MOST))
        if found:
            return found
    return ()


def _named_by(error: BaseException | None) -> Iterator[str]:
    """Give the files that exceptions carry, as an `OSError` does."""
    for link in _links(error):
        name = link.filename if isinstance(link, OSError) else None
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if isinstance(name, _PATHS) and str(name):
            yield str(name)
            return


def _said_by(error: BaseException | None) -> Iterator[str]:
    """Give the files whose names are quoted in what exceptions say."""
    for link in _links(error):
        for said in islice(link.args, _MOST_ITEMS):
            if isinstance(said, str):
                quoted = _QUOTED.finditer(said[:_LONGEST_PATH])
                yield from filter(_is_file, (match[2] for match in quoted))


def _links(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_STEPS):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _listed(dataset: Any, index: Any) -> Iterator[str]:
    """Give the files that the dataset's lists have at an index: `samples[i][0]`, `files[i]`."""
    try:
        dataset, place = _innermost(dataset, whole(index))
        length = len(dataset)
    except Exception:  # no number, or no length: nothing is known then
        return
    held = {} if type(dataset) in _LISTS else _held(dataset)
    folders = [held[name] for name in _FOLDERS if isinstance(held.get(name), _PATHS)]
    if not -length <= place < length:
        return
    for holder in (dataset, *islice(held.values(), _MOST_ATTRIBUTES)):
        if _has_items(holder, length):
            for part in _paths_in(holder[place]):
                yield from filter(_is_file, _within(part, folders))


def _held(dataset: Any) -> dict[str, Any]:
    """Give the attributes of a dataset, those of its classes included."""
    held = attributes(dataset)
    for kind in bases_of(type(dataset))[:-1]:
        held = held | {name: part for name, part in variables_of(kind).items() if name not in held}
    return held


def _has_items(holder: Any, length: int) -> bool:
    kind = type(holder)
    return kind in _LISTS and (kind is not np.ndarray or holder.ndim > 0) and len(holder) == length


def _innermost(dataset: Any, index: int) -> tuple[Any, int]:
    """Go down to the dataset that has the sample, and give the sample's index there."""
    for _ in range(_MOST_STEPS):
        if isinstance(dataset, Subset):
            dataset, index = dataset.dataset, whole(dataset.indices[index])
        elif isinstance(dataset, ConcatDataset):
            ends = dataset.cumulative_sizes
            index += ends[-1] if index < 0 else 0
            number = bisect_right(ends, index)
            index -= ends[number - 1] if number else 0
            dataset = dataset.datasets[number]
    return dataset, index


def _paths_in(item: Any) -> Iterator[str]:
    """Give what may be paths in an item of a list: itself, or parts of it."""
    if isinstance(item, _PATHS):
        yield str(item)
    elif type(item) in {tuple, list}:
        yield from (str(part) for part in islice(item, _MOST_ITEMS) if isinstance(part, _PATHS))
    elif type(item) is dict:
        parts = islice(item.values(), _MOST_ITEMS)
        yield from (str(part) for part in parts if isinstance(part, _PATHS))


def _within(path: str, folders: Iterable[Any]) -> Iterator[str]:
    yield path
    yield from (str(PurePath(folder, path)) for folder in folders)


def _held_by(error: BaseException | None) -> Iterator[str]:
    """Give the files that the user's code had in its variables as it raised, innermost first."""
    if error is None:
        return
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        path = frame.f_code.co_filename
        if not is_ours(path) and not is_installed(path):
            for held in reversed(list(frame.f_locals.values())):
                name = held if isinstance(held, _PATHS) else kept(held, "name")
                if isinstance(name, _PATHS) and _is_file(str(name)):
                    yield str(name)
                    return


def _is_file(path: str) -> bool:
    with suppress(OSError, ValueError):  # a name too long, a null in it
        return 0 < len(path) < _LONGEST_PATH and os.path.isfile(path)  # noqa: PTH113 - a tenth
    return False
