"""Name the sample at fault: the note that an exception of user code gets.

The exception keeps its type, its arguments and its attributes, so that `except FileNotFoundError`
and `error.filename` work as without a loader. Two cases become exceptions of our own: a
`StopIteration`, which would end the epoch in silence, and a `None` where a sample should be.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from torch.utils.data import get_worker_info

from trueload.errors import (
    KeysDifferError,
    NoneSampleError,
    StopIterationError,
    count,
    place_of,
    render,
)
from trueload.explain import Misfit, misfit_of, stranger_of
from trueload.sources import Origin
from trueload.tasks import Task, listed
from trueload.tree import leaves


@dataclass(frozen=True, slots=True)
class Blame:
    """Where in a task an exception was raised.

    Attributes:
        task: The batch that was being made.
        stage: `fetch`, `transform`, `collate`, `iter` for the beginning of a stream, or `send`
            for the way from a worker.
        row: The row of the sample in the batch, where one sample was at fault.
        stream: Whether the dataset is iterable, so that samples have no index.
        origin: Where samples come from, to name a file.
    """

    task: Task
    stage: str
    row: int | None = None
    stream: bool = False
    origin: Origin | None = None

    def tell(self, error: Exception, samples: Any = None) -> NoReturn:
        """Raise the exception again: the same one with a note, or one of our own.

        Args:
            error: What user code, or the default collate, raised; it is being handled.
            samples: The samples that the default collate could not put together.
        """
        if isinstance(error, StopIteration):
            raise StopIterationError(self._note(error, "TL203", _STOP_HINT)) from error
        if samples is None:
            error.add_note(self._note(error, "TL204"))
            raise error
        nones = [row for row, sample in enumerate(samples) if sample is None]
        if nones:
            raise NoneSampleError(self._none(nones, len(samples))) from None
        found = misfit_of(samples)
        if isinstance(error, KeysDifferError) and found is not None:
            raise KeysDifferError(self.misfit(found, len(samples))) from None
        if found is None:
            error.add_note(self._unknown(error, samples))
        else:
            error.add_note(self.misfit(found, len(samples)))
        raise error

    def noted(self, error: Exception) -> Exception:
        """Give an exception of one sample with the note that `tell` adds, without raising it."""
        error.add_note(self._note(error, "TL204"))
        return error

    def nothing(self) -> NoneSampleError:
        """Give the exception of a sample that is `None`."""
        title = f"{self.subject()} gave `None` instead of a sample"
        return NoneSampleError(render(title, "TL201", self.facts(), _NONE_HINT))

    def tell_unsent(self, error: Exception, batch: Any) -> NoReturn:
        """Raise again what pickling a batch raised, with a note that names the part at fault."""
        bad = [name for name, leaf in leaves(batch) if not _can_be_pickled(leaf)]
        note = self._note(error, "TL209", _SEND_HINT, [("leaf", f"`{bad[0]}`" if bad else "")])
        error.add_note(note)
        raise error

    def _note(
        self,
        error: BaseException,
        code: str,
        hint: str = "",
        more: Sequence[tuple[str, str]] = (),
    ) -> str:
        facts = [*self._facts(self.row), *self._files(error), *more, ("at", place_of(error))]
        return render(self.title(error), code, facts, hint)

    def _files(self, error: BaseException) -> list[tuple[str, str]]:
        """Name the files of the sample at fault, where they can be found."""
        if self.origin is None or self.stage not in {"fetch", "transform", "iter"}:
            return []
        alone = not self.stream and self.row is None and not _many(self.task)
        index = self.task.indices if alone else None
        if not self.stream and self.row is not None:
            index = self._index(self.row)
        return self.origin.facts(index, error)

    def title(self, error: BaseException) -> str:
        """Say in one line what was raised, and whose fault it was."""
        kind = type(error).__name__
        title = f"{self.subject()} raised {kind}" + (f": {error}" if str(error) else "")
        return title.splitlines()[0]

    def subject(self) -> str:
        """Name whose fault it was."""
        if self.stage == "collate":
            return "`collate_fn`"
        if self.stage == "transform":
            return "`transform`"
        if self.stage == "iter":
            return "`iter(dataset)`"
        if self.stage == "send":
            return f"sending batch {count(self.task.batch)} from its worker"
        return self._name(self.row)

    def _name(self, row: int | None) -> str:
        if self.stream:
            return f"`next(dataset)` at sample {count(self._position(row or 0))}"
        if row is None:
            return (
                "`dataset.__getitems__`" if _many(self.task) else f"dataset[{self.task.indices!r}]"
            )
        return f"dataset[{self._index(row)!r}]"

    def _position(self, row: int) -> int:
        rows = self.task.rows
        known = self.stream or rows is None or row < len(rows)
        return self.task.place(row) if known else self.task.position

    def _index(self, row: int) -> Any:
        indices = listed(self.task.indices)
        return indices[row] if isinstance(indices, (list, tuple)) and row < len(indices) else None

    def facts(self) -> list[tuple[str, str]]:
        """Give where in the epoch it was."""
        return self._facts(self.row)

    def _facts(self, row: int | None) -> list[tuple[str, str]]:
        task = self.task
        sample = ""
        if row is not None:
            sample = self._sample(self._index(row), row)
        elif _many(task):
            sample = f"indices {_short(task.indices)}"
        elif self.stage in {"fetch", "transform"} and not self.stream:
            sample = self._sample(task.indices, 0)
        return [
            ("sample", sample),
            ("batch", f"{count(task.batch)} of epoch {task.epoch}{_worker()}"),
        ]

    def _sample(self, index: Any, row: int) -> str:
        where = f"position {count(self._position(row))} of epoch {self.task.epoch}"
        return where if index is None else f"index {index!r}, {where}"

    def _none(self, rows: list[int], size: int) -> str:
        title = f"{self._name(rows[0])} gave `None` instead of a sample"
        facts = [
            *self._facts(rows[0]),
            ("`None`", f"{len(rows)} of the {size} samples of the batch"),
        ]
        return render(title, "TL201", facts, _NONE_HINT)

    def _unknown(self, error: BaseException, samples: Any) -> str:
        """Name what the default collate does not know, where the samples are alike."""
        found = stranger_of(samples)
        leaf = "" if found is None else f"`{found.leaf}` is {found.kind}"
        facts = [*self._facts(None), ("leaf", leaf)]
        return render(self.title(error), "TL206", facts, "" if found is None else found.hint)

    def misfit(self, found: Misfit, size: int) -> str:
        """Word that a sample does not go together with the others of its batch."""
        batch = f"samples of batch {count(self.task.batch)} do not stack"
        title = f"{batch}: `{found.leaf}` has {found.what}"
        index = self._index(found.row)
        sample = f"sample {index!r} (row {found.row})" if index is not None else f"row {found.row}"
        facts = [
            ("most", f"{found.usual}, {found.usual_count} of {size} samples"),
            ("other", f"{found.odd}, {sample}"),
            *self._facts(None)[1:],
        ]
        return render(title, "TL205", facts, found.hint)


def _many(task: Task) -> bool:
    return hasattr(task.indices, "__len__") and not isinstance(task.indices, (str, bytes, tuple))


def _short(indices: Any, most: int = 6) -> str:
    known = [repr(index) for index in listed(indices)[:most]]
    return ", ".join(known) + (f", ... ({len(indices)} in all)" if len(indices) > most else "")


def _worker() -> str:
    info = get_worker_info()
    return "" if info is None else f", worker {info.id}"


def _can_be_pickled(leaf: Any) -> bool:
    try:
        pickle.dumps(leaf)
    except Exception:
        return False
    return True


_SEND_HINT = "return what can be pickled: tensors, arrays, numbers, strings, containers of these"
_STOP_HINT = (
    "a bare `next(...)` that runs out is the usual cause; catch it, or give `next` a default"
)
_NONE_HINT = 'return a sample in every case, or leave such samples out with `on_error="skip"`'
