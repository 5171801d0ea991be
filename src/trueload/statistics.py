"""What a loader has done so far, and what it holds now: `loader.statistics()`.

Iterators count as they go, in a `Meter` that costs some 0.2 us a batch. What others know, such as
the engine and the workers, is asked for only when somebody wants to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Protocol
from weakref import ref

from trueload.watching.tally import Tally, Watching, together, watching

_COUNTED = ("bad_samples", "batches", "epochs", "inline", "samples")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a loader has done since it was made, over all its iterators.

    Attributes:
        epochs: How many epochs were begun.
        batches: How many batches were taken.
        samples: How many samples these had; the last batch of an iterable dataset counts as full.
        bad_samples: How many samples were bad, and left out or replaced by `on_error`.
        waited_seconds: How long the loop waited for its batches. Without workers, that is how
            long they took to make.
        waited_share: The share of its time that this is, from 0 to 1. What passes between epochs
            is not counted.
        in_flight: How many batches workers have been asked for that are not taken yet.
        ready: How many of these are made.
        held_bytes: How much memory is kept for batches, used now or to be used again.
        workers_replaced: How many workers have ended and been replaced.
        tasks_retried: How many batches were begun again, as they were lost with a worker.
        watching: How each kind of process looks after the dataset's memory. Torch's own workers,
            which serve where ours cannot, do not tell.
    """

    epochs: int = 0
    batches: int = 0
    samples: int = 0
    bad_samples: int = 0
    waited_seconds: float = 0.0
    waited_share: float = 0.0
    in_flight: int = 0
    ready: int = 0
    held_bytes: int = 0
    workers_replaced: int = 0
    tasks_retried: int = 0
    watching: tuple[Watching, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What an iterator over workers knows.

    Attributes:
        in_flight: As in `Statistics`.
        ready: As in `Statistics`.
        replaced: How many workers were replaced.
        retried: How many tasks were retried.
        tally: What the workers have counted together.
    """

    in_flight: int = 0
    ready: int = 0
    replaced: int = 0
    retried: int = 0
    tally: Sequence[int] = ()

    def after(self, before: "Figures") -> "Figures":
        """Add what was known before."""
        return replace(
            self,
            replaced=before.replaced + self.replaced,
            retried=before.retried + self.retried,
            tally=together([before.tally, self.tally]),
        )


class Source(Protocol):
    """An iterator that can be asked."""

    def figures(self) -> Figures:
        """Give what it knows."""
        ...


class Meter:
    """Counts what is taken from a loader.

    Attributes:
        epochs: How many epochs were begun.
        batches: How many batches were taken.
        samples: How many samples these had.
        bad_samples: How many samples were bad, and left out or replaced.
        inline: What the loader's own process counts as it looks after the dataset.
    """

    __slots__ = ("_before", "_last", "_live", "_loop_ns", "_waited_ns", *_COUNTED)

    def __init__(self) -> None:
        self.epochs = self.batches = self.samples = self.bad_samples = 0
        self.inline = Tally()
        self._waited_ns = self._loop_ns = self._last = 0
        self._live: ref[Source] | None = None
        self._before = Figures()

    def begin(self, source: Source | None = None) -> None:
        """Note that an epoch begins, and who can be asked about it."""
        self.epochs += 1
        self._last = 0
        if source is not None:
            self._live = ref(source)

    def took(self, samples: int, asked_ns: int) -> None:
        """Note that a batch was taken just now, and when it was asked for."""
        now = perf_counter_ns()
        self.batches += 1
        self.samples += samples
        self._waited_ns += now - asked_ns
        if self._last:
            self._loop_ns += asked_ns - self._last
        self._last = now

    def retire(self, figures: Figures) -> None:
        """Keep what an iterator has known whose workers end."""
        self._live = None
        self._before = replace(figures, in_flight=0, ready=0).after(self._before)

    def statistics(self, held_bytes: int) -> Statistics:
        """Give what was counted.

        Args:
            held_bytes: How much memory the loader keeps for batches.
        """
        source = None if self._live is None else self._live()
        known = self._before if source is None else source.figures().after(self._before)
        all_ns = self._waited_ns + self._loop_ns
        tallies = {"inline": self.inline.words(), "worker": known.tally}
        return Statistics(
            epochs=self.epochs,
            batches=self.batches,
            samples=self.samples,
            bad_samples=self.bad_samples,
            waited_seconds=self._waited_ns / 1e9,
            waited_share=self._waited_ns / all_ns if all_ns else 0.0,
            in_flight=known.in_flight,
            ready=known.ready,
            held_bytes=held_bytes,
            workers_replaced=known.replaced,
            tasks_retried=known.retried,
            watching=tuple(watching(kind, words) for kind, words in tallies.items() if any(words)),
        )
