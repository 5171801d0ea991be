"""Make a sample again and compare: does it depend on what was read before, or on who reads it?

A sample that is read twice by one process, with another one read in between and the same draws each
time, must come out the same. Where it does not, it may draw from a generator that nobody keys, or
ask the time: that is no fault. But if it comes out as at first once what the dataset holds is put
back, then it depends on what was read before.

What two processes read is compared in the loader's process. A digest of each leaf is all it needs.
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import get_worker_info

from trueload.blame import Blame
from trueload.errors import render
from trueload.guard import Guard
from trueload.mixing import derive
from trueload.recipe import Recipe
from trueload.reuse import is_same
from trueload.tasks import Task, listed
from trueload.tree import ATOMS, leaves
from trueload.watching.arrays import over_tensor
from trueload.watching.contents import Contents, contents_near
from trueload.watching.pieces import DICTS, Piece
from trueload.watching.proof import EACH, Changed, Make, Memory, made, undisturbed

logger = logging.getLogger("trueload")

_MOST_CULPRITS = 8
_MOST_CHARACTERS = 60
_KEY = 0x5EED


class Read(NamedTuple):
    """A sample as one process reads it, each time the same.

    Attributes:
        task: The sample, and another one that was read in between.
        digests: A digest of each leaf, by its name.
        worker: The number of the worker, or -1.
        pid: The process.
        at_ns: When, by a clock that all processes share.
    """

    task: Task
    digests: tuple[tuple[str, bytes], ...]
    worker: int
    pid: int
    at_ns: int


class Chosen:
    """Chooses a share of the samples, evenly spread, by their place in the order alone.

    Args:
        share: The share.
    """

    def __init__(self, share: float) -> None:
        self._share, self._due = share, 0.0

    def of(self, task: Task) -> list[Task]:
        """Give those of a batch, each with another one of it."""
        self._due += task.size * self._share
        chosen: list[Task] = []
        while self._due >= 1:
            self._due -= 1
            chosen.append(_pair(task, (derive(_KEY, task.position) + len(chosen)) % task.size))
        return chosen


def _pair(task: Task, row: int) -> Task:
    """Give the task of a sample of a batch and of one beside it."""
    indices = listed(task.indices)
    if task.size == 1 or not isinstance(indices, list):
        return task._replace(indices=indices)
    two = [indices[row], indices[row - 1]]
    return task._replace(indices=two, position=task.position + row, size=2)


class Rereads:
    """Makes samples again, in one process.

    Args:
        recipe: What makes them.
        guard: What is not looked at.
    """

    def __init__(self, recipe: Recipe, guard: Guard) -> None:
        self._recipe, self._guard = recipe, guard

    def read(self, task: Task, others: Iterable[Memory]) -> Read | Changed | None:
        """Make a sample several times.

        Args:
            task: The sample, and maybe another one.
            others: What is to be put back afterwards, beside what the dataset holds.

        Returns:
            The sample; or what it depends on beside its index; or nothing, where it differs each
            time for another reason.
        """
        contents = contents_near(self._recipe.dataset, [task], self._guard)
        with undisturbed(self._recipe, contents, *others):
            try:
                return self._compared(task, contents)
            except Exception as error:  # of the user's code, which is told when it is asked for
                logger.debug("a sample could not be made again: %s", error)
                return None

    def _compared(self, task: Task, contents: Contents) -> Read | Changed | None:
        make: Make = partial(self._recipe.sample, task, EACH, 0)
        first = made(make)
        between = partial(self._recipe.sample, task, EACH, task.size - 1)
        between()
        second = made(make)
        if is_same(first, second):
            info = get_worker_info()
            worker = -1 if info is None else info.id
            return Read(task, digests_of(first), worker, os.getpid(), time.monotonic_ns())
        changed = contents.changed()
        contents.put_back()
        if not changed or not is_same(first, made(make)):
            return None
        culprit = changed[0]
        for piece in changed[:_MOST_CULPRITS] if len(changed) > 1 else ():
            contents.put_back()
            make(), between()
            piece.put_back()
            if is_same(first, made(make)):
                culprit = piece
                break
        contents.put_back()
        make(), between()
        return _told(task, culprit)


def digests_of(sample: Any) -> tuple[tuple[str, bytes], ...]:
    """Give a digest of each leaf of a sample that can be compared between processes."""
    found = ((name, _content(leaf)) for name, leaf in leaves(sample, "sample"))
    return tuple(
        (name, hashlib.blake2b(content, digest_size=8).digest())
        for name, content in found
        if content is not None
    )


def _content(leaf: Any) -> bytes | None:
    if isinstance(leaf, torch.Tensor):
        array = over_tensor(leaf)
        return None if array is None else f"{leaf.dtype} {array.shape}".encode() + array.tobytes()
    if isinstance(leaf, np.ndarray) and not leaf.dtype.hasobject:
        return f"{leaf.dtype} {leaf.shape}".encode() + leaf.tobytes()
    if isinstance(leaf, np.generic):
        return f"{leaf.dtype}".encode() + leaf.tobytes()
    if type(leaf) in ATOMS:
        return f"{type(leaf).__name__} {leaf!r}".encode()
    return None


def _told(task: Task, piece: Piece) -> Changed:
    """Word that a sample depends on what was read before, now that this has changed."""
    path, was, is_now = _difference(piece)
    facts = [
        ("state", path),
        ("was", was),
        ("is", is_now),
        *Blame(task, "fetch", row=0).facts(),
        ("effect", "the sample differs between epochs, and with the number of workers"),
    ]
    title = f"{Blame(task, 'fetch', row=0).subject()} depends on what was read before it"
    return Changed(path, render(title, "TL341", facts, _HINT))


def _difference(piece: Piece) -> tuple[str, str, str]:
    """Name the part that has changed, with what it was and what it is."""
    thing, held = piece.thing, piece.held
    if piece.is_array:
        return f"{piece.path}, {piece.dtype} {thing.shape}", "", ""
    is_dictionary = type(thing) in DICTS
    now = thing if is_dictionary or not hasattr(thing, "__dict__") else vars(thing)
    if isinstance(now, dict):
        for key, value in now.items():
            if key not in held or held[key] is not value:
                step = f"[{key!r}]" if is_dictionary else f".{key}"
                return piece.path + step, _shown(held.get(key, "")), _shown(value)
    return piece.path, _shown(held), _shown(now)


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " ..."


_HINT = (
    "let it depend on its index alone; what is to be random may draw from `random`, NumPy or "
    "torch, or from generators that the dataset owns: these are keyed"
)
