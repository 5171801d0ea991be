"""Prove that a sample changes what the dataset gives, and say which.

A write alone means little: a cache is filled, a scratch buffer used. So a sample is made again,
with the same draws each time: one that writes, comes out otherwise the second time, and as before
once what it wrote is put back, changes what the dataset gives.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from trueload.blame import Blame
from trueload.errors import render
from trueload.generators import kept
from trueload.ownership import owned
from trueload.recipe import Randomness, Recipe
from trueload.reuse import is_same
from trueload.seeds import preserved
from trueload.tasks import Task
from trueload.watching.lines import Line

Make = Callable[[], Any]
EACH, COMMON = Randomness(0, each_sample=True), Randomness(0, each_sample=False)
_HINT = (
    "copy what `__getitem__` changes, as by `x = x - mean` instead of `x -= mean`, or do it in "
    "`transform=`, which gets a sample of its own"
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A sample whose making changes the dataset.

    Attributes:
        path: What is written to.
        message: What is told.
    """

    path: str
    message: str


class Memory(Protocol):
    """Memory that can be made what it was."""

    def put_back(self) -> None:
        """Make it what it was."""


@contextmanager
def undisturbed(recipe: Recipe, *memory: Memory) -> Iterator[None]:
    """Leave generators, and some memory, as they were before the block."""
    with preserved(), kept(recipe.generators()):
        try:
            yield
        finally:
            for one in memory:
                one.put_back()


def attempts(
    recipe: Recipe, tasks: Iterable[Task], first: Container[Any] = ()
) -> Iterator[tuple[Blame, Make]]:
    """Give ways to make samples of some batches again, one by one, then the batches.

    Args:
        recipe: What makes them.
        tasks: The batches.
        first: The indices of samples to begin with.
    """
    known = list(tasks)
    samples = [(task, row) for task in known for row in range(task.size)]
    if first:
        samples.sort(key=lambda one: _index(*one) not in first)
    for task, row in samples:
        yield Blame(task, "fetch", row=row), partial(recipe.sample, task, EACH, row)
    for task in known:
        yield Blame(task, "collate"), partial(recipe.make, task, COMMON)


def _index(task: Task, row: int) -> Any:
    return task.indices[row] if isinstance(task.indices, list | np.ndarray) else task.indices


Touched = TypeVar("Touched")


def proved(make: Make, memory: Memory, touched: Callable[[], Touched]) -> tuple[Touched, bool]:
    """Make something again, and once more, and again after what it wrote is put back.

    Args:
        make: Makes it.
        memory: What it may write to.
        touched: Asked after the first time what it wrote; nothing else is done if that is nothing.

    Returns:
        What it wrote, and whether that changes what is made.
    """
    memory.put_back()
    first = made(make)
    what = touched()
    if not what:
        return what, False
    second = made(make)
    memory.put_back()
    return what, not is_same(first, second) and is_same(first, made(make))


def made(make: Make) -> Any:
    """Make something, in memory of its own."""
    return owned([make()], "always")


def told(blame: Blame, path: str, facts: Sequence[tuple[str, str]], line: Line | None) -> Changed:
    """Word that a sample changes the dataset.

    Args:
        blame: Which sample.
        path: What it writes to.
        facts: What that is.
        line: The line that writes, if it was found.
    """
    more = [
        *facts,
        *blame.facts(),
        ("at", line.place if line else ""),
        ("line", line.text if line else ""),
        ("effect", "with `num_workers=0` or persistent workers it goes on from epoch to epoch"),
    ]
    title = f"{blame.subject()} changes the dataset in place"
    return Changed(path, render(title, "TL301", more, _HINT))
