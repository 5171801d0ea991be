"""Look after the memory of a dataset while its batches are made, in whatever process."""

from trueload.guard import Guard
from trueload.recipe import Recipe
from trueload.stream import Stream, StreamRecipe
from trueload.tasks import Task
from trueload.watching.rollback import Originals, Rollback
from trueload.watching.writes import Budget, Changed, Watch


class Sentry:
    """Watches a dataset's memory, or undoes what is written to it, or neither.

    An iterable dataset is left alone, since its samples cannot be made again.

    Args:
        recipe: What makes batches.
        guard: Whether it watches, and how much.
        forked: Whether this process was forked from the one that made the dataset.
        budget: How much time watching may take; one of its own if left out.
    """

    def __init__(
        self,
        recipe: Recipe | Stream | StreamRecipe,
        *,
        guard: Guard,
        forked: bool,
        budget: Budget | None = None,
    ) -> None:
        self._recipe = recipe if isinstance(recipe, Recipe) else None
        self._guard, self._forked, self._budget = guard, forked, budget
        if budget is not None:
            budget.share = guard.budget_share
        self._found: Changed | None = None
        self._watch: Watch | None = None
        self._rollback: Rollback | None = None
        self._begin(None if self._recipe is None else self._recipe.originals)

    def begin_again(self) -> None:
        """Look at the dataset anew, as it has been changed from outside."""
        self._begin(None)

    def _begin(self, originals: Originals | None) -> None:
        recipe = self._recipe
        if recipe is None:
            return
        if recipe.copying == "rollback":
            forked = self._forked and originals is not None
            self._rollback = Rollback(originals or Originals(recipe.dataset), forked=forked)
        elif self._guard.watches and not recipe.gathers:
            self._watch = Watch(recipe, forked=self._forked, guard=self._guard, budget=self._budget)

    def look(self, task: Task) -> None:
        """Look what was written to, as samples of a task have been made just now."""
        if self._watch is not None:
            self._found = self._watch.look(task) or self._found

    def undo(self) -> None:
        """Undo what was written to, once nobody needs the samples any more."""
        if self._rollback is not None:
            self._rollback.undo()

    def found(self) -> Changed | None:
        """Give what was found, once."""
        found, self._found = self._found, None
        return found
