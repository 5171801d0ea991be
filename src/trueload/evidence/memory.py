"""What was seen of memory that a dataset, its samples and its batches have in common.

Filled in by `trueload.sanitizer`, in the process that makes the batches or in the script's own.
"""

from dataclasses import dataclass, field

from trueload.evidence.facts import Loader
from trueload.findings import Place


@dataclass(frozen=True, slots=True)
class Changed:
    """Reading a sample changes what its dataset gives the next time; this was tried and proved.

    Attributes:
        loader: The loader of the dataset.
        place: The line that changes it; `None` where it is none of the user's.
        index: The index of the sample, as Python writes it.
        what: What is changed: `dataset.data`.
        kind: What that is: `array`, `tensor`, `list`, `dict`, `attribute`, `flag`, or `stream`
            where what comes next does not depend on the index.
        where: The same with the part that is changed: an offset, or what it was and is now.
        first: The sample as it was read first.
        second: The sample as it was read a second time.
        leaf: Which part of the sample that is: `sample[0]`.
        file: The file that the memory is a part of, so that it is changed too.
        counts: Whether it is a number kept on the dataset, such as a counter, or something that
            is used up, rather than the data.
    """

    loader: Loader
    place: Place | None
    index: str
    what: str
    kind: str
    where: str
    first: str
    second: str
    leaf: str = "sample"
    file: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Reused:
    """Memory that was given out was written to again for the next sample, or the next batch.

    Attributes:
        loader: The loader.
        place: The line that wrote to it again; `None` where it is none of the user's.
        leaf: Which part of the sample or batch it is: `sample[0]`.
        what: Its dtype and shape.
        samples: Whether these are samples of one batch; otherwise they are whole batches.
        maker: What gave it: `Photos.__getitem__`.
    """

    loader: Loader
    place: Place | None
    leaf: str
    what: str
    samples: bool
    maker: str

    @property
    def buffer(self) -> tuple[Loader, str, bool]:
        """What is the same for one buffer."""
        return self.loader, self.leaf, self.samples


@dataclass(slots=True, eq=False)
class Written:
    """The loop wrote to batches whose memory is not its own.

    Attributes:
        loader: The loader.
        place: The line that wrote; until that was seen, the line that fetched the batch.
        leaf: Which part of the batch it is: `batch[0]`.
        owner: Whose memory it is: `dataset.images`; nothing if it is `itertools.cycle` that keeps
            the batch.
        before: Its dtype, shape and mean as it was fetched.
        after: Its mean after the loop had written to it.
        batches: How many batches it wrote to.
        again: Whether it changed what had been changed before, when that came again.
        seen: Whether the line is known.
    """

    loader: Loader
    place: Place
    leaf: str
    owner: str
    before: str
    after: str
    batches: int = 1
    again: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file that a dataset has mapped into memory so that writing to it changes the file.

    Attributes:
        loader: The loader of the dataset.
        path: What the array is called: `dataset.images`.
        file: The file.
    """

    loader: Loader
    path: str
    file: str


@dataclass(frozen=True, slots=True)
class Reread:
    """Samples were read again, to find out whether reading them changes anything.

    Attributes:
        loader: The loader.
        samples: How many.
    """

    loader: Loader
    samples: int


@dataclass(slots=True, eq=False)
class Memory:
    """All of these.

    Attributes:
        changed: What was proved, by whichever process.
        reused: What was seen, by whichever process.
        written: One for each loader and leaf.
        mapped: One for each loader and array, and for each time it was looked.
        reread: How many samples were read again.
    """

    changed: list[Changed] = field(default_factory=list)
    reused: list[Reused] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    mapped: list[Mapped] = field(default_factory=list)
    reread: int = 0

    def add(self, fact: Changed | Reused | Mapped | Reread) -> None:
        """Put down what was told, where it is new; of one buffer, that which knows the line."""
        if isinstance(fact, Changed):
            known = {(one.loader, one.place) for one in self.changed}
            self.changed += [fact] if (fact.loader, fact.place) not in known else []
        elif isinstance(fact, Reused):
            same = [one for one in self.reused if one.buffer == fact.buffer]
            if not same or (same[0].place is None and fact.place is not None):
                self.reused = [one for one in self.reused if one not in same]
                self.reused.append(fact)
        elif isinstance(fact, Mapped):
            self.mapped.append(fact)
        else:
            self.reread += fact.samples
