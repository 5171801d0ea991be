"""Run one script over a loader class and write down all that can be seen of it.

What is seen is a list of events: batches, exceptions, lengths, warnings, the calls that the dataset
got, and the states of all random generators after each step. Two loader classes are on a par when
their events are equal.
"""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import trueload

from .compare import difference

TORCH: Any = torch.utils.data.DataLoader
OURS: Any = trueload.DataLoader
MOST = 9
"""Batches that a step takes of an epoch at most: samplers may be endless."""

Step = tuple[str, int]


@dataclass
class Setup:
    """A loader to build: called once for each class, so that nothing is shared.

    Attributes:
        build: Builds a loader of the class it is given; returns it, its dataset and a generator
            to look at, or `None`.
        told: What was drawn, for the report of a failure.
        seed: Seeds the global generators before it is built.
    """

    build: Callable[[Any], tuple[Any, Any, torch.Generator | None]]
    told: str = ""
    seed: int = 0

    def __repr__(self) -> str:
        return f"Setup({self.told}, seed={self.seed})"


@dataclass
class Seen:
    """What was seen."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    note: list[str] = field(default_factory=list)

    def add(self, kind: str, value: Any = None) -> None:
        """Write an event down."""
        self.events.append((kind, value))


def seed_all(seed: int) -> None:
    """Seed the three global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def states(generator: torch.Generator | None = None) -> dict[str, Any]:
    """Read the states of the global generators, and of one more."""
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.default_generator.get_state(),
        "generator": None if generator is None else generator.get_state(),
    }


def observe(loader_class: Any, setup: Setup, steps: list[Step]) -> Seen:
    """Build a loader and take steps with it."""
    seen = Seen()
    seed_all(setup.seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _run(loader_class, setup, steps, seen)
    # What other tests have left to the collector is not this one's.
    told = [warned for warned in caught if warned.category is not ResourceWarning]
    seen.add("warnings", [(warned.category, str(warned.message)) for warned in told])
    return seen


def assert_same(setup: Setup, steps: list[Step]) -> Seen:
    """Run the same steps over torch's loader and ours and compare all that was seen."""
    theirs = observe(TORCH, setup, steps)
    ours = observe(OURS, setup, steps)
    for number, pair in enumerate(zip(theirs.events, ours.events, strict=False)):
        kind = "/".join({event[0] for event in pair})
        found = difference(*pair, at=f"event {number} ({kind})")
        assert not found, f"torch's against ours: {found}\n{setup}\n{steps}"
    assert len(theirs.events) == len(ours.events)
    return ours


def _run(loader_class: Any, setup: Setup, steps: list[Step], seen: Seen) -> None:
    with _told(seen):
        loader, dataset, generator = setup.build(loader_class)
        seen.add("generators", states(generator))
        for step, count in steps:
            seen.add("step", step)
            with _told(seen):
                _STEPS[step](loader, count, seen)
            seen.add("generators", states(generator))
        seen.add("calls", list(getattr(dataset, "calls", ())))


@contextmanager
def _told(seen: Seen) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        seen.add("error", (type(error), [_plain(arg) for arg in error.args]))


def _plain(value: Any) -> Any:
    return value.splitlines()[0] if isinstance(value, str) and value else value


def _take(iterator: Any, count: int, seen: Seen) -> bool:
    """Take batches; go on after an exception, as a loop that catches it would."""
    for _ in range(count):
        try:
            seen.add("batch", next(iterator))
        except StopIteration:
            seen.add("end")
            return False
        except Exception as error:
            seen.add("error", (type(error), [_plain(arg) for arg in error.args]))
    return True


def _epoch(loader: Any, _: int, seen: Seen) -> None:
    _take(iter(loader), MOST, seen)


def _partial(loader: Any, count: int, seen: Seen) -> None:
    _take(iter(loader), count, seen)


def _two(loader: Any, count: int, seen: Seen) -> None:
    one, other = iter(loader), iter(loader)
    for _ in range(count):
        _take(one, 1, seen)
        _take(other, 2, seen)


def _again(loader: Any, _: int, seen: Seen) -> None:
    iterator = iter(loader)
    if not _take(iterator, MOST, seen):
        _take(iterator, 2, seen)


def _unused(loader: Any, _: int, seen: Seen) -> None:
    iter(loader)
    seen.add("unused")


def _length(loader: Any, _: int, seen: Seen) -> None:
    seen.add("length", len(loader))


def _iterator_length(loader: Any, _: int, seen: Seen) -> None:
    seen.add("length", len(iter(loader)))


def _draws(_loader: Any, count: int, seen: Seen) -> None:
    """Draw as a training loop would; an odd number of Gaussians leaves one spare."""
    seen.add("drawn", [random.random() for _ in range(count)])
    seen.add("drawn", [random.gauss(0, 1) for _ in range(count)])
    seen.add("drawn", np.random.standard_normal(count))
    seen.add("drawn", torch.randn(count))


_STEPS: dict[str, Callable[[Any, int, Seen], None]] = {
    "epoch": _epoch,
    "partial": _partial,
    "two iterators": _two,
    "past the end": _again,
    "iterator not used": _unused,
    "length": _length,
    "length of the iterator": _iterator_length,
    "draws": _draws,
}
STEPS = tuple(_STEPS)
