"""What exists in a run: loaders, root modules, parameters, optimizers.

Each is numbered in the order in which it was first seen. The instruments fill in more as the run
goes on, so these are not frozen; a check only reads them.
"""

from dataclasses import dataclass, field

from trueload.findings import Place


@dataclass(slots=True, eq=False)
class Loader:
    """A `DataLoader`.

    Attributes:
        number: Its number among the loaders, from 0.
        place: The line that made it, or met it where it was made before the run was watched.
        dataset: The name of the dataset's class.
        length: Samples in the dataset, or `None` where it has no length.
        batch_size: As torch has it; `None` without batching, or with a batch sampler of one's own.
        sampler: The name of the sampler's class.
        num_workers: As torch has it.
        epochs: How many iterations over it have begun.
        fetched: How many batches it has given in all.
        met: Whether it was made before the run was watched.
    """

    number: int
    place: Place
    dataset: str
    length: int | None = None
    batch_size: int | None = None
    sampler: str = ""
    num_workers: int = 0
    epochs: int = 0
    fetched: int = 0
    met: bool = False

    @property
    def where(self) -> str:
        """Where it comes from, for evidence: `made at train.py:10`."""
        return _where(self.place, met=self.met)

    @property
    def origin(self) -> tuple[Place, str, int | None]:
        """What is the same for loaders that a script makes anew for each epoch."""
        return self.place, self.dataset, self.length


@dataclass(slots=True, eq=False)
class Module:
    """A module that no other module called: what the user calls `model(...)`.

    Attributes:
        number: Its number among the root modules, from 0.
        kind: The name of its class.
        place: The line that called it first.
        modal: How many of its submodules behave differently in training: dropout, batch norm.
        forwards: How often it was called.
        loaded: Whether weights were loaded into it by `load_state_dict`.
        normed: Whether it has a layer that normalizes.
    """

    number: int
    kind: str
    place: Place
    modal: int = 0
    forwards: int = 0
    loaded: bool = False
    normed: bool = False


@dataclass(slots=True, eq=False)
class Parameter:
    """A leaf tensor that a module owns, an optimizer holds, or a loss depends on.

    Attributes:
        number: Its number among the parameters, from 0.
        shape: Its shape.
        place: The line that made the module it belongs to; `None` if it was made before the run
            was watched, or belongs to no module.
        kind: The class of the module it was registered in: `Linear`.
        name: Its name in its root module: `fc.weight`; in a plain list: `layers[0].weight`.
        root: The root module whose parameter it is.
        hidden: Where a module keeps it without registering it, such as `Net.layers`, a list.
        is_parameter: Whether it is an `nn.Parameter`, rather than another leaf.
        trainable: Whether it required a gradient whenever that was looked at.
        frozen: Whether it required none whenever that was looked at.
        fresh: Whether a layer of torch initialized it for the user's own line, and no weights were
            loaded into it since.
        in_forward: Whether it was made while a module was being called.
        moved: Whether its values changed, by whatever hand, although it had no gradient.
        misspelled: An attribute that was set on it and that torch does not know, such as
            `require_grad`.
        elsewhere: Whether an optimizer holds it that is not watched.
        optimizers: The optimizers that hold it.
        in_graphs: How many of the graphs that were walked depend on it.
        with_gradient: At how many of the steps that were looked at it had a gradient.
        distance: The least number of operations between it and a loss.
        ran_without_grad: How often its module ran in training while gradients were disabled.
        ran_with_grad: How often its module ran in training while gradients were enabled.
    """

    number: int
    shape: tuple[int, ...]
    place: Place | None = None
    kind: str = ""
    name: str = ""
    root: Module | None = None
    hidden: str = ""
    is_parameter: bool = False
    trainable: bool = True
    frozen: bool = True
    fresh: bool = False
    in_forward: bool = False
    moved: bool = False
    misspelled: str = ""
    elsewhere: bool = False
    optimizers: list["Optimizer"] = field(default_factory=list)
    in_graphs: int = 0
    with_gradient: int = 0
    distance: int | None = None
    ran_without_grad: int = 0
    ran_with_grad: int = 0

    @property
    def shown(self) -> str:
        """Its name, or what else tells it apart: `fc.weight`, `a Linear's (10, 512)`."""
        if self.name:
            return self.name
        return f"{self.kind or 'tensor'} {self.shape}"


@dataclass(slots=True, eq=False)
class Optimizer:
    """An optimizer.

    Attributes:
        number: Its number among the optimizers, from 0.
        kind: The name of its class.
        place: The line that made it, or met it where it was made before the run was watched.
        parameters: What it holds.
        steps: How often it stepped.
        backwards: How many backward passes left gradients in its parameters.
        scaled_steps: How often a `GradScaler` was asked for a step, skipped ones included.
        moved: Whether a parameter of it was seen to change, by whatever hand.
        met: Whether it was made before the run was watched.
    """

    number: int
    kind: str
    place: Place
    parameters: list[Parameter] = field(default_factory=list)
    steps: int = 0
    backwards: int = 0
    scaled_steps: int = 0
    moved: bool = False
    met: bool = False

    @property
    def where(self) -> str:
        """Where it comes from, for evidence: `made at train.py:10`."""
        return _where(self.place, met=self.met)


def _where(place: Place, *, met: bool) -> str:
    return f"{'met' if met else 'made'} at {place.short}"
