"""Whether the loop changes batches that are not its own: of the dataset, or kept by `cycle`.

The first batches of a loader are looked at: whether they lie in an array of the dataset, which
happens where nothing copies them. What lies there is copied, and compared once the loop asks for
the next batch. If it has been changed, the next turn of the loop is followed line by line, once,
to find the line that does it.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from trueload.errors import is_ours
from trueload.evidence import Fetch, Loader, Written
from trueload.findings import Place
from trueload.reuse import is_same
from trueload.sanitizer.holdings import arrays_at
from trueload.sanitizer.overwriting import summary
from trueload.sanitizer.places import Places
from trueload.tree import leaves

if TYPE_CHECKING:
    from trueload.sanitizer.recorder import Recorder

_LOOKED_AT: Final = 2
_FOLLOWED: Final = 64
_EPOCHS: Final = 2
_MOST_LEAVES: Final = 8
_MOST_BYTES: Final = 4 << 20
_MOST_LINES: Final = 5000
_MOST_TRACES: Final = 3
_MOST_CYCLED: Final = 4
_CYCLE: Final = "cycle("


class _Lent:
    """A part of a batch that is not the loop's own.

    Attributes:
        name: Where in the batch.
        owner: The array of the dataset that it is a part of; nothing if `cycle` keeps it.
    """

    __slots__ = ("_copy", "_leaf", "name", "owner")

    def __init__(self, name: str, leaf: Any, owner: str) -> None:
        self.name, self.owner = name, owner
        self._leaf = leaf.detach() if isinstance(leaf, torch.Tensor) else leaf
        self._copy = self._leaf.clone() if isinstance(leaf, torch.Tensor) else leaf.copy()

    def has_changed(self) -> bool:
        """Say whether it is not what it was when it was fetched."""
        return not is_same(self._leaf, self._copy)

    def look_anew(self) -> None:
        """Compare from now on with what it is now."""
        leaf = self._leaf
        self._copy = leaf.clone() if isinstance(leaf, torch.Tensor) else leaf.copy()

    def told(self, loader: Loader, place: Place) -> Written:
        """Put it into words."""
        before, after = summary(self._copy), summary(self._leaf).rpartition(", ")[2]
        return Written(
            loader=loader,
            place=place,
            leaf=self.name,
            owner=self.owner,
            before=before,
            after=after,
        )


class Handed:
    """Follows the batches that loops are given.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._lent: list[_Lent] = []
        self._fetch: Fetch | None = None
        self._known: dict[tuple[Loader, str], Written] = {}
        self._wanted: set[Loader] = set()
        self._traces = 0
        self._trace = LineTrace(recorder.places)
        self._cycled: list[tuple[Written, _Lent]] = []

    def fetched(
        self, dataset: Any, fetch: Fetch, begun: Place, indices: list[int], batch: Any
    ) -> None:
        """Look whose memory a batch is.

        Args:
            dataset: The dataset that it is of.
            fetch: The event.
            begun: The line that began the iteration.
            indices: The samples of the batch.
            batch: It.
        """
        self._lent, self._fetch = [], fetch
        facts = fetch.loader
        most = _FOLLOWED if facts in self._wanted else _LOOKED_AT
        if fetch.batch >= most or fetch.epoch >= _EPOCHS:
            return
        parts = [(name, leaf) for name, leaf in leaves(batch) if _is_plain(leaf)][:_MOST_LEAVES]
        if _CYCLE in begun.source:
            self._lent = [_Lent(name, leaf, "") for name, leaf in parts]
        elif not facts.num_workers:
            arrays = arrays_at(dataset, indices)
            for name, leaf in parts:
                start, end = _span(leaf)
                owner = next((a for a in arrays if a.address <= start and end <= a.end), None)
                if owner is not None:
                    self._lent.append(_Lent(name, leaf, owner.path))
        if self._lent and facts in self._wanted and self._traces < _MOST_TRACES:
            self._traces += 1
            self._trace.begin(lambda: any(one.has_changed() for one in self._lent))

    def before_fetch(self) -> None:
        """Look whether the loop has changed the batch that it was given last."""
        line = self._trace.end()
        fetch, lent, self._lent = self._fetch, self._lent, []
        if fetch is None:
            return
        for one in lent:
            if not one.has_changed():
                continue
            known = self._known.get((fetch.loader, one.name))
            if known is None:
                known = self._known[fetch.loader, one.name] = one.told(fetch.loader, fetch.place)
                self._recorder.run.data.memory.written.append(known)
            else:
                known.batches += 1
            known.again = known.again or fetch.epoch > 0
            if not one.owner and len(self._cycled) < _MOST_CYCLED:
                one.look_anew()
                self._cycled.append((known, one))
            if line is not None:
                known.place, known.seen = line, True
            if known.seen:
                self._wanted.discard(fetch.loader)
            else:
                self._wanted.add(fetch.loader)

    def finish(self) -> None:
        """Look whether batches that `cycle` kept have been changed again since."""
        self.before_fetch()
        for written, one in self._cycled:
            written.again = written.again or one.has_changed()
        self._cycled.clear()


class LineTrace:
    """Follows the user's code line by line until something has happened, and names the line.

    Args:
        places: Tells the user's lines.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._has_happened: Callable[[], bool] | None = None
        self._before: dict[FrameType, int] = {}
        self._found: Place | None = None
        self._lines = 0

    def begin(self, has_happened: Callable[[], bool]) -> None:
        """Follow what the code that called us does next; not where a debugger does so already."""
        if sys.gettrace() is not None:
            return
        self._has_happened, self._found, self._lines = has_happened, None, 0
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses too
        while frame is not None:
            if self._places.is_users(frame.f_code.co_filename) and frame.f_trace is None:
                frame.f_trace = self._local
                self._before[frame] = frame.f_lineno or 0
            frame = frame.f_back
        sys.settrace(self._called)

    def end(self) -> Place | None:
        """Follow no longer, and give the line, if it was found."""
        if self._has_happened is None:
            return None
        self._stop()
        self._has_happened = None
        found, self._found = self._found, None
        return found

    def _stop(self) -> None:
        sys.settrace(None)
        for frame in self._before:
            frame.f_trace = None
        self._before.clear()

    def _called(self, frame: FrameType, _: str, __: Any) -> Any:
        file = frame.f_code.co_filename
        if is_ours(file) or not self._places.is_users(file):
            return None
        caller = frame.f_back
        if caller is not None and caller in self._before:
            self._look(caller)
        self._before[frame] = frame.f_lineno or 0
        return self._local

    def _local(self, frame: FrameType, _: str, __: Any) -> Any:
        self._look(frame)
        if self._has_happened is not None and frame in self._before:
            self._before[frame] = frame.f_lineno or 0
        return self._local

    def _look(self, frame: FrameType) -> None:
        self._lines += 1
        line = self._before.get(frame)
        if line is None or self._has_happened is None:
            return
        if self._has_happened():
            self._found = self._places.of(frame.f_code, line)
            self._stop()
        elif self._lines > _MOST_LINES:
            self._stop()


def _is_plain(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray):
        return 0 < leaf.nbytes <= _MOST_BYTES and leaf.dtype.kind in "biufc"
    return (
        isinstance(leaf, torch.Tensor)
        and leaf.layout is torch.strided
        and leaf.is_cpu
        and not (leaf.requires_grad or leaf.is_nested)
        and 0 < leaf.nbytes <= _MOST_BYTES
    )


def _span(leaf: Any) -> tuple[int, int]:
    """Give where a leaf begins and ends in memory."""
    if isinstance(leaf, np.ndarray):
        return np.lib.array_utils.byte_bounds(leaf)
    pairs = zip(leaf.shape, leaf.stride(), strict=True)
    start, length = leaf.data_ptr(), 1 + sum((size - 1) * step for size, step in pairs)
    return start, start + length * leaf.element_size()
