"""Why the samples of a batch do not go together: found after the fact, from the samples alone.

The collate function raises what torch would raise. This module then walks the samples side by
side and names the leaf, the row that does not fit, and, where the layout is one that people
stumble over, the way out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.utils.data._utils.collate import default_collate_fn_map

from trueload.tree import children, describe, is_leaf, leaves

_CHANNELS = (1, 3, 4)
_COLORS = (3, 4)
_UNKNOWN_DTYPES = "SUOMmV"


Found = TypeVar("Found")
Look = Callable[[Sequence[Any]], Found | None]


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


@dataclass(frozen=True, slots=True)
class Stranger:
    """What no default collate can put into a batch, alike in all samples.

    Attributes:
        leaf: Where in the batch: `batch["image"]`.
        kind: What it is: `PIL.Image.Image`.
        hint: One way out.
    """

    leaf: str
    kind: str
    hint: str


def misfit(samples: Sequence[Any], leaf: str = "batch") -> Misfit | None:
    """Find the first place where the samples differ in a way that no batch can hold.

    Args:
        samples: Samples, or the same part of each of them.
        leaf: The name of that part.
    """
    if isinstance(samples[0], (str, bytes)):  # texts are not put together, whatever is among them
        return None
    return (
        _by("types", [_kind(sample, samples[0]) for sample in samples], samples, leaf)
        or _by("sets of keys", [_keys(sample) for sample in samples], samples, leaf)
        or _by("lengths", [_length(sample) for sample in samples], samples, leaf)
        or _by("shapes", [_shape(sample) for sample in samples], samples, leaf)
        or _inside(samples, leaf)
    )


def stranger(samples: Sequence[Any]) -> Stranger | None:
    """Find the first leaf of a kind that the default collate does not know."""
    for name, leaf in leaves(samples[0]):
        if leaf is None:
            return Stranger(name, "None", _NONE_HINT)
        if not _is_known(leaf):
            return Stranger(name, _kind_in_full(leaf), _pillow_hint(leaf) or _STRANGER_HINT)
    return None


def _inside(samples: Sequence[Any], leaf: str) -> Misfit | None:
    parts = [list(children(sample)) for sample in samples]
    named = isinstance(samples[0], Mapping)
    for number, (step, _) in enumerate(parts[0]):
        column = [dict(part)[step] if named else part[number][1] for part in parts]
        found = misfit(column, leaf + step)
        if found is not None:
            return found
    return None


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
        hint=_HINTS[what](like, samples[row]),
    )


def _told(what: str, sample: Any) -> str:
    if what == "sets of keys":
        return "keys " + ", ".join(map(repr, sample))
    return f"length {len(sample)}" if what == "lengths" else describe(sample)


def _kind(sample: Any, first: Any) -> str:
    """Name what a batch cannot mix; numbers go among arrays, but not behind a tensor."""
    if isinstance(sample, Mapping):
        return "mapping"
    if not is_leaf(sample):
        return "sequence"
    if hasattr(sample, "shape"):
        return "array"
    if isinstance(sample, (int, float)):
        return "number" if isinstance(first, torch.Tensor) else "array"
    return type(sample).__name__


def _keys(sample: Any) -> Any:
    return frozenset(sample) if isinstance(sample, Mapping) else None


def _length(sample: Any) -> int | None:
    return None if is_leaf(sample) else len(sample)


def _shape(sample: Any) -> tuple[Any, ...]:
    try:
        return tuple(getattr(sample, "shape", ()))
    except TypeError:
        return ()


def _is_known(leaf: Any) -> bool:
    if isinstance(leaf, Sequence):
        return True
    known = isinstance(leaf, tuple(default_collate_fn_map))
    return known and getattr(getattr(leaf, "dtype", None), "kind", "f") not in _UNKNOWN_DTYPES


def _kind_in_full(leaf: Any) -> str:
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return describe(leaf)
    return f"{type(leaf).__module__}.{type(leaf).__qualname__}".removeprefix("builtins.")


def _type_hint(usual: Any, odd: Any) -> str:
    if odd is None or usual is None:
        return _NONE_HINT
    if isinstance(usual, torch.Tensor) or isinstance(odd, torch.Tensor):
        other = odd if isinstance(usual, torch.Tensor) else usual
        if isinstance(other, (int, float)):
            return "return a tensor from every sample, such as `torch.as_tensor(x)`"
    return _pillow_hint(odd) or _pillow_hint(usual)


def _pillow_hint(leaf: Any) -> str:
    if type(leaf).__module__.partition(".")[0] != "PIL":
        return ""
    return "turn images of Pillow into arrays or tensors, such as `np.asarray(image)`"


def _keys_hint(usual: Any, odd: Any) -> str:
    missing = sorted(map(repr, set(usual) ^ set(odd)))
    return f"return the same keys from every sample, with a default for {', '.join(missing)}"


def _length_hint(usual: Any, odd: Any) -> str:
    if all(isinstance(part, (int, float)) for part in (*usual, *odd)):
        return _PAD_HINT
    return "samples of several lengths need a `collate_fn` that keeps them in lists"


def _shape_hint(usual: Any, odd: Any) -> str:
    """Say the way out where the pair of shapes is one that people know."""
    one, other = _shape(usual), _shape(odd)
    if _is_channels_last(other) and _is_channels_first(one):
        return _permute("2, 0, 1", odd, "channels-last")
    if _is_channels_first(other) and _is_channels_last(one):
        return _permute("1, 2, 0", odd, "channels-first")
    if _differ_in_mode(one, other):
        return "convert every image to one mode, such as `image.convert('RGB')`"
    images = _is_channels_first(one) or _is_channels_last(one)
    if one and len(one) == len(other) and one[1:] == other[1:] and not images:
        return _PAD_HINT
    if len(one) == len(other) > 1:
        return "resize or crop every sample to one shape in `__getitem__` or `transform`"
    return ""


def _differ_in_mode(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether these are images with different channels, one maybe without that axis."""
    if len(one) < len(other):
        one, other = other, one
    for is_so, axis in ((_is_channels_first, 0), (_is_channels_last, 2)):
        if is_so(one) and is_so(other):
            return one[axis] != other[axis]
        if is_so(one) and one[axis] in _COLORS and other == one[:axis] + one[axis + 1 :]:
            return True
    return False


def _permute(axes: str, sample: Any, layout: str) -> str:
    method = "permute" if hasattr(sample, "permute") else "transpose"
    return f"that sample is {layout}; return `x.{method}({axes})` from `__getitem__`"


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS  # noqa: PLR2004


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] in _CHANNELS and shape[0] not in _CHANNELS  # noqa: PLR2004


_NONE_HINT = "give every sample a value there: `None` cannot be put into a batch"
_PAD_HINT = "samples of several lengths need a `collate_fn` that pads them (`pad_sequence`)"
_STRANGER_HINT = "turn it into a tensor, an array or a number, or give the loader a `collate_fn`"
_HINTS: dict[str, Callable[[Any, Any], str]] = {
    "types": _type_hint,
    "sets of keys": _keys_hint,
    "lengths": _length_hint,
    "shapes": _shape_hint,
}


def _quiet(look: Look[Found]) -> Look[Found]:
    """Let a look at samples find nothing where looking itself raises.

    A nested tensor refuses to tell its shape, for example; what the collate function raised must
    come out all the same.
    """

    def looked(samples: Sequence[Any]) -> Found | None:
        try:
            return look(samples)
        except Exception:
            return None

    return looked


misfit_of = _quiet(misfit)
"""Says where samples do not go together."""
stranger_of = _quiet(stranger)
"""Says what in samples no collate knows."""
