"""What becomes of a batch with bad samples: decided in the training process, batch by batch.

A worker that meets bad samples hands back what is wrong with each, in the place of the batch. Here
they are counted against the budget, in the order in which batches are delivered, and the task is
written anew: with other samples in their places, or without them. The new task is one like any
other, so any worker can make it, and the batches depend neither on workers nor on who found what.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from trueload.blame import Blame
from trueload.errors import BudgetError, count, render, tidied
from trueload.ledger import plain
from trueload.policy import ErrorPolicy, policy_of
from trueload.progress import Cursor
from trueload.quarantine import Quarantine
from trueload.ranks import has_group
from trueload.seeds import root_of
from trueload.state import LoaderState
from trueload.substitutes import Draw, Substitutes
from trueload.tasks import Task
from trueload.tolerance import Bad

logger = logging.getLogger("trueload")


def is_one_of_many(start: LoaderState) -> bool:
    """Say whether other ranks take a step whenever this one does."""
    return start.ranks > 1 or (has_group() and torch.distributed.get_world_size() > 1)


def treated(
    treatment: "Treatment | None", cursor: Cursor, task: Task, bads: Sequence[Bad]
) -> Task | None:
    """Give the task to make in the place of one with bad samples, or `None` for none.

    Args:
        treatment: What decides.
        cursor: What is told where there will be no such batch.
        task: The task.
        bads: Its bad samples.

    Raises:
        Exception: There will be no batch, because of what is raised.
    """
    try:
        again = None if treatment is None else treatment.treat(task, bads)
    except Exception:
        cursor.passed_over(task)
        raise
    if again is None:
        cursor.left_out(task)
    return again


class Treatment:
    """Decides what becomes of the batches of one epoch that have bad samples.

    Args:
        loader: The loader.
        cursor: The cursor of the epoch.
        samples: How many samples the epoch has, or `None` where nobody knows.
        draw: Makes the draw from all samples that may take the place of another.
    """

    def __init__(
        self,
        loader: Any,
        cursor: Cursor,
        samples: int | None,
        draw: Callable[[], Draw | None],
    ) -> None:
        policy = policy_of(loader.on_error)
        if policy is None:
            message = "exceptions are raised: there is nothing to treat"
            raise ValueError(message)
        self._policy: ErrorPolicy = policy
        self._cursor, self._account, self._samples = cursor, cursor.account, samples
        self._seed, self._draw = loader.seed, draw
        self._substitutes: Substitutes | None = None
        self._account.keeps_last = cursor.followed and policy.action == "replace"
        self._is_one_of_many = is_one_of_many(cursor.start)
        path = policy.quarantine
        self._quarantine = None if path is None else Quarantine(path, loader.dataset)
        self._said, self._meter = loader._progress.said, loader._meter  # noqa: SLF001 - its own parts

    def treat(self, task: Task, bads: Sequence[Bad]) -> Task | None:
        """Give the task to make in the place of one with bad samples, or `None` for none.

        Raises:
            BudgetError: There are more bad samples than the policy allows.
            Exception: What was raised, if the policy is to raise.
        """
        if self._cursor.stream:
            self.read_over(task, bads, 0)
            return None
        rows = {bad.row: bad for bad in bads}
        tried = self._tried(task)
        for row in range(task.size):
            if row in rows:
                self._count(task, rows[row], planned=task.planned is None or row not in tried)
            elif row in tried:
                self._account.in_a_row = 0
        return self._again(task, set(rows))

    def read_over(self, task: Task, bads: Sequence[Bad], samples: int) -> None:
        """Count the bad samples of a batch of an iterable dataset, which it was made without.

        Args:
            task: The batch.
            bads: The bad samples, in their order.
            samples: How many samples the batch has.

        Raises:
            BudgetError: There are more bad samples than the policy allows.
            Exception: What was raised, if the policy is to raise.
        """
        before = 0
        for bad in bads:
            if bad.row > before:
                self._account.in_a_row, before = 0, bad.row
            self._count(task, bad, planned=True)
            self._account.enter(task.batch, "skipped", [None])
        if samples > before:
            self._account.in_a_row = 0

    def _tried(self, task: Task) -> set[int]:
        """Give the rows whose samples were not known to be good before this attempt."""
        if task.planned is None or task.rows is not None:
            return set(range(task.size)) if task.planned is None else set()
        pairs = zip(self._list(task.planned), self._list(task.indices), strict=False)
        return {row for row, (one, other) in enumerate(pairs) if plain(one) != plain(other)}

    def _count(self, task: Task, bad: Bad, *, planned: bool) -> None:
        """Count one bad sample, write it down and tell of the first.

        The budget is about those that the order has, not about what was tried in their places.
        """
        account, policy = self._account, self._policy
        index = self._index(task, bad.row)
        error = bad.failure.error()
        account.in_a_row += 1
        account.bad += planned
        account.causes[type(error).__name__] += planned
        if index is not None:
            account.known.add(index)
        stream = self._cursor.stream
        blame = Blame(task, "fetch" if bad.stage == "end" else bad.stage, bad.row, stream=stream)
        if self._quarantine is not None:
            position = task.place(bad.row)
            facts = {"stage": bad.stage, "epoch": task.epoch, "position": position}
            self._quarantine.write(index, error, bad.file, facts)
        if policy.action == "raise":
            raise tidied(error)
        allowed = policy.allowed(self._samples, task.position + task.size)
        if account.bad > allowed:
            verb = "is" if allowed == 1 else "are"
            self._refuse(blame, bad, error, f"{count(allowed)} {verb} allowed in an epoch")
        if policy.consecutive is not None and account.in_a_row >= policy.consecutive:
            self._refuse(blame, bad, error, f"the last {count(account.in_a_row)} came in a row")
        self._meter.bad_samples += planned
        if not self._said:
            self._said.append(task.epoch)
            self._tell(blame, bad, allowed)

    def _tell(self, blame: Blame, bad: Bad, allowed: int) -> None:
        done = "replaced" if self._policy.action == "replace" and not blame.stream else "left out"
        title = f"a bad sample is {done}: {bad.title}"
        limit = f"{count(allowed)} in an epoch"
        if self._policy.consecutive is not None:
            limit += f", fewer than {count(self._policy.consecutive)} in a row"
        facts = [*blame.facts(), ("file", bad.file or ""), ("at", bad.place), ("allowed", limit)]
        logger.warning(render(title, "TL214", facts, _TOLD_HINT))

    def _refuse(self, blame: Blame, bad: Bad, error: Exception, why: str) -> NoReturn:
        account = self._account
        title = f"too many bad samples: {count(account.bad)} in epoch {blame.task.epoch}, {why}"
        facts = [("raised", account.raised), ("last", bad.title), *blame.facts(), ("at", bad.place)]
        raise BudgetError(render(title, "TL213", facts, _BUDGET_HINT)) from error

    def _again(self, task: Task, bad_rows: set[int]) -> Task | None:
        if self._policy.action == "skip":
            return self._shortened(task, bad_rows)
        return self._refilled(task, bad_rows)

    def _shortened(self, task: Task, bad_rows: set[int]) -> Task | None:
        kept = [row for row in range(task.size) if row not in bad_rows]
        if not kept or not self._cursor.batched:
            if self._is_one_of_many:
                title = "all samples of a batch are bad, and without it other ranks would wait"
                self._give_up(task, 0, title, _RANKS_HINT)
            return None
        indices = self._like(task, [task.indices[row] for row in kept])
        rows = tuple(task.row(row) for row in kept)
        real = None if task.real is None else sum(row < task.real for row in kept)
        return task._replace(
            indices=indices,
            size=len(kept),
            end=task.behind(),
            real=real,
            planned=self._planned(task),
            rows=rows,
            alone=False,
        )

    def _refilled(self, task: Task, bad_rows: set[int]) -> Task:
        """Put another sample in each place that is not as planned, chosen anew in their order."""
        indices, planned = list(self._list(task.indices)), self._list(self._planned(task))
        indices[: len(planned)] = planned
        places = sorted(bad_rows | self._tried_places(task))
        good = [one for row, one in enumerate(indices) if row not in places]
        if self._substitutes is None:
            self._substitutes = Substitutes(self._draw, self._root())
        for row in places:
            chosen = self._substitutes.choose(
                task.place(row), self._account.known, good, self._cursor.last_index()
            )
            if chosen is None:
                title = "there is no good sample to put in the place of a bad one"
                self._give_up(task, row, title, _NOTHING_HINT)
            good.append(chosen)
            indices[row] = chosen
        filled = self._like(task, indices) if self._cursor.batched else indices[0]
        return task._replace(indices=filled, planned=self._planned(task), alone=False)

    def _tried_places(self, task: Task) -> set[int]:
        return set() if task.planned is None else self._tried(task)

    def _give_up(self, task: Task, row: int, title: str, hint: str) -> NoReturn:
        facts = [*Blame(task, "fetch", row=row).facts(), ("bad", count(self._account.bad))]
        raise BudgetError(render(title, "TL219", facts, hint))

    def _root(self) -> int:
        start = self._cursor.start
        return (start.base_seed or 0) if self._seed is None else root_of(self._seed, start.epoch)

    def _planned(self, task: Task) -> Any:
        """Give the indices that the order has for a batch, without those that do not count."""
        if task.planned is not None:
            return task.planned
        counts = task.real is None or not self._cursor.batched
        return task.indices if counts else task.indices[: task.real]

    def _list(self, indices: Any) -> Any:
        return indices if self._cursor.batched else [indices]

    def _index(self, task: Task, row: int) -> Any:
        return None if self._cursor.stream else self._list(task.indices)[row]

    def _like(self, task: Task, indices: list[Any]) -> Any:
        """Give indices in the form that they have where they come from an order of ours."""
        return np.asarray(indices, np.int64) if task.counted else indices


_TOLD_HINT = "further ones are counted in `loader.ledger` and summed up at the end of each epoch"
_BUDGET_HINT = (
    "look at the last one alone, `loader.replay(index)`; if so many are meant to be left out, pass "
    "`on_error=ErrorPolicy(..., budget_share=...)`"
)
_RANKS_HINT = 'pass `on_error="replace"`, which keeps all batches'
_NOTHING_HINT = 'pass `on_error="skip"`, which makes the batch shorter instead'
