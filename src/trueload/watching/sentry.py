"""Look after the memory of a dataset while its batches are made, in whatever process."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from trueload.blame import Blame
from trueload.errors import ReadOnlyError, render
from trueload.generators import states_of
from trueload.guard import Guard
from trueload.recipe import Recipe
from trueload.seeds import GlobalStates
from trueload.stream import Stream, StreamRecipe
from trueload.tasks import Task
from trueload.watching.budget import Experience
from trueload.watching.contents import contents_near
from trueload.watching.freezing import Frozen, Refused
from trueload.watching.plain import PlainWatch
from trueload.watching.proof import Changed, Memory
from trueload.watching.rereads import Chosen, Read, Rereads
from trueload.watching.rollback import Originals, Rollback
from trueload.watching.tally import Tally
from trueload.watching.writes import Watch

Act = Callable[[], Any]


class Sentry:
    """Watches a dataset's memory, keeps it read-only, undoes what is written to it, or neither.

    The samples of an iterable dataset cannot be made again, so nothing can be proved of what it
    writes: its arrays may be read-only, and that is all. Where a batch is gathered from plain
    arrays no code of the user's runs, and there is nothing to look after.

    Args:
        recipe: What makes batches.
        guard: Whether it watches, and how much.
        forked: Whether this process was forked from the one that made the dataset.
        experience: What is known of the dataset, and how much time looking may take; some of its
            own if left out.
        tally: Where it counts what it does; one of its own if left out.

    Attributes:
        tally: Where it counts what it does.
    """

    def __init__(
        self,
        recipe: Recipe | Stream | StreamRecipe,
        *,
        guard: Guard,
        forked: bool,
        experience: Experience | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._recipe, self._dataset = recipe, recipe.dataset
        self._guard, self._forked = guard, forked
        self._experience = experience or Experience()
        self.tally = tally or Tally()
        self._found: Changed | None = None
        self._begin(recipe.originals if isinstance(recipe, Recipe) else None)

    def reread(self, tasks: Sequence[Task]) -> list[Read]:
        """Make some samples again and compare; give those that come out the same each time."""
        reads: list[Read] = []
        if self._rereads is None:
            return reads
        for task in tasks:
            others = [] if self._watch is None else self._watch.memory()
            found = self._rereads.read(task, others)
            self.tally.reread()
            if isinstance(found, Changed):
                self._note(found, 0.0)
            elif found is not None:
                reads.append(found)
        return reads

    def reread_some(self, task: Task) -> None:
        """Make a share of the samples of a batch again, where nobody asks for some."""
        if self._rereads is not None:
            self.reread(self._chosen.of(task))

    def begin_again(self) -> None:
        """Look at the dataset anew, as it has been changed from outside."""
        self._begin(None)

    def _begin(self, originals: Originals | None) -> None:
        recipe, guard = self._recipe, self._guard
        self._watch: Watch | None = None
        self._plain: PlainWatch | None = None
        self._rollback: Rollback | None = None
        self._frozen: Frozen | None = None
        self._rereads: Rereads | None = None
        self._chosen = Chosen(guard.refetch or 0.0)
        if isinstance(recipe, Recipe):
            if recipe.copying == "rollback":
                forked = self._forked and originals is not None
                self._rollback = Rollback(originals or Originals(recipe.dataset), forked=forked)
                return
            if recipe.gathers:
                return
            if guard.watches:
                self._watch_over(recipe)
            if guard.refetch:
                self._rereads = Rereads(recipe, guard)
        if guard.freeze:
            self._frozen = Frozen(self._dataset, guard)
            self.tally.freeze(len(self._frozen))

    def _watch_over(self, recipe: Recipe) -> None:
        known = self._experience
        watch = Watch(recipe, forked=self._forked, guard=self._guard, experience=known)
        self._watch, self._plain = watch, PlainWatch(recipe, self._guard, known)
        self._places = {array.address for array in watch.watched()}
        self.tally.watch(watch.mechanism, watch.arrays)

    def make(self, task: Task, act: Act, *, keyed: bool) -> Any:
        """Make what belongs to a task, and look what was written to.

        Args:
            task: The task.
            act: Makes it.
            keyed: Whether what it draws depends on the task alone.

        Raises:
            ReadOnlyError: It writes to an array that is read-only.
            Exception: Whatever it raises.
        """
        frozen, watch, plain = self._frozen, self._watch, self._plain
        if watch is None or plain is None:
            return self._made_frozen(task, act, frozen, keyed=keyed) if frozen else act()
        plain.begin(task, self._places)
        begun = time.perf_counter()
        made = self._made_frozen(task, act, frozen, keyed=keyed) if frozen else act()
        self._experience.earn(time.perf_counter() - begun)
        due = watch.is_due(task)
        if due or plain.has_begun:
            self._look(task, always=due)
        return made

    def _look(self, task: Task, *, always: bool) -> Changed | None:
        watch, plain = self._watch, self._plain
        if watch is None or plain is None:
            return None
        before = watch.budget.spent_seconds + plain.budget.spent_seconds
        found = watch.look(task) if always else None
        found = plain.look(task, self._places, watch.memory) or found
        self._note(found, watch.budget.spent_seconds + plain.budget.spent_seconds - before)
        return found

    def _note(self, found: Changed | None, seconds: float) -> None:
        if seconds:
            self.tally.look(seconds)
        if found is not None:
            self.tally.find()
            self._found = found

    def end(self) -> None:
        """Look what was written to, as an epoch ends."""
        if self._watch is not None:
            before = self._watch.budget.spent_seconds
            found = self._watch.end()
            self._note(found, self._watch.budget.spent_seconds - before)

    def _made_frozen(self, task: Task, act: Act, frozen: Frozen, *, keyed: bool) -> Any:
        """Make it while arrays are read-only; where a write is refused, see what it would do."""
        rewind = None if keyed else self._rewind()
        refused: dict[str, Exception] = {}
        before: Memory | None = None
        while True:
            try:
                with frozen.frozen(but=refused):
                    made = act()
            except Exception as error:
                self._heed(task, error, refused)
                before = before or contents_near(self._dataset, [task], self._guard)
                if rewind is not None:
                    rewind()
            else:
                break
        if before is not None:
            self._judge(task, frozen, refused, before)
        return made

    def _heed(self, task: Task, error: Exception, refused: dict[str, Exception]) -> None:
        """Note a write that was refused, which is done once more and watched; else raise again."""
        found = None if self._frozen is None else self._frozen.refused(error, refused)
        if found is None or found.path in refused:
            raise error
        if not isinstance(self._recipe, Recipe):
            raise _unproved(task, found, error) from None
        refused[found.path] = error
        if self._plain is not None:
            self._plain.begin(task, self._places, always=True)

    def _judge(
        self, task: Task, frozen: Frozen, refused: dict[str, Exception], before: Memory
    ) -> None:
        """Raise the first error, if what was refused would have changed what the dataset gives."""
        found = self._look(task, always=True)
        if found is None:
            frozen.release(set(refused))
            self.tally.freeze(len(frozen))
            return
        before.put_back()
        self._found = None
        raise _proved(found, next(iter(refused.values()))) from None

    def _rewind(self) -> Callable[[], None]:
        """Give what puts the generators that samples draw from back to their states of now."""
        recipe, states = self._recipe, GlobalStates.now()
        own = states_of(recipe.generators() if isinstance(recipe, Recipe) else ())

        def rewind() -> None:
            states.put_back()
            own()

        return rewind

    def undo(self) -> None:
        """Undo what was written to, once nobody needs the samples any more."""
        if self._rollback is not None:
            self._rollback.undo()

    def found(self) -> Changed | None:
        """Give what was found, once."""
        found, self._found = self._found, None
        return found


def _proved(found: Changed, error: Exception) -> ReadOnlyError:
    """Give the error of a write that was refused and that would change the dataset."""
    told = ReadOnlyError(found.message)
    told.add_note(f"\nrefused: {type(error).__name__}: {error}")
    return told.with_traceback(error.__traceback__)


def _unproved(task: Task, refused: Refused, error: Exception) -> ReadOnlyError:
    """Give the error of a write of an iterable dataset that was refused."""
    blame = Blame(task, "fetch", stream=True)
    facts = [
        ("array", refused.path),
        ("refused", f"{type(error).__name__}: {error}".splitlines()[0]),
        *blame.facts(),
        ("at", refused.place),
        ("line", refused.text),
    ]
    title = "an iterable dataset writes to an array of its own, which the guard has made read-only"
    told = ReadOnlyError(render(title, "TL340", facts, _hint(refused.path or "dataset.buffer")))
    return told.with_traceback(error.__traceback__)


def _hint(path: str) -> str:
    return (
        "copy what it changes, as by `x = x - mean` instead of `x -= mean`; memory that is there "
        f'to be written to may be named, as by `Guard(level="strict", ignore=["{path}"])`'
    )
