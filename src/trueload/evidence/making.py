"""What was seen of how batches are made: by which processes, of which code, in which time.

Filled in by `trueload.sanitizer`, in the script's process or in workers.
"""

from dataclasses import dataclass, field

from trueload.evidence.facts import Loader
from trueload.findings import Place


@dataclass(frozen=True, slots=True)
class Handle:
    """Something that a dataset holds and workers use, and that does not survive the way to them.

    Attributes:
        loader: The loader.
        path: What it is called: `dataset.archive`.
        attribute: The attribute of it that the user's code names: `archive`.
        kind: What it is: `file`.
        detail: More of it: the name of the file.
        type: The type of what the user holds: `zipfile.ZipFile`.
        happens: What becomes of it, as a clause.
        hint: The way out.
    """

    loader: Loader
    path: str
    attribute: str
    kind: str
    detail: str
    type: str
    happens: str
    hint: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Something that could not be sent to workers that are started anew.

    Attributes:
        loader: The loader.
        place: The line of its definition, where it is a function or a class of the user's.
        path: What it is called: `dataset.lock`.
        attribute: The last attribute in that: `lock`; nothing if there is none.
        type: Its type.
        error: What pickling it raises.
        start: How the workers were to be started: `spawn`.
    """

    loader: Loader
    place: Place | None
    path: str
    attribute: str
    type: str
    error: str
    start: str


@dataclass(frozen=True, slots=True)
class Heap:
    """Many Python objects that a dataset holds, which each forked worker copies as it reads them.

    Attributes:
        loader: The loader.
        path: What holds them: `dataset.samples`.
        kind: The type of that: `list`.
        length: How many items it has.
        item: The type of one of its items: `str`.
        objects: How many objects they are made of, about.
        copied_bytes: How much a worker that reads all of them copies, about.
        share: What all workers copy, as a share of the memory of the machine.
    """

    loader: Loader
    path: str
    kind: str
    length: int
    item: str
    objects: int
    copied_bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class Unseen:
    """A value on the dataset that the script has set, and that workers which live on never see.

    Attributes:
        loader: The loader.
        path: What it is called: `dataset.epoch`.
        attribute: The last attribute in that: `epoch`.
        there: What the workers have.
        here: What the script has set it to.
        epoch: The epoch that began so.
    """

    loader: Loader
    path: str
    attribute: str
    there: str
    here: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Stale:
    """Functions that run as another text than their file now has.

    Attributes:
        module: The name of the module.
        file: Its file.
        functions: The names of the functions.
        place: Where the first of them began when it was imported.
        gone: How many of them the file no longer has.
        starts: How workers were started that read the file anew: `spawn`; nothing if none were.
    """

    module: str
    file: str
    functions: tuple[str, ...]
    place: Place
    gone: int = 0
    starts: str = ""


@dataclass(frozen=True, slots=True)
class LazyImport:
    """A module of the user's that is imported only when a worker makes a sample.

    Attributes:
        loader: The loader.
        place: The line that imports it.
        module: Its name.
        file: Its file.
    """

    loader: Loader
    place: Place
    module: str
    file: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it took to make batches, in one process.

    Attributes:
        loader: The loader.
        process: The process.
        batches: How many.
        seconds: How long it took to make them, without our own looks.
        collate_seconds: How much of that went into putting the samples together.
    """

    loader: Loader
    process: int
    batches: int
    seconds: float
    collate_seconds: float


Fact = Handle | Unsent | Heap | Unseen | LazyImport | Pace
"""What is seen of one loader."""


@dataclass(slots=True, eq=False)
class Making:
    """All of these.

    Attributes:
        facts: Those of one loader each; of a `Pace`, the last one of each loader and process.
        stale: One for each module.
    """

    facts: list[Fact] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)

    def add(self, fact: Fact) -> None:
        """Put down what was seen."""
        if isinstance(fact, Pace):
            self.facts = [one for one in self.facts if not _is_before(one, fact)]
        self.facts.append(fact)


def _is_before(one: Fact, later: Pace) -> bool:
    return isinstance(one, Pace) and (one.loader, one.process) == (later.loader, later.process)
