"""The values of a leaf, sample by sample: the lowest and the highest of each.

`torch.aminmax` along one axis takes twenty times as long as `amin` and `amax` together, which take
as long as `aminmax` of everything; and `isfinite().all()` takes as long as stacking the samples.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from trueload.contract.reading import Fact
from trueload.tree import dtype_name

_COUNTED: Final = frozenset(
    {
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    }
)
_ARRAYS: Final = frozenset(dtype_name(dtype) for dtype in _COUNTED)


@dataclass(frozen=True, slots=True)
class Extremes:
    """The extremes of some rows of a leaf; NaN where a row has one.

    Attributes:
        rows: Their values, of shape (rows, values).
        lows: The lowest of each row.
        highs: The highest of each row.
    """

    rows: torch.Tensor
    lows: list[float]
    highs: list[float]

    def label_outside(self, row: int, classes: int, ignored: int) -> str:
        """Say which label of a row is none of the classes, or nothing."""
        labels = self.rows[row]
        outside = labels[((labels < 0) | (labels >= classes)) & (labels != ignored)]
        return f"has the label {outside[0].item():g}" if outside.numel() else ""


def extremes_of(
    fact: Fact, *, by_rows: bool, begin: int = 0, most: int | None = None
) -> Extremes | None:
    """Give the extremes of a leaf, or `None` where it has no values to compare.

    Args:
        fact: The leaf.
        by_rows: Whether its first axis is that of the samples; otherwise all of it is one row.
        begin: The first row to look at.
        most: How many rows at most; `None` for all.
    """
    tensor = tensor_of(fact.value)
    if tensor is None or not tensor.numel():
        return None
    with torch.no_grad():
        if by_rows and tensor.dim():
            part = tensor[begin : None if most is None else begin + most]
            rows = part.reshape(len(part), -1)
        else:
            rows = tensor.reshape(1, -1)
        return Extremes(rows, rows.amin(1).tolist(), rows.amax(1).tolist())


def tensor_of(value: Any) -> torch.Tensor | None:
    """Give a plain tensor over a leaf, or `None` where there is none that can be looked at here."""
    if isinstance(value, np.ndarray):
        if value.dtype.name not in _ARRAYS or not value.dtype.isnative:
            return None
        plain = value.flags.writeable and all(stride >= 0 for stride in value.strides)
        return torch.from_numpy(value if plain else value.copy())
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        return None
    if value.dtype not in _COUNTED or not value.is_cpu or value.is_nested:
        return None
    plain = value.detach()
    return plain if type(plain) is torch.Tensor else plain.as_subclass(torch.Tensor)
