"""Datasets of every kind that a loader takes, deterministic, some of them drawing at random.

Each writes down the calls it gets, so that laziness and the type of the indices are compared too.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

from .samples import KINDS


def draw(source: str) -> Any:
    """Draw a number from one of the three global generators, or from all."""
    if source == "python":
        return random.random()
    if source == "numpy":
        return np.random.random()
    if source == "gauss":
        return np.random.standard_normal()
    if source == "torch":
        return torch.rand(2)
    if source == "all":
        return [
            random.random(),
            np.random.randint(100),
            torch.randint(100, (1,)),
            np.random.normal(),
        ]
    return 0


class Mapped(Dataset):
    """A map-style dataset of one kind of sample.

    Args:
        length: How many samples it has.
        kind: What they are, a key of `KINDS`.
        draws: What `__getitem__` draws from; nothing when empty.
        failing: Indices whose samples cannot be read.
    """

    def __init__(
        self, length: int, kind: str = "int", draws: str = "", failing: tuple[int, ...] = ()
    ) -> None:
        self.length, self.kind, self.draws, self.failing = length, kind, draws, failing
        self.calls: list[Any] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        self.calls.append(index)
        return self.sample(index)

    def sample(self, index: Any) -> Any:
        """Make the sample of an index, or the samples of a list of them."""
        if isinstance(index, (list, tuple)):
            return [self.sample(one) for one in index]
        place = range(self.length)[index]
        if place in self.failing:
            message, code = f"sample {place} cannot be read", 5
            raise OSError(code, message)
        sample = KINDS[self.kind](place)
        return (sample, draw(self.draws)) if self.draws else sample


class Fetching(Mapped):
    """A dataset that makes a whole batch in one call."""

    def __getitems__(self, indices: Any) -> list[Any]:
        self.calls.append(("together", indices))
        extra = draw(self.draws)
        samples = [self.sample(index) for index in indices]
        return [(sample, extra) for sample in samples] if self.draws else samples


class NotFetching(Mapped):
    """A dataset that says it has no `__getitems__`."""

    __getitems__ = None


class Named(dict):
    """A dataset whose indices are strings."""


class Stream(IterableDataset):
    """An iterable dataset, in one of the ways in which people write them.

    Args:
        length: How many samples it has.
        kind: What they are.
        draws: What each sample draws from.
        told: What `len` says; `None` for no `__len__`.
        failing: The sample that cannot be read, or -1.
    """

    def __init__(
        self,
        length: int,
        kind: str = "int",
        draws: str = "",
        told: int | None = None,
        failing: int = -1,
    ) -> None:
        self.length, self.kind, self.draws, self.failing = length, kind, draws, failing
        self.told = told
        self.calls: list[Any] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.length})"

    def sample(self, index: int) -> Any:
        """Make one sample."""
        self.calls.append(index)
        if index == self.failing:
            message = f"sample {index} cannot be read"
            raise ValueError(message)
        sample = KINDS[self.kind](index)
        return (sample, draw(self.draws)) if self.draws else sample

    def __len__(self) -> int:
        if self.told is None:
            message = f"object of type {type(self).__name__!r} has no len()"
            raise TypeError(message)
        return self.told


class Generating(Stream):
    """Its `__iter__` is a generator function, which an exception ends."""

    def __iter__(self) -> Iterator[Any]:
        self.calls.append("iter")
        for index in range(self.length):
            yield self.sample(index)
        self.calls.append("end")


class Delegating(Stream):
    """Its `__iter__` draws at once and returns an iterator that goes on after an exception."""

    def __iter__(self) -> Iterator[Any]:
        self.calls.append("iter")
        first = draw(self.draws or "python")
        return ((self.sample(index), first) for index in range(self.length))


class Remembering(Stream):
    """It is its own iterator and goes on where it stopped, epoch after epoch."""

    def __iter__(self) -> Iterator[Any]:
        self.calls.append("iter")
        self.place = getattr(self, "place", 0)
        return self

    def __next__(self) -> Any:
        if self.place >= self.length:
            raise StopIteration
        self.place += 1
        return self.sample(self.place - 1)


STREAMS: tuple[Callable[..., Stream], ...] = (Generating, Delegating, Remembering)
