"""What is in a batch: shape, dtype, range and a digest of each of its leaves.

A digest looks at no more than a few thousand values, evenly spread, so that it costs the same for
a batch of any size.
"""

import zlib
from typing import Any, Final
from weakref import ref

import numpy as np
import torch

from trueload.evidence import Leaf
from trueload.tree import dtype_name, leaves

_MOST_LEAVES: Final = 16
_DIGESTED: Final = 4096
_FEW: Final = 48
_STRIDE: Final = 1_000_003
_RANGED: Final = 1 << 24


def leaves_of(batch: Any, name: str = "batch") -> tuple[Leaf, ...]:
    """Describe the tensors and arrays of a batch, at most 16 of them."""
    found: list[Leaf] = []
    for path, value in leaves(batch, name):
        if len(found) == _MOST_LEAVES:
            break
        tensor = _tensor(value)
        if tensor is not None:
            found.append(_describe(path, tensor))
    return tuple(found)


def parts_of(batch: Any) -> list[tuple[str, ref[torch.Tensor]]]:
    """Keep what is needed to describe a batch later, while the script still has it."""
    parts = [(path, ref(value)) for path, value in leaves(batch) if isinstance(value, torch.Tensor)]
    return parts[:_MOST_LEAVES]


def leaves_of_parts(parts: list[tuple[str, ref[torch.Tensor]]]) -> tuple[Leaf, ...]:
    """Describe what is still there of the parts of a batch."""
    alive = [(path, tensor) for path, known in parts if (tensor := known()) is not None]
    return tuple(leaf for path, tensor in alive for leaf in leaves_of(tensor, path))


def _tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return torch.from_numpy(value) if value.flags.writeable else torch.from_numpy(value.copy())
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        return None
    return None if value.is_meta or value.is_nested else value


def _describe(name: str, tensor: torch.Tensor) -> Leaf:
    with torch.no_grad():
        plain = tensor.detach()
        shape, dtype = tuple(plain.shape), dtype_name(plain.dtype)
        if plain.is_complex() or plain.is_quantized or plain.numel() == 0:
            return Leaf(name, shape, dtype)
        low, high = _range(plain)
        return Leaf(
            name=name,
            shape=shape,
            dtype=dtype,
            low=low,
            high=high,
            finite=low - low == 0 and high - high == 0,
            digest=_digest(plain),
            memory=plain.data_ptr() if plain.device.type == "cpu" else 0,
            contiguous=plain.is_contiguous(),
            few=_few(plain),
            bad_row=None if low - low == 0 and high - high == 0 else _bad_row(plain),
        )


def _range(plain: torch.Tensor) -> tuple[float, float]:
    """Give the least and the greatest value; NaN wherever there is one."""
    looked_at = plain if plain.numel() <= _RANGED else plain.flatten()[:: plain.numel() // _RANGED]
    low, high = torch.aminmax(looked_at.to(torch.uint8) if plain.dtype is torch.bool else looked_at)
    return float(low), float(high)


def _few(plain: torch.Tensor) -> tuple[float, ...]:
    """Give a few values, at places that do not repeat with the length of a row."""
    flat = plain.reshape(-1)
    places = torch.arange(min(_FEW, flat.numel())) * _STRIDE % flat.numel()
    return tuple(flat[places.to(flat.device)].tolist())


def _bad_row(plain: torch.Tensor) -> int | None:
    if not plain.is_floating_point() or plain.dim() == 0:
        return None
    bad = torch.isfinite(plain).logical_not().reshape(plain.shape[0], -1).any(1).nonzero()
    return int(bad[0]) if len(bad) else None


def _digest(plain: torch.Tensor) -> int:
    flat = plain.reshape(-1)
    step = max(1, flat.numel() // _DIGESTED)
    part = flat[::step][:_DIGESTED].contiguous().cpu()
    return zlib.crc32(part.view(torch.uint8).numpy().tobytes(), len(plain.shape))
