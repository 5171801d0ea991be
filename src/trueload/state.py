"""The state of a loader: a few hundred bytes that say exactly which batch comes next.

A state is a flat dictionary of plain values whose keys never change, so that it can be saved by
`torch.save` and read with `weights_only=True`, sent as JSON or merged by
`torch.distributed.checkpoint`. It counts what was taken, never what was prefetched, and says
nothing about workers, so a run goes on with any number of them.

Two keys carry the names that torchdata's StatefulDataLoader gave them, because trainer libraries
read and write them: `_num_yielded` and `_iterator_finished`.
"""

from base64 import b85decode, b85encode
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from trueload.errors import StateError, count, render

VERSION = 1


@dataclass(frozen=True, slots=True)
class LoaderState:
    """Where a loader is, in an epoch or between two.

    Attributes:
        epoch: Number of the epoch that was begun last, from 0.
        batches: Batches taken in it without a gap.
        position: Samples in those batches, of all ranks together.
        ahead: Numbers of batches taken beyond a gap (`in_order=False` only).
        finished: Whether that epoch has ended, so that the next one starts whole.
        seed: The loader's `seed`, or `None`.
        base_seed: What torch's generator gave for the workers of this epoch, or `None` before.
        order_seed: What torch's generator gave for this epoch's shuffle, or `None`.
        generator: A packed state of the generator that the order was drawn from, or `None`.
        order: What the order is made by, such as `Permutation`.
        batch_size: Samples a batch, or `None` where batches come from elsewhere.
        dataset: The identity of the dataset.
        length: The length of the dataset, or `None`.
        sampler_state: What the sampler's own `state_dict` gave, or `None`.
        dataset_state: What the dataset's own `state_dict` gave, or `None`.
        iterator_state: What the `state_dict` of the iterator over the dataset gave, or `None`.
        skipped: How many of `batches` are none: the turns of workers whose stream was over.
        readers: How many workers read an iterable dataset, each on its own; 0 for any other way.
        is_reset: Whether the epoch was begun by persistent workers' iterator being reset, for which
            torch draws no base seed.
        made_in: The user's function that made the loader, such as `train.py:build`.
        ranks: How many ranks shared the order, so that each of `batches` was one on all of them.
        reader_states: Where their streams stand, packed, for datasets that know.
        ledger: What became of samples otherwise than planned, as text, or `None`.
    """

    epoch: int = 0
    batches: int = 0
    position: int = 0
    ahead: tuple[int, ...] = ()
    finished: bool = False
    seed: int | None = None
    base_seed: int | None = None
    order_seed: int | None = None
    generator: bytes | None = None
    order: str = ""
    batch_size: int | None = None
    dataset: str = ""
    length: int | None = None
    sampler_state: Any = None
    dataset_state: Any = None
    iterator_state: Any = None
    skipped: int = 0
    readers: int = 0
    reader_states: str | None = None
    is_reset: bool = False
    made_in: str = ""
    ranks: int = 1
    ledger: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the state as a flat dictionary of plain values with constant keys."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["ahead"] = list(self.ahead)
        if self.generator is not None:
            values["generator"] = b85encode(self.generator).decode()
        finished, batches = values.pop("finished"), values["batches"]
        return {
            "version": VERSION,
            "_num_yielded": batches - self.skipped,
            "_iterator_finished": finished,
            **values,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a state; keys of others are left aside.

        A trainer library may have lowered `_num_yielded` by the batches it prefetched, or set
        `_iterator_finished`: both are followed.

        Raises:
            StateError: Keys are missing, a later version wrote it, or a count is negative.
        """
        _check(values)
        known = {field.name for field in fields(cls)} & values.keys()
        state = cls(**{name: values[name] for name in known})
        state = replace(
            state,
            ahead=tuple(state.ahead),
            finished=bool(values["_iterator_finished"]),
            generator=_unpacked(state.generator),
        )
        return state.with_batches(int(values["_num_yielded"]) + state.skipped)

    def with_batches(self, batches: int) -> Self:
        """Give the state with another number of batches taken in its epoch."""
        if batches == self.batches:
            return self
        if self.batch_size is None:
            each = self.position // self.batches if self.batches else 1
            return replace(self, batches=batches, position=batches * each)
        return replace(self, batches=batches, position=batches * self.batch_size * self.ranks)

    def check_belongs(self, here: "LoaderState") -> None:
        """Refuse the state of another dataset, order or seed.

        Args:
            here: A state of the loader that would continue.

        Raises:
            StateError: They differ, with both values of what differs.
        """
        for name, told in _MUST_AGREE.items():
            saved, now = getattr(self, name), getattr(here, name)
            if saved != now and not (name == "order" and self.finished):
                raise StateError(_differs(told, _show(saved), _show(now)))


def _unpacked(generator: str | bytes | None) -> bytes | None:
    """Give a packed generator as bytes; as text it goes through JSON too."""
    return b85decode(generator) if isinstance(generator, str) else generator


def keeps_state(thing: Any) -> bool:
    """Say whether a dataset, a sampler or an iterator has a state of its own.

    Source: the protocol of torchdata's StatefulDataLoader. A network has such methods too, but
    its state is the model's.
    """
    methods = (getattr(thing, "state_dict", None), getattr(thing, "load_state_dict", None))
    return all(map(callable, methods)) and not hasattr(thing, "named_parameters")


def state_of(thing: Any) -> Any:
    """Give the state that a dataset, a sampler or an iterator has of its own, or `None`."""
    return thing.state_dict() if keeps_state(thing) else None


_MUST_AGREE = {
    "dataset": "type of dataset",
    "length": "length of the dataset",
    "seed": "seed",
    "order": "order",
}


def _check(values: Mapping[str, Any]) -> None:
    missing = [
        name for name in ("version", "_num_yielded", "_iterator_finished") if name not in values
    ]
    if missing:
        facts = [("missing", ", ".join(missing)), ("found", ", ".join(map(str, list(values)[:6])))]
        hint = "pass what `loader.state_dict()` of trueload gave"
        raise StateError(
            render("this is not the state of a trueload.DataLoader", "TL101", facts, hint)
        )
    if not isinstance(values["version"], int) or values["version"] > VERSION:
        facts = [("saved", f"version {values['version']}"), ("known", f"up to version {VERSION}")]
        hint = "install the version of trueload that saved it, or a later one"
        raise StateError(render("a later trueload saved this state", "TL102", facts, hint))
    if int(values["_num_yielded"]) < 0:
        title = f"a state cannot have taken {values['_num_yielded']} batches"
        raise StateError(render(title, "TL101"))


def _differs(what: str, saved: str, now: str) -> str:
    hint = "build the loader as it was when the state was saved, or start without the state"
    facts = [("saved", saved), ("now", now)]
    return render(f"the state belongs to another loader: the {what} differs", "TL103", facts, hint)


def _show(value: Any) -> str:
    if isinstance(value, int):
        return count(value)
    return "none" if value is None else str(value)
