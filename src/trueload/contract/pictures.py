"""Pictures: where their channel is, and whether a wrong reshape has made noise of them."""

from typing import Any, Final

import torch

FIRST: Final = "channels first"
LAST: Final = "channels last"

_CHANNELS: Final = (1, 3, 4)
_SIDE: Final = 8
_COLORS: Final = (3, 4)
_LEAST_SIDE: Final = 16
_ROWS: Final = 16
_SMOOTHER: Final = 0.6


def layout_of(shape: tuple[Any, ...]) -> str | None:
    """Say where the channel of a picture is; `None` if these are no sizes of a picture.

    Args:
        shape: Of one sample. Sides that are not known are taken for large ones.
    """
    if len(shape) != 3:  # noqa: PLR2004 - a channel and two sides
        return None
    first = shape[0] in _CHANNELS and _are_sides(shape[1:])
    last = shape[2] in _CHANNELS and _are_sides(shape[:2])
    return None if first == last else (FIRST if first else LAST)


def _are_sides(sizes: tuple[Any, ...]) -> bool:
    return all(not isinstance(size, int) or size >= _SIDE for size in sizes)


def is_scrambled(flat: torch.Tensor, shape: tuple[int, ...]) -> bool | None:
    """Say whether a picture looks like one whose axes were reshaped rather than permuted.

    `x.reshape(3, height, width)` of a picture of shape (height, width, 3) keeps the order of the
    values, so that red, green and blue come in turn along each row. Read with the channel at its
    other end, such a picture is much smoother both ways; a true one is rougher, and noise is alike.

    Args:
        flat: The values of one picture, in the order of its axes.
        shape: Its shape.

    Returns:
        `None` where it cannot be said: it is small, has no colors, or is one color all over.
    """
    layout = layout_of(shape)
    if layout is None:
        return None
    channels, height, width = shape if layout == FIRST else (shape[2], *shape[:2])
    if channels not in _COLORS or min(height, width) < _LEAST_SIDE:
        return None
    rows = min(height, _ROWS)
    begin = (height - rows) // 2 * width * channels
    part = flat[begin : begin + rows * width * channels].float()
    planes, pixels = part.view(rows * channels, width), part.view(rows, width, channels)
    given, other = (planes, pixels) if layout == FIRST else (pixels, planes)
    down, across = _roughness(given)
    other_down, other_across = _roughness(other)
    if not (down > 0 and across > 0):
        return None
    return other_down < _SMOOTHER * down and other_across < _SMOOTHER * across


def _roughness(picture: torch.Tensor) -> tuple[float, float]:
    """Give by how much neighbors differ, down and across."""
    down = (picture[1:] - picture[:-1]).abs().mean()
    return float(down), float((picture[:, 1:] - picture[:, :-1]).abs().mean())
