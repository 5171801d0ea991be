"""float64 that nobody has asked for: what NumPy makes of numbers of another kind."""

from collections.abc import Iterator
from typing import Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.traits.seen import Seen
from trueload.tree import dtype_name

_ENOUGH: Final = 4
_LEVELS: Final = 16
_WHITE: Final = 255
_EXACT: Final = 1e-9


class Doubles:
    """Looks for pictures of bytes in float64, and notes all other float64 with several axes.

    Only bytes in float64 are told: they have no more than 8 bits, so that nobody can want 64. Other
    values may need them, as in physics.
    """

    def __init__(self) -> None:
        self._looks = self._bytes = 0

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows."""
        double = seen.fact.dtype == "float64" and torch.get_default_dtype() != torch.float64
        if not double or self._looks > _ENOUGH or not seen.shape:
            return
        self._looks += 1
        self._bytes += bool(
            seen.is_picture and seen.spans and _are_bytes(seen.probe(seen.spans[0][0]))
        )
        if self._looks != _ENOUGH:
            return
        self._looks += 1
        bytes_ = self._bytes == _ENOUGH
        title = f"`{seen.fact.path}` is float64, and torch's default is "
        title += dtype_name(torch.get_default_dtype())
        facts = (("values", "whole multiples of 1/255, which need 8 bits" if bytes_ else ""),)
        yield seen.departure("TL402", title, facts, _HINT, None, harmless=not bytes_)


def _are_bytes(values: torch.Tensor) -> bool:
    """Say whether values are bytes, or bytes divided by 255."""
    for scaled in (values, values * _WHITE):
        whole = scaled.round()
        near = bool(((scaled - whole).abs() <= _EXACT).all())
        inside = bool((whole.min() >= 0) & (whole.max() <= _WHITE))
        if near and inside and len(whole.unique()) >= _LEVELS:
            return True
    return False


_HINT: Final = "make it float32 in the dataset: `.astype(np.float32)` or `.float()`"
