"""What only the HTML page shows: pictures of batches, scalars of steps, and where time went.

It is recorded where the page is asked for, by `trueload.sanitizer.camera`. Checks do not read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from trueload.evidence.facts import Loader, Optimizer

_MOST: Final = 512


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of one sample.

    Attributes:
        width: In pixels.
        height: In pixels.
        channels: 1 for gray, 3 for red, green and blue.
        pixels: Rows from the top, a byte for each channel of each pixel.
    """

    width: int
    height: int
    channels: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class LeafShown:
    """A tensor or array of a batch, as the page shows it.

    Attributes:
        name: Where in the batch: `batch[0]`.
        shape: Its shape.
        dtype: Its dtype, such as `float32`.
        low: Its least finite value.
        high: Its greatest finite value.
        mean: The mean of its finite values.
        deviation: The standard deviation of its finite values.
        not_finite: How many values are NaN or infinite, among those looked at.
        histogram: How many values fall into each of equal parts of the range.
        pictures: The first samples, where it looks like images.
        labels: The values of the first samples, where it looks like labels.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    deviation: float = 0.0
    not_finite: int = 0
    histogram: tuple[int, ...] = ()
    pictures: tuple[Picture, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchShown:
    """One of the first batches of a loader."""

    loader: Loader
    epoch: int
    batch: int
    leaves: tuple[LeafShown, ...]


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How often each label came in one batch.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        batch: The number of the batch in it, from 0.
        leaf: Where the labels are in the batch.
        counts: Pairs of a label and how often it came.
    """

    loader: Loader
    epoch: int
    batch: int
    leaf: str
    counts: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class StepShown:
    """The scalars of one optimizer step; `None` for what was not seen.

    Attributes:
        optimizer: The optimizer.
        ordinal: Its number among the steps of this optimizer, from 0.
        loss: The loss of the last backward pass before it.
        gradient: The norm of the gradients that it used.
        update: The norm of the change of the parameters, over the norm of the parameters.
        rate: The greatest learning rate.
    """

    optimizer: Optimizer
    ordinal: int
    loss: float | None
    gradient: float | None
    update: float | None
    rate: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time.

    Attributes:
        kind: `fetch`, where the loop makes its batch itself, `wait`, where workers do, `forward`
            for all between a batch and its backward pass, `backward` or `step`.
        begin: In seconds since the first.
        end: In seconds since the first.
    """

    kind: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(slots=True)
class Footage:
    """All that the page shows of a run, bounded however long it goes on.

    Attributes:
        batches: The first batches of the first loaders.
        labels: The labels of a few more batches.
        steps: Scalars of steps, thinned out when they become too many.
        spans: What the first steps spent their time with, in order.
        totals: Seconds by kind, over the whole run.
        seconds: From the begin of the first stretch to the end of the last.
    """

    batches: list[BatchShown] = field(default_factory=list)
    labels: list[LabelCounts] = field(default_factory=list)
    steps: list[StepShown] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    _every: int = 1

    def wants_step(self, ordinal: int) -> bool:
        """Say whether a step is to be put down, by its number among those of its optimizer."""
        return ordinal % self._every == 0

    def add_step(self, step: StepShown) -> None:
        """Put down the scalars of a step; when there are too many, every second goes."""
        self.steps.append(step)
        if len(self.steps) >= _MOST * 2:
            self._every *= 2
            self.steps = [one for one in self.steps if self.wants_step(one.ordinal)]

    def add_span(self, span: Span) -> None:
        """Put down a stretch of time."""
        self.totals[span.kind] = self.totals.get(span.kind, 0.0) + span.seconds
        self.seconds = max(self.seconds, span.end)
        if len(self.spans) < _MOST:
            self.spans.append(span)

    def optimizers(self) -> Iterator[tuple[Optimizer, list[StepShown]]]:
        """Yield each optimizer with its steps."""
        found: dict[Optimizer, list[StepShown]] = {}
        for step in self.steps:
            found.setdefault(step.optimizer, []).append(step)
        yield from found.items()
