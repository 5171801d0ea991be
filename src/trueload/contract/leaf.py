"""What one leaf of a batch must look like, and how a leaf differs from that."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, NoReturn

from trueload.contract.pictures import layout_of
from trueload.contract.reading import Fact
from trueload.contract.values import Extremes, extremes_of
from trueload.errors import ArgumentError, render
from trueload.tree import dtype_name

Axis = int | str | None
"""A size; a name, for one size wherever it stands in a batch; or `None`, for any size."""

IGNORED = -100
"""The label that torch's losses leave out unless they are told otherwise."""


class Difference(NamedTuple):
    """Where a leaf is not what its contract says.

    Attributes:
        path: The leaf: `batch["image"]`.
        what: `leaf`, `dtype`, `shape`, `values`.
        found: What it is, as the end of a sentence: `is float64`.
        wanted: What the contract says.
        row: The first row that is to blame, or `None` where all are.
        hint: One way out, or nothing.
    """

    path: str
    what: str
    found: str
    wanted: str
    row: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        """Say it in one clause."""
        return f"`{self.path}` {self.found}, and the contract says {self.wanted}"


@dataclass(frozen=True)
class LeafContract:
    """What one leaf of a batch must look like. What is left out is not looked at.

    Args:
        dtype: `torch.float32` or `"float32"`; for what is no tensor, the name of its type: `"str"`.
        shape: A size for each axis; `None` for any size; a name such as `"batch"` for one size
            wherever that name stands.
        low: The lowest value allowed.
        high: The highest value allowed.
        finite: Whether NaN and infinite values are refused.
        classes: For labels: how many classes there are. They go from 0, and -100 is let through,
            which torch's losses ignore.
        optional: Whether the leaf may be missing.
    """

    dtype: str | None = None
    shape: tuple[Axis, ...] | None = None
    low: float | None = None
    high: float | None = None
    finite: bool = False
    classes: int | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        """Write dtype and shape in one way, and refuse what means nothing."""
        if self.dtype is not None:
            object.__setattr__(self, "dtype", dtype_name(self.dtype))
        if self.shape is not None:
            object.__setattr__(self, "shape", _checked(self.shape))
        for name in ("low", "high", "classes"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                _refuse(f"`{name}` of a leaf must be a number or None, got {value!r}")

    @property
    def layout(self) -> str | None:
        """Where the channel of images is: `channels first`, `channels last`, or `None`."""
        return None if self.shape is None else layout_of(self.shape[1:])

    def to_dict(self) -> dict[str, Any]:
        """Give what is said, without what is left out."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        given = {name: value for name, value in told.items() if value is not None}
        given = {name: value for name, value in given.items() if value is not False}
        return {name: list(value) if name == "shape" else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "LeafContract":
        """Read what `to_dict` gave.

        Raises:
            ArgumentError: It says something else.
        """
        known = {one.name for one in fields(cls)}
        strange = [name for name in told if name not in known]
        if strange:
            _refuse(f"a leaf of a contract has no `{strange[0]}`")
        given: dict[str, Any] = dict(told)
        return cls(**given)

    def __str__(self) -> str:
        """Say it in a line: `float32 (batch, 3, 32, 32), channels first, 0 to 1, finite`."""
        words = [" ".join(part for part in (self.dtype or "", shown(self.shape)) if part)]
        words += [self.layout or "", self.range, "finite" if self.finite else ""]
        words += ["may be missing" if self.optional else ""]
        return ", ".join(word for word in words if word) or "anything"

    @property
    def range(self) -> str:
        """The values allowed, in words, or nothing."""
        if self.classes is not None:
            return f"labels 0 to {self.classes - 1}"
        low, high = self.low, self.high
        if low is None or high is None:
            least, most = f"at least {low:g}" if low is not None else "", ""
            most = f"at most {high:g}" if high is not None else ""
            return least or most
        return f"{low:g} to {high:g}"

    def differences(self, fact: Fact, sizes: dict[str, int]) -> list[Difference]:
        """Say where a leaf is something else.

        Args:
            fact: The leaf.
            sizes: The sizes of named axes in this batch so far; those of this leaf are added.
        """
        if self.dtype is not None and fact.dtype != self.dtype:
            hint = "make it so in the dataset, or use `contract.convert(batch)`"
            return [Difference(fact.path, "dtype", f"is {fact.dtype}", self.dtype, fact.row, hint)]
        if self.shape is not None:
            wrong = self._wrong_shape(fact, sizes)
            if wrong is not None:
                return [wrong]
        return list(self._wrong_values(fact))

    def _wrong_shape(self, fact: Fact, sizes: dict[str, int]) -> Difference | None:
        shape, wanted = fact.shape, self.shape or ()
        if shape is None or len(shape) != len(wanted):
            found = f"is {fact.dtype}" if shape is None else f"is {shown(shape)}"
            return Difference(fact.path, "shape", found, shown(wanted), fact.row)
        for size, axis in zip(shape, wanted, strict=True):
            known = sizes.setdefault(axis, size) if isinstance(axis, str) else axis
            if known is not None and known != size:
                said = shown(wanted)
                if isinstance(axis, str):
                    said += f" with {axis} {known} as elsewhere in the batch"
                turned = self.layout and layout_of(shape[1:]) not in {None, self.layout}
                hint = "permute its axes, or use `contract.convert(batch)`" if turned else ""
                return Difference(fact.path, "shape", f"is {shown(shape)}", said, fact.row, hint)
        return None

    def _wrong_values(self, fact: Fact) -> list[Difference]:
        low, high = self.low, self.high
        if self.classes is not None:
            low, high = 0, self.classes - 1
        if not self.finite and low is None and high is None:
            return []
        by_rows = self.shape is not None and self.shape[:1] == ("batch",)
        found = extremes_of(fact, by_rows=by_rows)
        if found is None:
            return []
        for row in range(len(found.lows)):
            said = self._wrong_row(found, row, low, high)
            if said:
                at = fact.row if fact.row is not None else (row if by_rows else None)
                wanted = self.range or "finite values"
                return [Difference(fact.path, "values", said, wanted, at)]
        return []

    def _wrong_row(self, found: Extremes, row: int, low: float | None, high: float | None) -> str:
        least, most = found.lows[row], found.highs[row]
        if least - least != 0 or most - most != 0:
            unbounded = not self.finite and least == least and most == most  # noqa: PLR0124 - NaN
            outside = (low is not None and least < low) or (high is not None and most > high)
            if not unbounded or outside:
                return "has values that are not finite"
            return ""
        if self.classes is not None:
            inside = least >= 0 and most < self.classes
            return "" if inside else found.label_outside(row, self.classes, IGNORED)
        if low is not None and least < low:
            return f"goes down to {least:g}"
        return f"goes up to {most:g}" if high is not None and most > high else ""


def shown(shape: tuple[Axis, ...] | None) -> str:
    """Write a shape with its free axes: `(batch, 3, *)`."""
    if shape is None:
        return ""
    parts = ["*" if size is None else str(size) for size in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _checked(shape: Any) -> tuple[Axis, ...]:
    if isinstance(shape, str) or not hasattr(shape, "__iter__"):
        _refuse(f"`shape` of a leaf must be a tuple, got {shape!r}")
    for size in shape:
        plain = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        if not (size is None or plain or (isinstance(size, str) and size)):
            _refuse(f"an axis of a leaf must be a size, a name or None, got {size!r}")
    return tuple(shape)


def _refuse(title: str) -> NoReturn:
    raise ArgumentError(render(title, "TL105"))
