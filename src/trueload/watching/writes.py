"""Find out whether making samples writes to the dataset's arrays, and which sample it was.

`x = self.images[index]; x -= mean` writes to the dataset: the next epoch begins with other data.
The pages of the dataset's arrays are watched. When one was written to, the samples made lately are
made again, until one is found that is proved to change what the dataset gives. What was written
meanwhile is put back.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain

from trueload.blame import Blame
from trueload.errors import count
from trueload.fingerprint import length_of
from trueload.guard import Guard
from trueload.recipe import Recipe
from trueload.tasks import Task
from trueload.watching.arrays import Kept, kept_by
from trueload.watching.budget import Experience
from trueload.watching.contents import contents_near
from trueload.watching.lines import Line, line_that
from trueload.watching.pages import Pages, Span, pages_of
from trueload.watching.proof import (
    EACH,
    Changed,
    Make,
    Memory,
    attempts,
    proved,
    told,
    undisturbed,
)
from trueload.watching.saved import Saved

logger = logging.getLogger("trueload")

_WITH_CACHES = 2
"""How many times what a look takes it costs: it drives other things out of the caches."""

_MOST_TASKS, _FIRST_WAIT = 1024, 16
_AHEAD_SECONDS, _SHORT_SECONDS = 0.02, 0.002
_MOST_SECONDS = 2.0
_MOST_DOUBTS = 3
"""What is written to so often and gives the same nevertheless is a cache, or scratch memory."""
_MOST_ROWS = 1024
_NAMED_ROWS = 4


class Watch:
    """Watches the arrays of a dataset while its batches are made.

    Args:
        recipe: What makes them; its dataset's arrays are looked for now.
        forked: Whether this process was forked from the one that made the dataset.
        guard: What is not looked at.
        experience: What is known of the dataset, and how much time looking may take; some of its
            own if left out.

    Attributes:
        arrays: What is watched.
        budget: How much time it may take.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        forked: bool,
        guard: Guard | None = None,
        experience: Experience | None = None,
    ) -> None:
        self._guard = guard = guard or Guard()
        self._recipe, self._forked = recipe, forked
        experience = experience or Experience()
        experience.take_share(guard.budget_share)
        self.budget, self._doubts = experience.arrays, experience.doubts
        found = kept_by(recipe.dataset)
        self.arrays = [array for array in found if not self._leaves_alone(array.path)]
        self._tasks: deque[Task] = deque(maxlen=_MOST_TASKS)
        self._seen: dict[Span, None] = {}
        self._wait = _FIRST_WAIT
        self._pages: Pages | None = None
        self._begin()

    def _leaves_alone(self, path: str) -> bool:
        return self._guard.leaves_alone(path) or self._doubts.get(path, 0) >= _MOST_DOUBTS

    def _begin(self) -> None:
        self.close()
        spans = [array.pages for array in self.arrays if not array.is_mapped]
        self._pages = pages_of(spans, forked=self._forked, digests=True) if spans else None

    def close(self) -> None:
        """Watch no longer."""
        pages, self._pages = self._pages, None
        if pages is not None:
            pages.close()

    @property
    def mechanism(self) -> str:
        """How it is done, or nothing."""
        return "" if self._pages is None else self._pages.name

    def watched(self) -> list[Kept]:
        """Give the arrays each write to which is seen."""
        pages = self._pages
        if pages is None or pages.is_slow:
            return []
        spans = set(pages.spans)
        return [array for array in self.arrays if array.pages in spans]

    def look(self, task: Task) -> Changed | None:
        """Look what was written since the last time; a batch was made just now."""
        if not self._tasks or self._tasks[-1] is not task:
            self._tasks.append(task)
        return self._look()

    def is_due(self, task: Task) -> bool:
        """Say whether to look now that a batch has been made."""
        pages = self._pages
        if pages is None:
            return False
        ends = bool(self._tasks) and self._tasks[-1].epoch != task.epoch
        self._tasks.append(task)
        if pages.is_slow:
            return ends and self.budget.allows()
        if pages.tells_again or pages.look_seconds < _SHORT_SECONDS:
            return self.budget.allows()
        due = ends or len(self._tasks) >= self._wait  # what was written will be told later, too
        return due and self.budget.allows(_AHEAD_SECONDS if ends else 0.0)

    def end(self) -> Changed | None:
        """Look as an epoch ends."""
        return self._look() if self._tasks and self.budget.allows() else None

    def _look(self) -> Changed | None:
        pages, begun = self._pages, time.perf_counter()
        if pages is None:
            return None
        written = list(chain(self._seen, self._written()))
        looked = time.perf_counter()
        found = self._found(written) if written else None
        self._tasks.clear()
        self._seen.clear()
        self._wait = min(2 * self._wait, _MOST_TASKS // 2)
        spent = _WITH_CACHES * min(looked - begun, pages.look_seconds)
        self.budget.spend(spent, time.perf_counter() - looked)
        return found

    def memory(self) -> list[Memory]:
        """Give what was written to lately, to be put back when samples have been made again."""
        if self._pages is None or self._pages.is_slow:
            return []
        self._seen |= dict.fromkeys(self._written())
        asked = [array for array in self.arrays if array.is_in(list(self._seen))]
        return [_Restored(Saved(asked, list(self._seen)), self._pages)]

    def _found(self, written: list[Span]) -> Changed | None:
        """Make the samples again, until one is found that explains what was written."""
        asked = {array.path: array for array in self.arrays if array.is_in(written)}
        saved = Saved(asked.values(), written)
        places = {array.address for array in self.watched()}
        contents = contents_near(self._recipe.dataset, reversed(self._tasks), self._guard, places)
        with undisturbed(self._recipe, saved, contents):
            try:
                found = self._explained(saved, asked, written)
            except Exception as error:  # of the user's code, which is told when it is asked for
                logger.debug("a sample could not be made again: %s", error)
                return None
        self._written()  # what was put back
        for path in asked:
            self._doubts[path] = self._doubts.get(path, 0) + 1
        if found is not None and not self._guard.raises:
            self._doubts[found.path] = _MOST_DOUBTS  # it is told once
        if any(self._leaves_alone(array.path) for array in self.arrays):
            self.arrays = [array for array in self.arrays if not self._leaves_alone(array.path)]
            self._begin()
        return found

    def _explained(
        self, saved: Saved, asked: dict[str, Kept], written: list[Span]
    ) -> Changed | None:
        """Look for a sample, or else for a whole batch, that explains what was written.

        Args:
            saved: What was written.
            asked: The arrays that it was written to; those that turn out to be harmless go.
            written: Where that was.
        """
        deadline = time.monotonic() + _MOST_SECONDS
        rows = {row for array in asked.values() for row in array.rows_in(written)[:_MOST_ROWS]}
        tries = attempts(self._recipe, reversed(self._tasks), first=rows)
        for blame, make in chain(tries, self._of_rows(asked, written)):
            if not asked or time.monotonic() > deadline:
                return None
            found = self._tried(make, saved, asked)
            if found is not None:
                saved.put_back()
                array, rows = found
                line = line_that(partial(saved.has_changed, array), make)
                return _told(blame, array, rows, line)
        return None

    def _of_rows(self, asked: dict[str, Kept], written: list[Span]) -> Iterator[tuple[Blame, Make]]:
        """Give ways to make the samples whose rows were written to, where nobody knows when."""
        length, batched = length_of(self._recipe.dataset), self._recipe.batched
        if self._pages is None or not self._pages.is_slow:
            return
        for array in [array for array in asked.values() if len(array.array) == length]:
            for row in array.rows_in(written)[:_MOST_ROWS]:
                task = Task(self._tasks[-1].epoch, 0, 0, [row] if batched else row, 1)
                yield Blame(task, "fetch", row=0), partial(self._recipe.sample, task, EACH)

    def _tried(
        self, make: Make, saved: Saved, asked: dict[str, Kept]
    ) -> tuple[Kept, list[int]] | None:
        """Give the array and its rows that something changes, and with it what is made of it."""
        rows, matters = proved(make, saved, partial(_rows_of, saved, list(asked.values())))
        touched = [asked[path] for path in rows]
        if matters:
            array = min(touched, key=lambda one: self._doubts.get(one.path, 0))
            return array, rows[array.path]
        for array in touched:
            self._doubts[array.path] = self._doubts.get(array.path, 0) + 1
            if self._doubts[array.path] >= _MOST_DOUBTS:
                del asked[array.path]
        return None

    def _written(self) -> list[Span]:
        return [] if self._pages is None else self._pages.written()

    def __del__(self) -> None:
        """Watch no longer."""
        self.close()


class _Restored:
    """Memory that is watched: what putting it back writes is no news.

    Args:
        saved: What it was.
        pages: Who watches it.
    """

    def __init__(self, saved: Saved, pages: Pages) -> None:
        self._saved, self._pages = saved, pages

    def put_back(self) -> None:
        """Make it what it was."""
        self._saved.put_back()
        self._pages.written()


def _rows_of(saved: Saved, arrays: list[Kept]) -> dict[str, list[int]]:
    """Give the arrays that have changed, by name, each with its rows."""
    rows = {array.path: saved.changed_rows(array) for array in arrays}
    return {path: changed for path, changed in rows.items() if changed}


def _told(blame: Blame, array: Kept, rows: list[int], line: Line | None) -> Changed:
    named = ", ".join(map(count, rows[:_NAMED_ROWS])) + ", ..." * (len(rows) > _NAMED_ROWS)
    facts = [("array", array.describe()), ("row" if len(rows) == 1 else "rows", named)]
    return told(blame, array.path, facts, line)
