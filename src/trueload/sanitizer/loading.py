"""The loaders of a run: where they were made, when they are iterated, what they give."""

import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from torch.utils.data import DataLoader

from trueload.evidence import EpochBegun, EpochEnded, Fetch, FetchAfterEnd, Loader
from trueload.findings import Place
from trueload.fingerprint import length_of
from trueload.sanitizer.batches import leaves_of, leaves_of_parts, parts_of

if TYPE_CHECKING:
    from trueload.sanitizer.recorder import Recorder


class _Epoch:
    """An iteration over a loader that is going on.

    Attributes:
        begun: The line that began it.
        cursor: Of an iterator of ours, what it is at; another one is another epoch.
        is_asked: Whether it is being asked for a batch, as by itself.
        given: When it gave its latest batch.
    """

    __slots__ = ("batches", "begun", "cursor", "ended", "facts", "given", "is_asked", "number")

    def __init__(self, facts: Loader, iterator: Any, begun: Place) -> None:
        self.facts, self.begun = facts, begun
        self.number = facts.epochs
        self.cursor = getattr(iterator, "_cursor", None)
        self.batches = 0
        self.ended = self.is_asked = False
        self.given: float | None = None


class Loading:
    """Follows all loaders.

    Attributes:
        latest: The batch fetched last.
        passes: How many iterations have ended over the loader that ended most among those whose
            batches were trained on.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._facts: WeakKeyDictionary[DataLoader, Loader] = WeakKeyDictionary()
        self._epochs: WeakKeyDictionary[Any, _Epoch] = WeakKeyDictionary()
        self._training: dict[Loader, int] = {}
        self.live: dict[Loader, ref[DataLoader]] = {}
        self.latest: Fetch | None = None
        self._parts: list[tuple[str, ref[Any]]] = []

    @property
    def passes(self) -> int:
        """How often the loader that trains was read to its end."""
        return max(self._training.values(), default=0)

    def made(self, loader: DataLoader, *, met: bool = False) -> Loader:
        """Give the facts of a loader, new ones where it was not seen before."""
        facts = self._facts.get(loader)
        if facts is None:
            recorder = self._recorder
            facts = Loader(
                number=len(recorder.run.loaders),
                place=recorder.places.here(2),
                dataset=type(loader.dataset).__name__,
                length=length_of(loader.dataset),
                batch_size=loader.batch_size,
                sampler=type(loader.sampler).__name__,
                num_workers=loader.num_workers,
                met=met,
            )
            self._facts[loader] = facts
            self.live[facts] = ref(loader)
            recorder.run.loaders.append(facts)
        return facts

    def follows(self, loader: DataLoader) -> bool:
        """Say whether what a loader does in this thread is followed."""
        return self._recorder.scope.is_here() and self._recorder.scope.has_loader(loader)

    def beginning(self, loader: DataLoader) -> None:
        """Put down that an iteration is about to begin."""
        if not self._recorder.scope.is_whole:
            return
        facts = self.made(loader, met=True)
        self._recorder.fetching.beginning(facts)
        self._recorder.workers.beginning(loader, facts)

    def failed(self, loader: DataLoader, error: Exception) -> None:
        """Put down that an iteration could not begin."""
        if self._recorder.scope.is_whole:
            self._recorder.workers.failed(loader, error)

    def begun(self, loader: DataLoader, iterator: Any) -> None:
        """Put down that an iteration began."""
        facts = self.made(loader, met=True)
        self._begin(facts, iterator)

    def _begin(self, facts: Loader, iterator: Any) -> _Epoch:
        recorder = self._recorder
        event = EpochBegun(**recorder.stamp(), loader=facts, epoch=facts.epochs)
        recorder.run.add(event)
        epoch = self._epochs[iterator] = _Epoch(facts, iterator, event.place)
        facts.epochs += 1
        return epoch

    def _now(self, iterator: Any) -> _Epoch | None:
        """Give the epoch that an iterator is in: one of ours goes on from one to the next."""
        epoch = self._epochs.get(iterator)
        if epoch is None or getattr(iterator, "_cursor", None) is epoch.cursor:
            return epoch
        if not epoch.ended:
            self.ended(iterator)
        return self._begin(epoch.facts, iterator)

    def asks(self, iterator: Any) -> bool:
        """Say whether an iterator is asked for a batch by anybody but itself.

        Where it is, `asked` must follow.
        """
        epoch = self._epochs.get(iterator)
        if epoch is None or not self._recorder.is_open:
            self.latest = None  # what comes next is of a loader that is not followed
            return False
        if epoch.is_asked:
            return False
        epoch.is_asked = True
        if self._recorder.scope.is_whole:
            self._recorder.quietly(self._recorder.handed.before_fetch)
        return True

    def asked(self, iterator: Any) -> None:
        """Note that an iterator has answered."""
        epoch = self._epochs.get(iterator)
        if epoch is not None:
            epoch.is_asked = False

    def fetched(self, iterator: Any, batch: Any, asked: float, looked_seconds: float) -> None:
        """Put down that a batch was given.

        Args:
            iterator: What gave it.
            batch: It.
            asked: When it was asked for, by `time.perf_counter`.
            looked_seconds: How much of the time since went into our own looks.
        """
        now = time.perf_counter()
        epoch = self._now(iterator)
        if epoch is None:
            return
        recorder = self._recorder
        event = Fetch(
            **recorder.stamp(),
            loader=epoch.facts,
            epoch=epoch.number,
            batch=epoch.batches,
            waited_seconds=max(0.0, now - asked - looked_seconds),
            worked_seconds=0.0 if epoch.given is None else asked - epoch.given,
        )
        if recorder.detailed or epoch.batches == 0:
            event.leaves = leaves_of(batch)
        else:
            self._parts = parts_of(batch)
        epoch.batches += 1
        epoch.facts.fetched += 1
        self.latest = event
        recorder.run.add(event)
        live = self.live[epoch.facts]()
        indices = recorder.guarded(recorder.samples.fetched, iterator, live, event, batch) or []
        recorder.run.samples += len(indices) or epoch.facts.batch_size or 0
        if recorder.scope.is_whole:
            dataset = getattr(iterator, "_dataset", None)
            recorder.guarded(recorder.handed.fetched, dataset, event, epoch.begun, indices, batch)
        if recorder.camera is not None:
            recorder.guarded(recorder.camera.fetched, event, batch)
        epoch.given = time.perf_counter()

    def look_again(self) -> None:
        """Describe the latest batch, if that was not done when it came."""
        if self.latest is not None and self.latest.leaves is None:
            self.latest.leaves = leaves_of_parts(self._parts)

    def ended(self, iterator: Any) -> None:
        """Put down that an iterator has no more batches, or was asked although it had none."""
        epoch = self._epochs.get(iterator)
        if epoch is None:
            return
        recorder = self._recorder
        common: dict[str, Any] = {**recorder.stamp(), "loader": epoch.facts, "epoch": epoch.number}
        if epoch.ended:
            recorder.run.add(FetchAfterEnd(**common))
            return
        epoch.ended = True
        recorder.run.add(EpochEnded(**common, batches=epoch.batches))
        if epoch.facts in self._training:
            self._training[epoch.facts] += 1

    def trained(self, fetch: Fetch | None) -> None:
        """Put down that a batch was trained on."""
        if fetch is not None:
            self._training.setdefault(fetch.loader, 0)
