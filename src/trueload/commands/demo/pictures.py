"""Write the demo's pictures: handwritten digits in front of photographs, as real image files.

Both come out of installed packages and nothing is downloaded: the digits are scikit-learn's
`load_digits` (1,797 scans, 8 x 8), the photographs ship inside scikit-learn and scikit-image.
Neither digits nor photographs of the held-out pictures are used for training, so the accuracy
shown is one on unseen digits in unseen places.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998,
https://doi.org/10.24432/C50P49
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

SIDE: Final = 48
"""Height and width of a picture, in pixels."""

MARGIN: Final = 5
"""How far a digit stays away from the rim, in pixels: a random crop cuts little of it off."""

DIGIT_SIDES: Final = (28, 36)
"""Smallest and largest side of a digit in a picture, in pixels."""

CONTRASTS: Final = (110, 200)
"""How far a digit's color stands off the photograph behind it, in steps of 0 to 255."""

MIDDLE: Final = 127.5
"""Neither dark nor bright."""

TRAINING_PHOTOGRAPHS: Final = (
    ("sklearn", "datasets/images/china.jpg"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
)
HELD_OUT_PHOTOGRAPHS: Final = (
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"),
)


Digit = tuple[NDArray[np.float64], int]
"""A scan of 8 x 8 values in [0, 16], and which digit it is."""


@dataclass(frozen=True)
class Written:
    """What `write` has put on disk."""

    training: Path
    held_out: Path
    n_training: int
    n_held_out: int
    size_bytes: int


def write(folder: Path, seed: int, *, variants: int = 4, limit: int | None = None) -> Written:
    """Write the pictures into `folder/training/<digit>` and `folder/held_out/<digit>`.

    Args:
        folder: An existing folder.
        seed: Same seed, same files.
        variants: How often each training digit is placed, each time elsewhere and otherwise.
        limit: How many of the digits to use; None for all.
    """
    random = np.random.default_rng(seed)
    digits = _digits(random)[:limit]
    n_held_out = len(digits) // 5
    held_out, training = digits[:n_held_out], digits[n_held_out:] * variants
    sizes = (
        _write_part(folder / "training", training, TRAINING_PHOTOGRAPHS, random),
        _write_part(folder / "held_out", held_out, HELD_OUT_PHOTOGRAPHS, random),
    )
    return Written(
        training=folder / "training",
        held_out=folder / "held_out",
        n_training=len(training),
        n_held_out=len(held_out),
        size_bytes=sum(sizes),
    )


def _digits(random: np.random.Generator) -> list[Digit]:
    """Return the scans that scikit-learn ships, shuffled."""
    scans, labels = load_digits(return_X_y=True)
    mixed = random.permutation(len(labels))
    return list(zip(scans.reshape(-1, 8, 8)[mixed], labels[mixed].tolist(), strict=True))


def _write_part(
    folder: Path,
    digits: Sequence[Digit],
    photographs: Sequence[tuple[str, str]],
    random: np.random.Generator,
) -> int:
    """Write one part of the pictures, JPEG and PNG in turn, and return their size in bytes."""
    behind = [_open_photograph(*photograph) for photograph in photographs]
    size_bytes = 0
    for number, (scan, label) in enumerate(digits):
        picture = _compose(scan, behind[random.integers(len(behind))], random)
        path = folder / str(label) / f"{number:05d}{('.jpg', '.png')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=90, compress_level=1)
        size_bytes += path.stat().st_size
    return size_bytes


def _open_photograph(package: str, path: str) -> NDArray[np.uint8]:
    """Read a photograph out of a package's own folder: (height, width, 3), at half its size.

    The packages' own functions are not asked, as some of those would download.
    """
    with Image.open(_home(package) / path) as photograph:
        return np.asarray(photograph.convert("RGB").reduce(2))


def _home(package: str) -> Path:
    """Find a package's folder without importing it, which takes seconds."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        message = f"the package {package!r} has no folder"
        raise ModuleNotFoundError(message, name=package)
    return Path(spec.origin).parent


def _compose(
    scan: NDArray[np.float64], photograph: NDArray[np.uint8], random: np.random.Generator
) -> Image.Image:
    """Paint one digit, in a color of its own, somewhere on a random piece of the photograph."""
    behind = _cut(photograph, SIDE, random).astype(np.float32)
    side = int(random.integers(DIGIT_SIDES[0], DIGIT_SIDES[1] + 1))
    top, left = random.integers(MARGIN, SIDE - MARGIN - side + 1, size=2)
    here = behind[top : top + side, left : left + side]
    ink = _enlarge(scan, side)[..., None]
    color = _color_beside(here.mean(axis=(0, 1)), random)
    here[...] = here * (1 - ink) + color * ink
    return Image.fromarray(behind.round().astype(np.uint8))


def _cut(array: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    top = random.integers(0, array.shape[0] - side + 1)
    left = random.integers(0, array.shape[1] - side + 1)
    return array[top : top + side, left : left + side]


def _enlarge(scan: NDArray[np.float64], side: int) -> NDArray[np.float32]:
    """Return a scan of 8 x 8 values in [0, 16] as (side, side) float32 in [0, 1]."""
    small = Image.fromarray((scan * (255 / 16)).astype(np.uint8))
    large = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
    return (large / 200).clip(0, 1)


def _color_beside(mean: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Draw a color that can be told from the mean color behind it."""
    away = -1 if mean.mean() > MIDDLE else 1
    return (mean + away * random.uniform(*CONTRASTS, size=3)).clip(0, 255).astype(np.float32)
