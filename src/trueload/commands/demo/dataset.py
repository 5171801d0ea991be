"""The demo's dataset: pictures in class folders, and what is done to each of them.

Exactly what a user would write, but that each sample also names its own index: so what a loader
gave is read off the batches themselves, not off what the loader says.

The augmentation draws from all three generators in use, `random`, NumPy's and torch's, since
those are what goes wrong with several workers; it is given to the loader as `transform=`.
"""

import random
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

CROP: Final = 40
"""Height and width of what the network sees, in pixels."""

Sample = tuple[NDArray[np.uint8], int, int]
Prepared = tuple[torch.Tensor, int, int]


class Pictures(Dataset[Sample]):
    """Pictures in class folders: `folder/<label>/<name>.jpg` or `.png`, decoded when read."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(path for path in folder.glob("*/*") if path.suffix in {".jpg", ".png"})

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Return (height, width, 3) uint8, the label and the index."""
        path = self.paths[index]
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB")), int(path.parent.name), index


def augment(sample: Sample) -> Prepared:
    """Crop at random, swap colors, change contrast and brightness, add noise.

    Digits are not mirrored: a mirrored 2 is no 2.

    Returns:
        (3, CROP, CROP) float32, about in [-1, 1], the label and the index.
    """
    picture, label, index = sample
    top, left = (random.randint(0, side - CROP) for side in picture.shape[:2])
    # Swapped in NumPy: torch would use its threads for it, which costs more than it brings.
    crop = picture[top : top + CROP, left : left + CROP, torch.randperm(3).numpy()]
    contrast, brightness = np.random.uniform((0.7, -0.2), (1.3, 0.2))  # noqa: NPY002 - see above
    tensor = _as_tensor(crop) * contrast + brightness
    return tensor.add_(torch.randn_like(tensor), alpha=0.05), label, index


def prepare(sample: Sample) -> Prepared:
    """Crop the middle and nothing else: what the held-out pictures get."""
    picture, label, index = sample
    top, left = ((side - CROP) // 2 for side in picture.shape[:2])
    return _as_tensor(picture[top : top + CROP, left : left + CROP]), label, index


def _as_tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    """Return (height, width, 3) uint8 as (3, height, width) float32 in [-1, 1]."""
    return torch.tensor(picture).permute(2, 0, 1).float().div_(127.5).sub_(1)
