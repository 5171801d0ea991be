"""How batches are made, in the process that makes them: the script's own or a worker of torch's.

Workers that torch forks inherit the instruments, and tell what they see through `notes.py`. Those
that are started anew have none.

The samples of a first batch are copied as they come, to see whether the next one overwrites them.
Then a few are read again, in a copy of the process: see `rereading.py`. From then on the pages of
the dataset's arrays are watched, and samples read again only where something was written to them.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from torch.utils.data import IterableDataset, get_worker_info

from trueload.evidence import Loader
from trueload.evidence.making import Pace
from trueload.evidence.memory import Mapped, Reread, Reused
from trueload.sanitizer.apart import apart, written_files
from trueload.sanitizer.notes import Notes
from trueload.sanitizer.overwriting import Overwritten, Seen, SeenBatches
from trueload.sanitizer.rereading import Rereading, file_at
from trueload.watching.arrays import Kept, kept_by
from trueload.watching.pages import Pages, Span, pages_of

if TYPE_CHECKING:
    from trueload.sanitizer.recorder import Recorder

_MOST_LOADERS: Final = 16
_LOOKS: Final = 2
_SEEN_BATCHES: Final = 3
_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 2.0
_MOST_DOUBTS: Final = 3
_LEAST_TIMED: Final = 8


class _Making:
    """What is known of a fetcher: it makes the batches of one epoch, in one process.

    Attributes:
        loader: Its loader.
        looks: Whether it is one of those that are looked at closely.
        batches: How many it has made.
        seconds: How long that took, but for the first ones.
        timed: How many were timed.
        collate_fn: Puts samples together; timed.
        seen_batches: Compares the first ones.
        arrays: The arrays of its dataset that are watched.
        pages: Watches them.
        doubts: How often each was written to, and came to nothing.
    """

    def __init__(self, loader: Loader, fetcher: Any, *, looks: bool) -> None:
        self.loader, self.looks = loader, looks
        self.batches = self.timed = 0
        self.seconds = 0.0
        self.collate_fn = fetcher.collate_fn = _Timed(fetcher.collate_fn)
        self.seen_batches = SeenBatches(sent=get_worker_info() is not None)
        self.arrays: list[Kept] = []
        self.pages: Pages | None = None
        self.doubts: dict[str, int] = {}

    def watch(self, arrays: list[Kept]) -> None:
        """Watch these arrays and no others."""
        if self.pages is not None:
            self.pages.close()
        self.arrays = arrays
        forked = get_worker_info() is not None
        self.pages = pages_of([one.pages for one in arrays], forked=forked) if arrays else None

    def written(self) -> list[Span]:
        """Give what was written to since the last time."""
        return [] if self.pages is None else self.pages.written()


class _Timed:
    """A collate function that is timed.

    Args:
        function: It.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, samples: Any) -> Any:
        begun = time.perf_counter()
        try:
            return self.function(samples)
        finally:
            self.seconds += time.perf_counter() - begun


class Fetching:
    """Follows the fetchers of all loaders.

    Attributes:
        spent_seconds: How much time went into looking, in this process.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._notes: Notes | None = None
        self._makings: WeakKeyDictionary[Any, _Making] = WeakKeyDictionary()
        self._current: Loader | None = None
        self._times: dict[Any, int] = {}
        self.spent_seconds = 0.0

    def beginning(self, loader: Loader) -> None:
        """Put down whose workers, or whose fetcher, are about to be made."""
        self._notes = self._notes or Notes()  # before there are workers to inherit it
        self._current = loader
        self._times[loader.origin] = self._times.get(loader.origin, 0) + 1

    def read_notes(self) -> None:
        """Put down what was told, by workers and here."""
        run, files = self._recorder.run, self._recorder.places.files
        for fact in () if self._notes is None else self._notes.read(run):
            if isinstance(fact, Pace):
                run.data.making.add(fact)
            else:
                run.data.memory.add(fact)
            place = getattr(fact, "place", None)
            if place is not None:
                files.add(place.file)

    def fetch(self, original: Callable[..., Any], fetcher: Any, index: Any) -> Any:
        """Have a batch made, and look at it."""
        making, quietly = self._making(fetcher), self._recorder.quietly
        if making is None:
            return original(fetcher, index)
        begun = time.perf_counter()
        seen = quietly(self._before, making, fetcher)
        looked = time.perf_counter()
        try:
            batch = original(fetcher, index)
        finally:
            made = time.perf_counter()
            if seen is not None:
                seen.take_out()
        making.batches += 1
        quietly(self._time, making, made - looked)
        quietly(self._after, making, fetcher, index, batch, seen)
        self.spent_seconds += time.perf_counter() - made + looked - begun
        return batch

    def _making(self, fetcher: Any) -> _Making | None:
        making = self._makings.get(fetcher)
        loader = self._current
        if making is None and loader is not None:
            few = len(self._times) <= _MOST_LOADERS and self._times[loader.origin] <= _LOOKS
            worker = get_worker_info()
            looks = few and (worker is None or worker.id == 0)
            making = self._makings[fetcher] = _Making(loader, fetcher, looks=looks)
        return making

    def _time(self, making: _Making, seconds: float) -> None:
        if making.batches <= _SEEN_BATCHES:
            making.collate_fn.seconds = 0.0
            return
        making.timed += 1
        making.seconds += seconds
        if making.timed >= _LEAST_TIMED and not making.timed & (making.timed - 1):
            collate_seconds = making.collate_fn.seconds
            number, seconds = making.timed, making.seconds
            self._tell(Pace(making.loader, os.getpid(), number, seconds, collate_seconds))

    def _before(self, making: _Making, fetcher: Any) -> Seen | None:
        making.written()  # by the loop, or by whom it may be
        if not making.looks or making.batches >= _SEEN_BATCHES:
            return None
        making.seen_batches.before()
        return Seen.put_in(fetcher)

    def _after(
        self, making: _Making, fetcher: Any, index: Any, batch: Any, seen: Seen | None
    ) -> None:
        if making.looks and making.batches <= _SEEN_BATCHES:
            self._look_at_overwriting(making, fetcher, batch, seen)
        if isinstance(fetcher.dataset, IterableDataset):
            return
        indices = list(index) if fetcher.auto_collation else [index]
        if making.batches == 1:
            making.watch(kept_by(fetcher.dataset))
            if making.looks:
                self._look_for_files(making, fetcher.dataset)
                self._read_again(making, fetcher.dataset, indices)
            return
        written = making.written()
        if written:
            self._look_at_written(making, fetcher.dataset, indices, written)

    def _look_at_overwriting(
        self, making: _Making, fetcher: Any, batch: Any, seen: Seen | None
    ) -> None:
        kind = type(fetcher.dataset).__qualname__
        if seen is not None and seen.overwritten is not None:
            method = "__iter__" if isinstance(fetcher.dataset, IterableDataset) else "__getitem__"
            self._tell_overwritten(making, seen.overwritten, f"{kind}.{method}", samples=True)
        found = making.seen_batches.after(batch)
        if found is not None:
            collate = getattr(making.collate_fn.function, "__qualname__", "collate_fn")
            maker = collate if fetcher.auto_collation else kind
            self._tell_overwritten(making, found, maker, samples=False)
        if making.batches == _SEEN_BATCHES:
            making.seen_batches.end()

    def _tell_overwritten(
        self, making: _Making, found: Overwritten, maker: str, *, samples: bool
    ) -> None:
        place = None if found.line is None else self._recorder.places.of(*found.line)
        fact = Reused(making.loader, place, found.leaf, found.what, samples, maker)
        self._tell(fact)

    def _tell(self, fact: Any) -> None:
        if self._notes is not None:
            self._notes.write(fact)

    def _look_for_files(self, making: _Making, dataset: Any) -> None:
        files = written_files()
        for array in kept_by(dataset, small=True) if files else ():
            file = file_at(array.address, files)
            if file:
                self._tell(Mapped(making.loader, array.path, file))

    def _look_at_written(
        self, making: _Making, dataset: Any, indices: list[Any], written: list[Span]
    ) -> None:
        """Read samples again, as an array was written to while they were made."""
        arrays = [one for one in making.arrays if one.is_in(written)]
        found = self._read_again(making, dataset, indices)
        for one in arrays:
            making.doubts[one.path] = making.doubts.get(one.path, 0) + 1
        gone = {path for path, doubts in making.doubts.items() if found or doubts >= _MOST_DOUBTS}
        if gone:
            making.watch([one for one in making.arrays if one.path not in gone])

    def _read_again(self, making: _Making, dataset: Any, indices: list[Any]) -> bool:
        """Read samples again, in a copy of this process, and tell what that changes."""
        reading = Rereading(
            making.loader, dataset, written_files(), self._recorder.places, _SECONDS
        )
        said = apart(partial(reading.look, indices), _PATIENCE_SECONDS)
        if said is None:
            return False
        number, changed = said
        self._tell(Reread(making.loader, number))
        if changed is not None:
            self._tell(changed)
        return changed is not None
