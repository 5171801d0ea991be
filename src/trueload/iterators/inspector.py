"""Hold each batch of a loader to its contract, in the training process, before it is taken.

A declared contract is held in full: a batch that leaves it is an error. Without one, what batches
look like is learned, for a share of the time so small that it does not show.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from torch.utils.data import default_collate, default_convert

from trueload.blame import Blame
from trueload.contract import BatchContract
from trueload.contract.batch import broken
from trueload.contract.departure import Departure
from trueload.contract.habits import Context
from trueload.contract.leaf import Difference
from trueload.errors import ContractError, render
from trueload.guard import Guard, guard_of
from trueload.iterators.origins import classes_of, origins_of
from trueload.iterators.telling import note, tell
from trueload.mixture import Mixed
from trueload.samplers import is_stream
from trueload.tasks import Task

logger = logging.getLogger("trueload")

_PART: Final = 0.2
"""How much of the guard's share of the time may go into looking at values."""


def inspector_of(loader: Any) -> "Inspector | None":
    """Give who holds the batches of a loader to a contract, or `None` where nobody does."""
    contract, guard = loader.contract, guard_of(loader.guard)
    if contract == "off" or (contract == "learn" and guard.is_off):
        return None
    return Inspector(loader, guard)


class Inspector:
    """Holds batches to a contract.

    Args:
        loader: The loader, which keeps what is learned.
        guard: Its guard.
    """

    def __init__(self, loader: Any, guard: Guard) -> None:
        contract, dataset = loader.contract, loader.dataset
        self._declared = contract if isinstance(contract, BatchContract) else None
        self._guard, self._dataset = guard, dataset
        self._learner = loader._learner  # noqa: SLF001 - the loader's own part
        self._stream = is_stream(loader)
        self._batched = loader._auto_collation  # noqa: SLF001 - torch's name
        self._in_rows = loader.collate_fn in (default_collate, default_convert)
        self._classes = classes_of(dataset) if loader.transform is None else None
        self._is_blind, self._share = False, guard.budget_share * _PART

    def look(self, batch: Any, task: Task, mixed: Mixed | None = None) -> None:
        """Look at a batch.

        Args:
            batch: The batch.
            task: What it was made of.
            mixed: What was noticed of its samples.

        Raises:
            ContractError: It leaves the declared contract, or with `guard="strict"` what was
                learned.
        """
        if mixed is not None:
            self.tell_mixed(mixed)
        if self._declared is not None:
            found = self._declared.differences(batch)
            if found:
                raise ContractError(self._broken(found, task))
        elif not self._is_blind:
            try:
                departures = self._departures(batch, task)
            except Exception as error:  # of a class of tensors; batches are given all the same
                logger.debug("batches are not looked at any more: %s", error, exc_info=True)
                self._is_blind = True
                return
            for departure in departures:
                self._tell(departure)

    def tell_mixed(self, mixed: Mixed) -> None:
        """Tell that samples do not go together; what comes of it in the batch goes without saying.

        Raises:
            ContractError: The guard is strict.
        """
        self._learner.mixed.add(mixed.path)
        tell((type(self._dataset), "TL420", mixed.path), mixed.message, self._guard, ContractError)

    def _departures(self, batch: Any, task: Task) -> Sequence[Departure]:
        learner = self._learner
        found: Sequence[Departure] = ()
        if not learner.is_alike(batch):
            found = learner.look(batch, task.size if self._batched else None, task)
        if found or not learner.may_look(self._share):
            return found
        size = task.size if self._batched else None
        return learner.look_at_values(batch, size, task, self._context(task))

    def _context(self, task: Task) -> Context:
        known = self._in_rows and self._batched and not self._stream
        return Context(self._classes, partial(origins_of, self._dataset, task) if known else None)

    def _tell(self, departure: Departure) -> None:
        facts = [*departure.facts, *self._facts(departure.where, departure.row)]
        message = render(departure.title, departure.code, facts, departure.hint)
        site = type(self._dataset), departure.code, departure.path
        if departure.harmless:
            note(site, message, self._guard)
        else:
            tell(site, message, self._guard, ContractError)

    def _broken(self, found: list[Difference], task: Task) -> str:
        return broken(found, self._facts(task, found[0].row))

    def _facts(self, task: Task, row: int | None) -> list[tuple[str, str]]:
        """Say which sample it is, where the rows of a batch are its samples in their order."""
        if row is None:
            return Blame(task, "collate", stream=self._stream).facts()[1:]
        place = [("row", f"{row} of {task.size}")] if self._batched else []
        if self._in_rows:
            return [*Blame(task, "fetch", row=row, stream=self._stream).facts(), *place]
        return [*place, *Blame(task, "collate", stream=self._stream).facts()]
