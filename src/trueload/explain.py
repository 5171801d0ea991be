"""Why the samples of a batch do not go together: found after the fact, from the samples alone.

The collate function raises what torch would raise. This module then walks the samples side by
side and names the leaf, the row that does not fit, and, where the layout is one that people
stumble over, the way out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trueload.tree import children, describe, is_leaf

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class Misfit:
    """What keeps samples from making a batch.

    Attributes:
        leaf: Where in the batch: `batch["image"]`.
        what: What differs there: `2 shapes`.
        usual: What most samples have.
        odd: What the first sample that differs has.
        usual_count: How many have what most have.
        row: The row of the first sample that differs.
        hint: One way out, or nothing.
    """

    leaf: str
    what: str
    usual: str
    odd: str
    usual_count: int
    row: int
    hint: str


def misfit(samples: Sequence[Any], leaf: str = "batch") -> Misfit | None:
    """Find the first place where the samples differ in a way that no batch can hold.

    Args:
        samples: Samples, or the same part of each of them.
        leaf: The name of that part.
    """
    return (
        _by("types", [_type_name(sample) for sample in samples], samples, leaf)
        or _by("sets of keys", [_keys(sample) for sample in samples], samples, leaf)
        or _by("lengths", [_length(sample) for sample in samples], samples, leaf)
        or _by("shapes", [_shape(sample) for sample in samples], samples, leaf)
        or _inside(samples, leaf)
    )


def _inside(samples: Sequence[Any], leaf: str) -> Misfit | None:
    if is_leaf(samples[0]):
        return None
    parts = [list(children(sample)) for sample in samples]
    for number, (step, _) in enumerate(parts[0]):
        found = misfit([_child(part, step, number) for part in parts], leaf + step)
        if found is not None:
            return found
    return None


def _child(part: list[tuple[str, Any]], step: str, number: int) -> Any:
    return dict(part).get(step) if step.startswith('["') else part[number][1]


def _by(what: str, traits: list[Any], samples: Sequence[Any], leaf: str) -> Misfit | None:
    counts = Counter(traits)
    if len(counts) == 1:
        return None
    usual, number = counts.most_common(1)[0]
    row = next(row for row, trait in enumerate(traits) if trait != usual)
    like = samples[traits.index(usual)]
    return Misfit(
        leaf=leaf,
        what=f"{len(counts)} {what}",
        usual=_told(what, like),
        odd=_told(what, samples[row]),
        usual_count=number,
        row=row,
        hint=_hint(like, samples[row]),
    )


def _told(what: str, sample: Any) -> str:
    if what == "sets of keys":
        return "keys " + ", ".join(map(repr, sample))
    return f"length {len(sample)}" if what == "lengths" else describe(sample)


def _type_name(sample: Any) -> str:
    if hasattr(sample, "shape") or isinstance(sample, (bool, int, float)):
        return "number or array"
    return type(sample).__name__


def _keys(sample: Any) -> Any:
    return frozenset(sample) if isinstance(sample, Mapping) else None


def _length(sample: Any) -> int | None:
    return None if is_leaf(sample) else len(sample)


def _shape(sample: Any) -> Any:
    shape = getattr(sample, "shape", None)
    return () if shape is None else tuple(shape)


def _hint(usual: Any, odd: Any) -> str:
    """Say the way out where the pair of samples is one that people know."""
    if odd is None or usual is None:
        return (
            "return a sample from `__getitem__` in every case; a `return` without a value is `None`"
        )
    if isinstance(usual, Mapping) and isinstance(odd, Mapping):
        missing = sorted(map(repr, set(usual) ^ set(odd)))
        return f"return the same keys from every sample, with a default for {', '.join(missing)}"
    usual_shape, odd_shape = _shape(usual), _shape(odd)
    if _is_channels_last(odd_shape) and _is_channels_first(usual_shape):
        return _permute("2, 0, 1", odd, "channels-last")
    if _is_channels_first(odd_shape) and _is_channels_last(usual_shape):
        return _permute("1, 2, 0", odd, "channels-first")
    return _shape_hint(usual_shape, odd_shape)


def _shape_hint(usual: tuple[int, ...], odd: tuple[int, ...]) -> str:
    if len(usual) == len(odd) and usual[1:] == odd[1:]:
        return "samples of several lengths need a `collate_fn` that pads them (`pad_sequence`)"
    if _is_channels_first(usual) and _is_channels_first(odd) and usual[0] != odd[0]:
        return "convert every image to one mode, such as `image.convert('RGB')`"
    if len(usual) == len(odd) and len(usual) > 1:
        return "resize or crop every sample to one shape in `__getitem__` or `transform`"
    return ""


def _permute(axes: str, sample: Any, layout: str) -> str:
    method = "permute" if hasattr(sample, "permute") else "transpose"
    return f"that sample is {layout}; return `x.{method}({axes})` from `__getitem__`"


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS  # noqa: PLR2004


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] in _CHANNELS and shape[0] not in _CHANNELS  # noqa: PLR2004
