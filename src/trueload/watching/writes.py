"""Find out whether making samples changes the dataset, and which sample it was.

`x = self.images[index]; x -= mean` writes to the dataset: the next epoch begins with other data.
The pages of the dataset's arrays are watched. A write alone means little: a cache is filled, a
scratch buffer used. So the samples of the batch are made again, each with the same draws: one that
writes, comes out otherwise the second time, and as before once what it wrote is put back, changes
what the dataset gives. What was written meanwhile is put back.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from trueload.blame import Blame
from trueload.errors import count, render
from trueload.generators import kept
from trueload.guard import Guard
from trueload.ownership import owned
from trueload.recipe import Randomness, Recipe
from trueload.reuse import is_same
from trueload.seeds import preserved
from trueload.tasks import Task
from trueload.watching.arrays import Kept, kept_by
from trueload.watching.lines import Line, line_that
from trueload.watching.pages import Pages, Span, pages_of
from trueload.watching.saved import Saved

logger = logging.getLogger("trueload")

_FIRST_SECONDS, _FIRST_SECONDS_TO_EXPLAIN = 0.01, 2.0
"""How much more time may go into it at first."""

_PARTS_TO_LOOK, _PARTS_TO_EXPLAIN = 0.5, 5.0
"""How many times the guard's share of the time each may take."""

_MOST_TASKS = 64
_MOST_SECONDS = 2.0
_MOST_DOUBTS = 3
"""What is written to so often and gives the same nevertheless is a cache, or scratch memory."""
_NAMED_ROWS = 4
_HINT = (
    "copy what `__getitem__` changes, as by `x = x - mean` instead of `x -= mean`, or do it in "
    "`transform=`, which gets a sample of its own"
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A sample whose making changes the dataset.

    Attributes:
        path: The array that is written to.
        message: What is told.
    """

    path: str
    message: str


class Budget:
    """How much time may go into looking, and into explaining what was seen.

    Attributes:
        share: The guard's share of the time.
    """

    def __init__(self, share: float = 0.01) -> None:
        self.share = share
        self._since = time.perf_counter()
        self._look_seconds, self._explain_seconds = _FIRST_SECONDS, _FIRST_SECONDS_TO_EXPLAIN

    def allows(self, now: float) -> bool:
        """Say whether there may be a look now, by `time.perf_counter`."""
        passed, self._since = now - self._since, now
        self._look_seconds += passed * self.share * _PARTS_TO_LOOK
        self._explain_seconds += passed * self.share * _PARTS_TO_EXPLAIN
        return self._look_seconds > 0 and self._explain_seconds > 0

    def spend(self, look_seconds: float, explain_seconds: float) -> None:
        """Put down what was spent."""
        self._look_seconds -= look_seconds
        self._explain_seconds -= explain_seconds


class Watch:
    """Watches a dataset while its batches are made.

    Args:
        recipe: What makes them; its dataset's arrays are looked for now.
        forked: Whether this process was forked from the one that made the dataset.
        guard: What is not looked at.
        budget: How much time it may take; one of its own if left out.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        forked: bool,
        guard: Guard | None = None,
        budget: Budget | None = None,
    ) -> None:
        guard = guard or Guard()
        self._recipe, self._forked = recipe, forked
        self._budget = budget or Budget(guard.budget_share)
        arrays = kept_by(recipe.dataset)
        self._arrays = [array for array in arrays if not guard.leaves_alone(array.path)]
        self._tasks: deque[Task] = deque(maxlen=_MOST_TASKS)
        self._doubts: dict[str, int] = {}
        self._pages: Pages | None = None
        self._begin()

    def _begin(self) -> None:
        self.close()
        spans = [array.pages for array in self._arrays]
        self._pages = pages_of(spans, forked=self._forked) if spans else None

    def close(self) -> None:
        """Watch no longer."""
        pages, self._pages = self._pages, None
        if pages is not None:
            pages.close()

    def look(self, task: Task) -> Changed | None:
        """Look, now and then, what was written since the last time; a batch was made just now."""
        if self._pages is None:
            return None
        self._tasks.append(task)
        begun = time.perf_counter()
        if not self._budget.allows(begun):
            return None
        written = self._written()
        looked = time.perf_counter()
        found = self._found(written) if written else None
        self._tasks.clear()
        self._budget.spend(looked - begun, time.perf_counter() - looked)
        return found

    def _found(self, written: list[Span]) -> Changed | None:
        """Make the samples again, until one is found that explains what was written."""
        asked = {array.path: array for array in self._arrays if array.is_in(written)}
        saved = Saved(asked.values(), written)
        with ExitStack() as stack:
            stack.enter_context(preserved())
            stack.enter_context(kept(self._recipe.generators()))
            stack.callback(saved.put_back)
            try:
                found = self._explained(saved, asked)
            except Exception as error:  # of the user's code, which is told when it is asked for
                logger.debug("a sample could not be made again: %s", error)
                return None
        self._written()  # what was put back
        for path in asked:
            self._doubts[path] = self._doubts.get(path, 0) + 1
        gone = [path for path, doubts in self._doubts.items() if doubts >= _MOST_DOUBTS]
        self._drop(gone if found is None else [*gone, found.path])
        return found

    def _explained(self, saved: Saved, asked: dict[str, Kept]) -> Changed | None:
        """Look for a sample, or else for a whole batch, that explains what was written.

        Args:
            saved: What was written.
            asked: The arrays that it was written to; those that turn out to be harmless go.
        """
        deadline = time.monotonic() + _MOST_SECONDS
        each, common = Randomness(0, each_sample=True), Randomness(0, each_sample=False)
        tasks = list(reversed(self._tasks))
        samples = [
            (Blame(task, "fetch", row=row), partial(self._recipe.sample, task, each, row))
            for task in tasks
            for row in range(task.size)
        ]
        whole = self._recipe.make
        batches = [(Blame(task, "collate"), partial(whole, task, common)) for task in tasks]
        for blame, make in [*samples, *batches]:
            if not asked or time.monotonic() > deadline:
                return None
            found = self._tried(make, saved, asked)
            if found is not None:
                saved.put_back()
                array, rows = found
                line = line_that(partial(saved.has_changed, array), make)
                return self._told(blame, array, rows, line)
        return None

    def _tried(
        self, make: Callable[[], Any], saved: Saved, asked: dict[str, Kept]
    ) -> tuple[Kept, list[int]] | None:
        """Give the array and its rows that something changes, and with it what is made of it."""
        saved.put_back()
        first = owned([make()], "always")
        rows = {array.path: saved.changed_rows(array) for array in asked.values()}
        touched = [array for array in asked.values() if rows[array.path]]
        if not touched:
            return None
        second = owned([make()], "always")
        saved.put_back()
        third = owned([make()], "always")
        if is_same(first, third) and not is_same(first, second):
            array = min(touched, key=lambda one: self._doubts.get(one.path, 0))
            return array, rows[array.path]
        for array in touched:
            self._doubts[array.path] = self._doubts.get(array.path, 0) + 1
            if self._doubts[array.path] >= _MOST_DOUBTS:
                del asked[array.path]
        return None

    def _written(self) -> list[Span]:
        return [] if self._pages is None else self._pages.written()

    def _drop(self, paths: list[str]) -> None:
        """Watch some arrays no longer."""
        if paths:
            self._arrays = [array for array in self._arrays if array.path not in paths]
            for path in paths:
                self._doubts.pop(path, None)
            self._begin()

    def _told(self, blame: Blame, array: Kept, rows: list[int], line: Line | None) -> Changed:
        named = ", ".join(map(count, rows[:_NAMED_ROWS])) + ", ..." * (len(rows) > _NAMED_ROWS)
        facts = [
            ("array", array.describe()),
            ("row" if len(rows) == 1 else "rows", named),
            *blame.facts(),
            ("at", line.place if line else ""),
            ("line", line.text if line else ""),
            ("effect", "with `num_workers=0` or persistent workers it goes on from epoch to epoch"),
        ]
        title = f"{blame.subject()} changes the dataset in place"
        return Changed(array.path, render(title, "TL301", facts, _HINT))

    def __del__(self) -> None:
        """Watch no longer."""
        self.close()
