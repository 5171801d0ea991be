"""Arrays that look like images, as pictures that can be shown."""

from typing import Any, Final

import numpy as np
import torch

from trueload.evidence.footage import Picture

_LEAST_SIDE: Final = 6
_COLORS: Final = (1, 3)
_GRAY_RATIO: Final = 2


def array_of(leaf: Any) -> np.ndarray | None:
    """Give the values of a leaf as an array of real numbers, or `None` where it has none."""
    if isinstance(leaf, np.ndarray):
        return leaf if leaf.dtype.kind in "biuf" else None
    if not isinstance(leaf, torch.Tensor) or leaf.layout is not torch.strided:
        return None
    if leaf.is_meta or leaf.is_nested or leaf.is_complex() or leaf.is_quantized:
        return None
    plain = leaf.detach().cpu()
    return (plain.float() if plain.is_floating_point() else plain).numpy()


def images_of(array: np.ndarray) -> np.ndarray | None:
    """Give images as (number, height, width, channels), or `None` where these are none.

    Args:
        array: With or without an axis for the channels, before or behind the others.
    """
    if array.ndim == 3:  # noqa: PLR2004 - gray without an axis for the channel
        images = array[..., None]
        if max(images.shape[1:3]) > _GRAY_RATIO * min(images.shape[1:3]):
            return None  # a series
    elif array.ndim == 4 and array.shape[1] in _COLORS:  # noqa: PLR2004 - with channels
        images = array.transpose(0, 2, 3, 1)
    elif array.ndim == 4 and array.shape[3] in _COLORS:  # noqa: PLR2004
        images = array
    else:
        return None
    return images if min(images.shape[1:3]) >= _LEAST_SIDE else None


def span_of(array: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Give which values are to be black and white.

    Args:
        array: The images.
        low: The least value there is.
        high: The greatest.
    """
    if array.dtype.kind in "iu" and high > 1:
        return 0.0, 255.0
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def picture_of(image: np.ndarray, low: float, high: float, side: int | None = None) -> Picture:
    """Make a picture of an image, shrunk by a whole factor, each pixel the mean of its own.

    Args:
        image: Shape (height, width, channels).
        low: What is black.
        high: What is white.
        side: The most pixels that a side may have; `None` for as many as there are.
    """
    by = 1 if side is None else max(1, -(-max(image.shape[:2]) // side))
    height, width = image.shape[0] // by, image.shape[1] // by
    cut = image[: height * by, : width * by].astype(np.float64)
    small = cut.reshape(height, by, width, by, -1).mean(axis=(1, 3))
    scaled = np.nan_to_num((small - low) / ((high - low) or 1.0)).clip(0, 1) * 255
    return Picture(width, height, image.shape[2], scaled.round().astype(np.uint8).tobytes())
