"""What happened in a run, in order.

Every event has the line of the user's code that brought it about and its number among all
events, so that order can be told: `step.number > backward.number`. What is said to be measured
"in detail" is measured at the first steps, then at ever rarer ones, and `None` in between.
"""

from dataclasses import dataclass, field
from enum import Enum

from trueload.evidence.facts import Loader, Module, Optimizer
from trueload.evidence.graph import Graph, Hazard
from trueload.findings import Place


@dataclass(slots=True, eq=False, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        number: Its number among all events, from 0.
        place: The line of the user's code.
        steps: How many optimizer steps there had been before, of all optimizers.
        inside_step: Whether it happened while an optimizer stepped, as in a closure.
    """

    number: int
    place: Place
    steps: int = 0
    inside_step: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor or array of a batch, or one that a model was given.

    Attributes:
        name: Where in the batch: `batch[0]`.
        shape: Its shape.
        dtype: Its dtype, such as `float32`.
        low: Its least value; `None` for what has no order, or is empty.
        high: Its greatest value.
        finite: Whether no value is NaN or infinite.
        digest: Equal for equal values, as far as a few thousand of them tell.
        memory: Where its values begin in memory, on the CPU.
        contiguous: Whether its values lie in memory in the order of its shape.
        few: Some of its values, evenly spread in the order of its shape.
        bad_row: The first of its rows with a value that is not finite, if there is one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    finite: bool = True
    digest: int = 0
    memory: int = 0
    contiguous: bool = True
    few: tuple[float, ...] = ()
    bad_row: int | None = None


@dataclass(frozen=True, slots=True)
class Acting:
    """The parts of a model that do something else in training, and those that do it now.

    Attributes:
        of: How many there are: dropout, and batch norm with running statistics.
        dropouts: How many dropouts drop.
        norms: How many batch norms use the statistics of the batch, and change their own.
        averaging: How many of these have no momentum, as while their statistics are made anew.
    """

    of: int = 0
    dropouts: int = 0
    norms: int = 0
    averaging: int = 0

    @property
    def any(self) -> bool:
        """Whether some part acts as in training."""
        return bool(self.dropouts or self.norms)

    @property
    def shown(self) -> str:
        """How many act, for evidence: `2 dropouts, 1 batch norm`."""
        parts = ((self.dropouts, "dropout"), (self.norms, "batch norm"))
        return ", ".join(f"{n} {name}{'s' * (n > 1)}" for n, name in parts if n)


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """What the first layer with weights of a model was given.

    Attributes:
        kind: The name of its class: `Conv2d`.
        input: What it was given.
        channels: The channels that it takes; `None` where it is no convolution.
    """

    kind: str
    input: Leaf
    channels: int | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class EpochBegun(Event):
    """An iteration over a loader began: `iter(loader)`.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
    """

    loader: Loader
    epoch: int


@dataclass(slots=True, eq=False, kw_only=True)
class Fetch(Event):
    """A loader gave a batch.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        batch: The number of the batch in it, from 0.
        waited_seconds: How long the loop waited for it, without our own looks.
        worked_seconds: How long the loop had worked since the batch before; 0 for the first.
        leaves: What it consists of, in detail.
    """

    loader: Loader
    epoch: int
    batch: int
    waited_seconds: float = 0.0
    worked_seconds: float = 0.0
    leaves: tuple[Leaf, ...] | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class EpochEnded(Event):
    """A loader was asked for a batch and had no more.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        batches: How many batches it gave.
    """

    loader: Loader
    epoch: int
    batches: int


@dataclass(slots=True, eq=False, kw_only=True)
class FetchAfterEnd(Event):
    """An iterator that had ended was asked for another batch.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
    """

    loader: Loader
    epoch: int


@dataclass(slots=True, eq=False, kw_only=True)
class Forward(Event):
    """A root module was called.

    Attributes:
        module: The module.
        training: Its `training`.
        grad: Whether gradients were enabled.
        fetch: The batch that was fetched last before.
        inputs: What it was called with, in detail.
        acting: Which of its parts act as in training.
        switched: The line that set its mode last.
        switched_at: How many events there had been then.
        first: What its first layer was given, in detail.
    """

    module: Module
    training: bool
    grad: bool
    fetch: Fetch | None = None
    inputs: tuple[Leaf, ...] | None = None
    acting: Acting = Acting()
    switched: Place | None = None
    switched_at: int = 0
    first: FirstLayer | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Backward(Event):
    """A backward pass that accumulates into `.grad`.

    Attributes:
        into: The optimizers whose parameters got gradients from it.
        shape: The shape of the loss.
        finite: Whether the loss is finite; `None` where looking would have made a device wait.
        retained: Whether the graph was kept, by `retain_graph` or `create_graph`.
        partial: Whether only some leaves were asked for, by `inputs=`.
        graph: What the loss depends on, in detail.
        hazards: Operations at a point where something becomes infinite, at the first steps.
        fetch: The batch that was fetched last before.
        kept_alive: How many graphs of earlier backward passes were still alive.
    """

    into: tuple[Optimizer, ...] = ()
    shape: tuple[int, ...] = ()
    finite: bool | None = None
    retained: bool = False
    partial: bool = False
    graph: Graph | None = None
    hazards: tuple[Hazard, ...] = ()
    fetch: Fetch | None = None
    kept_alive: int = 0


class Gradient(Enum):
    """What an optimizer finds in `.grad` when it steps."""

    NONE = "none"
    """No parameter has a gradient."""
    ZERO = "zero"
    """All that were looked at are zero."""
    SOME = "some"
    """There is a gradient."""


@dataclass(slots=True, eq=False, kw_only=True)
class Step(Event):
    """An optimizer stepped. Steps that a `GradScaler` skips are none.

    Attributes:
        optimizer: The optimizer.
        ordinal: Its number among the steps of this optimizer, from 0.
        gradient: What there was to step with.
        carried: Whether it used gradients again that the step before had already used.
        backwards: The backward passes whose gradients it used.
        lost: The backward passes since the step before whose gradients were cleared unused.
        changed: Whether the gradients were changed by hand between the last backward pass and
            the step, as by scaling them; what torch's functions clip does not count.
        finite: Whether the gradients that were looked at are finite; `None` if none was.
        rate: The greatest learning rate of its groups.
        closure_calls: How often it called a closure.
        training: The `training` of the root modules since the last step, and whether they have
            dropout or batch norm: pairs of module and flag.
    """

    optimizer: Optimizer
    ordinal: int
    gradient: Gradient = Gradient.SOME
    carried: bool = False
    backwards: tuple[Backward, ...] = ()
    lost: tuple[Backward, ...] = ()
    changed: bool = False
    finite: bool | None = None
    rate: float = 0.0
    closure_calls: int = 0
    training: tuple[tuple[Module, bool], ...] = ()


@dataclass(slots=True, eq=False, kw_only=True)
class Clip(Event):
    """Gradients were clipped by `torch.nn.utils`.

    Attributes:
        limit: The greatest norm or value allowed.
        used: The optimizers of these gradients that had already stepped with them.
        unused: The other optimizers of these gradients.
    """

    limit: float
    used: tuple[Optimizer, ...] = ()
    unused: tuple[Optimizer, ...] = ()


@dataclass(slots=True, eq=False, kw_only=True)
class Rate(Event):
    """A scheduler stepped.

    Attributes:
        scheduler: The name of its class.
        made_at: The line that made it.
        optimizer: The optimizer whose rate it sets.
        before: The greatest rate of the groups before.
        after: The greatest rate of the groups after.
    """

    scheduler: str
    optimizer: Optimizer
    before: float
    after: float
    made_at: Place | None = field(default=None)
