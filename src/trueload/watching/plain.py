"""Find out whether making samples changes lists, dictionaries, objects and small arrays.

What a dataset holds near the samples of a batch is kept before the batch is made, as often as the
budget allows, and compared after. What has changed is told only if that is proved to matter, and
only if it is data: an array, or what is found under the index of the sample. A counter is neither.
"""

import logging
import re
import time
from collections.abc import Callable

import numpy as np

from trueload.blame import Blame
from trueload.errors import count
from trueload.guard import Guard
from trueload.recipe import Recipe
from trueload.tasks import Task
from trueload.watching.budget import Experience
from trueload.watching.contents import Contents, Piece, contents_near
from trueload.watching.lines import Line, line_that
from trueload.watching.proof import Changed, Memory, attempts, proved, told, undisturbed

logger = logging.getLogger("trueload")

_MOST_SECONDS = 2.0
_MOST_DOUBTS = 3
_MOST_COUNTERS = 8
_MOST_CHARACTERS = 60
Others = Callable[[], list[Memory]]
_STEP = re.compile(r"\[[^\]]*\]")


class PlainWatch:
    """Watches what a dataset holds, but for its large arrays.

    Args:
        recipe: What makes batches.
        guard: What is not looked at.
        experience: What is known of the dataset, and how much time looking may take.
    """

    def __init__(self, recipe: Recipe, guard: Guard, experience: Experience) -> None:
        self._recipe, self._guard = recipe, guard
        self.budget, self._doubts = experience.plain, experience.doubts
        self._before: Contents | None = None
        self._took = 0.0

    def begin(self, task: Task, watched: set[int], *, always: bool = False) -> None:
        """Keep, now and then, what a batch that is about to be made may change.

        Args:
            task: The batch.
            watched: Where arrays begin that are watched otherwise.
            always: Whether to do it now.
        """
        self._before = None
        if self.budget.allows() or always:
            begun = time.thread_time()
            self._before = contents_near(self._recipe.dataset, [task], self._guard, watched)
            self._took = time.thread_time() - begun

    @property
    def has_begun(self) -> bool:
        """Whether there is something to compare."""
        return self._before is not None

    def look(self, task: Task, watched: set[int], others: Others) -> Changed | None:
        """Look what has changed, as the batch has been made just now.

        Args:
            task: The batch.
            watched: As for `begin`.
            others: Gives what else is to be put back after samples have been made again.
        """
        before, self._before = self._before, None
        if before is None:
            return None
        begun = time.thread_time()
        changed = self._of_interest(before.changed())
        looked = time.thread_time()
        found = self._found(task, watched, others) if changed else None
        self.budget.spend(looked - begun + self._took, time.thread_time() - looked)
        self._doubt(changed, found)
        return found

    def _doubt(self, changed: list[Piece], found: Changed | None) -> None:
        """Look no more at what is written to without harm again and again, nor at what is told."""
        if found is None or not self._guard.raises:
            more = 1 if found is None else _MOST_DOUBTS
            for site in {_site(piece) for piece in changed}:
                self._doubts[site] = self._doubts.get(site, 0) + more

    def _of_interest(self, pieces: list[Piece]) -> list[Piece]:
        """Leave out what is no data, and what was written to without harm again and again."""
        return [
            piece
            for piece in pieces
            if (piece.of_sample or (piece.is_array and not _may_be_counter(piece.thing)))
            and self._doubts.get(_site(piece), 0) < _MOST_DOUBTS
        ]

    def _found(self, task: Task, watched: set[int], others: Others) -> Changed | None:
        """Make the samples again, until one is found that explains what has changed."""
        contents = contents_near(self._recipe.dataset, [task], self._guard, watched)
        deadline = time.monotonic() + _MOST_SECONDS
        with undisturbed(self._recipe, contents, *others()):
            try:
                for blame, make in attempts(self._recipe, [task]):
                    if time.monotonic() > deadline:
                        break
                    pieces, matters = proved(
                        make, contents, lambda: self._of_interest(contents.changed())
                    )
                    if matters:
                        contents.put_back()
                        piece = min(pieces, key=lambda one: not one.of_sample)
                        line = line_that(piece.has_changed, make)
                        return _told(blame, piece, line)
            except Exception as error:  # of the user's code, which is told when it is asked for
                logger.debug("a sample could not be made again: %s", error)
        return None


def _may_be_counter(array: np.ndarray) -> bool:
    """Say whether an array is so small that it may be a counter, or the state of a generator."""
    return array.size == 1 or (array.dtype.kind in "iu" and array.size <= _MOST_COUNTERS)


def _site(piece: Piece) -> str:
    return _STEP.sub("[...]", piece.path) if piece.of_sample else piece.path


def _told(blame: Blame, piece: Piece, line: Line | None) -> Changed:
    facts = [("array" if piece.is_array else "object", f"{piece.path}, {_description(piece)}")]
    if piece.is_array:
        rows = piece.changed_rows()
        facts.append(("row" if len(rows) == 1 else "rows", ", ".join(map(count, rows[:4]))))
    else:
        facts += [("was", _shown(piece.held)), ("is", _shown(piece.thing))]
    return told(blame, _site(piece), facts, line)


def _description(piece: Piece) -> str:
    thing = piece.thing
    if piece.is_array:
        return f"{piece.dtype} {thing.shape}"
    return type(thing).__qualname__


def _shown(thing: object) -> str:
    held = vars(thing) if hasattr(thing, "__dict__") else thing
    text = repr(held)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " ..."
