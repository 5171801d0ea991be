"""A run as it was seen: all facts and events, bounded however long it goes on."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from trueload.evidence.data import Data
from trueload.evidence.events import Backward, EpochBegun, EpochEnded, Event, Fetch, Forward, Step
from trueload.evidence.facts import Loader, Module, Optimizer, Parameter
from trueload.findings import Place

_BEGINNING: Final = 8192
_END: Final = 2048

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True, slots=True)
class Crash:
    """The exception that ended the script.

    Attributes:
        kind: The name of its class.
        message: Its text.
        place: The user's line that raised it, or called what did.
        facts: What was measured in the frames of torch that it went through, such as the range
            of the labels that a loss function was given.
    """

    kind: str
    message: str
    place: Place | None
    facts: dict[str, float | int | str | tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """How much was looked at, for the last line of a report.

    Attributes:
        steps: Optimizer steps.
        backwards: Backward passes.
        graphs: Graphs of losses that were walked.
        batches: Batches that loaders gave.
        samples: Samples in those of the loaders with a batch size.
        parameters: Parameters seen.
        loaders: Loaders seen.
        seconds: How long the script ran.
        reread: Samples that were read again, to see what reading them changes.
    """

    steps: int = 0
    backwards: int = 0
    graphs: int = 0
    batches: int = 0
    samples: int = 0
    parameters: int = 0
    loaders: int = 0
    seconds: float = 0.0
    reread: int = 0


class Run:
    """Everything that was seen of a run.

    Attributes:
        loaders: In the order in which they were made.
        modules: Root modules, in the order in which they were first called.
        parameters: In the order in which they were first seen.
        optimizers: In the order in which they were made.
        happened: How many events of each kind there were, kept or not.
        crash: The exception that ended the script, if one did.
        complete: Whether the script ran to its end.
        whole: Whether every event was kept. If not, those in the middle are missing.
        sources: The user's files that ran, each with its text.
        kept_places: Lines at which a loss was added to what holds the graphs of earlier ones.
        data: What was seen of samples: orders, labels, contents.
        accumulate: How many backward passes a step is to use, where the user has said so.
    """

    def __init__(self) -> None:
        self.loaders: list[Loader] = []
        self.modules: list[Module] = []
        self.parameters: list[Parameter] = []
        self.optimizers: list[Optimizer] = []
        self.happened: dict[type[Event], int] = {}
        self.crash: Crash | None = None
        self.complete = False
        self.sources: dict[str, str] = {}
        self.kept_places: list[Place] = []
        self.data = Data()
        self.accumulate: int | None = None
        self.samples = 0
        self.graphs = 0
        self._beginning: list[Event] = []
        self._end: deque[Event] = deque(maxlen=_END)

    def add(self, event: Event) -> None:
        """Put down an event."""
        kind = type(event)
        self.happened[kind] = self.happened.get(kind, 0) + 1
        if len(self._beginning) < _BEGINNING:
            self._beginning.append(event)
        else:
            self._end.append(event)

    @property
    def whole(self) -> bool:
        """Whether every event was kept."""
        return sum(self.happened.values()) <= _BEGINNING + _END

    def events(self, *kinds: type[Kind]) -> Iterator[Kind]:
        """Yield the events of these kinds, in order."""
        for part in (self._beginning, self._end):
            for event in part:
                if isinstance(event, kinds):
                    yield event

    @property
    def backwards(self) -> list[Backward]:
        """The backward passes."""
        return list(self.events(Backward))

    @property
    def fetches(self) -> list[Fetch]:
        """The batches that loaders gave."""
        return list(self.events(Fetch))

    @property
    def forwards(self) -> list[Forward]:
        """The calls of root modules."""
        return list(self.events(Forward))

    @property
    def epochs(self) -> list[EpochBegun | EpochEnded]:
        """The beginnings and ends of iterations over loaders."""
        return list(self.events(EpochBegun, EpochEnded))

    def steps(self, optimizer: Optimizer | None = None) -> list[Step]:
        """Give the steps, of one optimizer or of all."""
        steps = self.events(Step)
        return [step for step in steps if optimizer is None or step.optimizer is optimizer]

    def examined(self, seconds: float = 0.0) -> Examined:
        """Sum up how much was looked at."""
        return Examined(
            steps=self.happened.get(Step, 0),
            backwards=self.happened.get(Backward, 0),
            graphs=self.graphs,
            batches=self.happened.get(Fetch, 0),
            samples=self.samples,
            parameters=len(self.parameters),
            loaders=len(self.loaders),
            seconds=seconds,
            reread=self.data.memory.reread,
        )
