"""Whether the samples of an epoch add up: each once, as the sampler and the dataset promise.

Only what can be proved is told. A sampler that draws with replacement, by weights, from a subset
or by a plan of its own promises nothing, so nothing is said of it. User code is not asked for what
it has not been asked for anyway: a `__len__` is called only if it cannot do anything but count.
"""

import dis
from collections.abc import Hashable, Iterator, Sized
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, Dataset, RandomSampler, SequentialSampler, Subset
from torch.utils.data.distributed import DistributedSampler

from trueload.coverage import Coverage
from trueload.errors import count, render, several
from trueload.fingerprint import length_of
from trueload.samplers import number_of

_NAMED = 3
_COUNTING = frozenset({"len", "int", "min", "max", "round", "abs", "math", "ceil", "floor"})
_WRITING = ("STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF", "YIELD", "FOR_ITER")
_KNOWN = (SequentialSampler, RandomSampler, DistributedSampler)
_PLAIN = (list, tuple, np.ndarray, torch.Tensor)


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """Something that does not add up.

    Attributes:
        site: What it is about; it is told once for each.
        message: What `errors.render` gave.
        on_purpose: Whether it is often so on purpose, so that it is only mentioned.
    """

    site: Hashable
    message: str
    on_purpose: bool = False


def at_the_beginning(loader: Any) -> Iterator[Unbalanced]:
    """Yield what shows before an epoch begins: that the sampler was made for another dataset.

    Args:
        loader: A loader with a map-style dataset.
    """
    outer, dataset = loader._index_sampler, loader.dataset  # noqa: SLF001 - torch's name
    for sampler in _samplers(outer):
        source = getattr(sampler, "data_source", getattr(sampler, "dataset", None))
        known = type(sampler) in _KNOWN  # a library's own may sample another sampler
        if not known or source is dataset or not isinstance(source, Dataset):
            continue
        theirs, ours = length_of(source), length_of(dataset)
        if theirs is None or ours is None or theirs == ours:
            continue
        facts = [
            ("sampler", f"{_name(sampler)} over {_name(source)} of length {count(theirs)}"),
            ("dataset", f"{_name(dataset)} of length {count(ours)}"),
        ]
        title = "the sampler was made for a dataset of another length"
        site = ("TL503", type(sampler), type(source), type(dataset))
        yield Unbalanced(site, render(title, "TL503", facts, _OTHER_HINT))
    yield from _padded(outer)


def _padded(outer: Any) -> Iterator[Unbalanced]:
    for sampler in _samplers(outer):
        length = length_of(getattr(sampler, "dataset", None))
        if type(sampler) is not DistributedSampler or length is None:
            continue
        ranks, more = sampler.num_replicas, sampler.total_size - length
        if ranks > 1 and more:
            what = several(abs(more), "sample")
            twice = "comes" if more == 1 else "come"
            how = f"{twice} twice" if more > 0 else f"{'is' if more == -1 else 'are'} left out"
            title = f"{what} of the {count(length)} {how}, so that {ranks} ranks get equally many"
            hint = _PADDED_HINT if more > 0 else ""
            message = render(title, "TL505", [("sampler", _name(sampler))], hint)
            yield Unbalanced(("TL505", type(sampler)), message, on_purpose=bool(sampler.shuffle))


def at_the_end(
    loader: Any, *, batches: int, promised: int | None, coverage: Coverage | None, shared: bool
) -> Iterator[Unbalanced]:
    """Yield what shows at the end of an epoch.

    Args:
        loader: A loader with a map-style dataset.
        batches: How many batches the epoch had.
        promised: How many `len(loader)` has told somebody that it would have, or `None`.
        coverage: The indices that a followed sampler gave, or `None` where an order is known.
        shared: Whether other ranks have made other batches.
    """
    outer, dataset = loader._index_sampler, loader.dataset  # noqa: SLF001 - torch's name
    if not shared and promised is None:
        promised = _safe_length(outer)
    yield from _of_another_length(outer, batches, promised)
    length = length_of(dataset)
    if coverage is None or length is None:
        return
    coverage.enter()
    if coverage.opaque:
        return
    yield from _below(outer, dataset, coverage)
    yield from _repeated(outer, coverage)
    if not shared:
        yield from _beyond(outer, dataset, coverage)


def _of_another_length(outer: Any, batches: int, promised: int | None) -> Iterator[Unbalanced]:
    inner = _inner(outer)
    used_up = _is_used_up(inner)
    if promised == batches or (promised is None and not (used_up and not batches)):
        return
    title = _short(batches, promised)
    culprit = inner if used_up else outer if type(outer) is not BatchSampler else inner
    facts = [("by", "`len(loader)`" if promised is not None else ""), ("sampler", _name(culprit))]
    hint = _USED_UP_HINT if used_up else _LENGTH_HINT
    yield Unbalanced(("TL501", type(culprit), used_up), render(title, "TL501", facts, hint))


def _short(batches: int, promised: int | None) -> str:
    had = f"the epoch had {several(batches, 'batch')}"
    return had if promised is None else f"{had}, but was to have {count(promised)}"


def _below(outer: Any, dataset: Any, coverage: Coverage) -> Iterator[Unbalanced]:
    """Yield that indices below zero were read from the end.

    A -1 alone is how some mark a place that holds no sample. It is no mark where it comes once, in
    the place of the only index that is missing.
    """
    negative = sorted((one for one in coverage.outside if one < 0), reverse=True)
    if not negative:
        return
    if negative == [-1] and not _wraps(dataset):
        last = coverage.length - 1
        once = coverage.outside[-1] == 1 and coverage.total == coverage.length
        if not once or coverage.first_missing(2) != [last]:
            return
    title = f"the sampler gave {_several(len(negative))} below 0, which count from the end"
    facts = [("sampler", _name(_inner(outer))), ("indices", _some(negative))]
    yield Unbalanced(("TL502", type(outer)), render(title, "TL502", facts, _BELOW_HINT))


def _beyond(outer: Any, dataset: Any, coverage: Coverage) -> Iterator[Unbalanced]:
    """Yield that a dataset gave samples beyond its length, after all those within it."""
    beyond = sorted(one for one in coverage.outside if one >= coverage.length)
    if not beyond or beyond[0] != coverage.length or coverage.distinct() != coverage.length:
        return
    title = f"{_name(dataset)} has samples beyond its length of {count(coverage.length)}"
    facts = [("sampler", _name(_inner(outer))), ("indices", _some(beyond))]
    yield Unbalanced(("TL502", type(dataset)), render(title, "TL502", facts, _SHORT_HINT))


def _repeated(outer: Any, coverage: Coverage) -> Iterator[Unbalanced]:
    """Yield that a sampler without replacement gave an index twice though it need not."""
    for sampler in _samplers(outer):
        if getattr(sampler, "replacement", None) is not False or coverage.total > coverage.length:
            continue
        again = coverage.repeated()
        if again:
            title = f"a sampler without replacement gave {_several(again)} more than once"
            facts = [
                ("sampler", _name(sampler)),
                ("repeated", _some(coverage.first_repeats(_NAMED + 1))),
                ("missing", _some(coverage.first_missing(_NAMED + 1))),
            ]
            yield Unbalanced(("TL504", type(sampler)), render(title, "TL504", facts, _TWICE_HINT))


def reread(loader: Any, batches: int) -> Unbalanced:
    """Say that a sampler that was read again gave something else than before."""
    outer = loader._index_sampler  # noqa: SLF001 - torch's name
    title = "the sampler, read again to go on from a state, gives another order than before"
    facts = [("sampler", _name(_inner(outer))), ("read", several(batches, "batch"))]
    site = ("TL506", type(outer))
    return Unbalanced(site, render(title, "TL506", facts, _REREAD_HINT))


def stream_of_another_length(name: str, batches: int, promised: int) -> Unbalanced:
    """Say that an iterable dataset gave fewer batches than its length promised."""
    title = _short(batches, promised)
    facts = [("by", "`len(loader)`"), ("dataset", name)]
    return Unbalanced(("TL501", name), render(title, "TL501", facts, _STREAM_HINT))


def _samplers(outer: Any) -> Iterator[Any]:
    """Yield a sampler, and the one that it cuts batches of."""
    yield outer
    if type(outer) is BatchSampler:
        yield outer.sampler


def _inner(outer: Any) -> Any:
    """Give the sampler of single indices, where there is one."""
    return outer.sampler if type(outer) is BatchSampler else outer


def _is_used_up(sampler: Any) -> bool:
    """Say whether a sampler is an iterator, which can be read only once."""
    return hasattr(type(sampler), "__next__") and hasattr(type(sampler), "__iter__")


def _wraps(dataset: Any) -> bool:
    """Say whether a dataset surely reads negative indices from the end."""
    return isinstance(dataset, _PLAIN) or type(dataset) is Subset


def _safe_length(sampler: Any) -> int | None:
    """Give what a sampler says of its length, if saying so can have no effect."""
    inner = _inner(sampler)
    known = number_of(inner)
    if known is None and not (isinstance(inner, Sized) and _only_counts(type(inner))):
        return None
    try:
        return len(sampler)
    except Exception:  # of the user's code
        return None


def _only_counts(kind: type) -> bool:
    """Say whether the `__len__` of a class can do nothing but count."""
    function = getattr(kind, "__len__", None)
    if not isinstance(function, FunctionType):
        return False
    steps = list(dis.get_instructions(function))
    called = {step.argval for step in steps if step.opname in {"LOAD_GLOBAL", "LOAD_METHOD"}}
    writes = any(step.opname.startswith(_WRITING) for step in steps)
    return not writes and called <= _COUNTING


def _name(thing: Any) -> str:
    return type(thing).__qualname__


def _several(indices: int) -> str:
    return "1 index" if indices == 1 else f"{count(indices)} indices"


def _some(indices: list[int]) -> str:
    return ", ".join(map(str, indices[:_NAMED])) + ", ..." * (len(indices) > _NAMED)


_OTHER_HINT = "make the sampler of the dataset that the loader has, or it misses or exceeds its end"
_PADDED_HINT = 'in an evaluation they count twice: pass `shard="ranks"` instead of the sampler'
_LENGTH_HINT = "let `__len__` of the sampler say how many it gives: schedules are made from it"
_USED_UP_HINT = (
    "it is an iterator, which is over after one epoch: pass a list, or an object whose `__iter__` "
    "begins anew"
)
_BELOW_HINT = "a sampler counts from 0 to `len(dataset) - 1`; look for an index minus one"
_SHORT_HINT = "its `__len__` is too short: the default samplers never come to these samples"
_TWICE_HINT = "it misses as many others; a sampler that repeats on purpose has `replacement` True"
_REREAD_HINT = (
    "let it draw from torch's generator, or give it a `state_dict`: else samples are repeated and "
    "missed after each resume"
)
_STREAM_HINT = "let `__len__` of the dataset say how many samples it gives"
