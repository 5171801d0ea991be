"""The works that loaders with workers are compared on: a dataset, its batches, and what is asked.

They are those that people load: images and rows out of memory, windows of a token file, text of
any length, photographs as JPEG, samples that wait for something, samples of which a few are slow.
Each is a top-level class, so that a loader that starts its workers anew can send it there.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Bar, Dicts, Rows
from torch.utils.data import Dataset

_WORDS = 5000
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)
_PHOTOGRAPHS = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
)


@dataclass(frozen=True)
class Work:
    """What a loader is given to do.

    Args:
        name: What the samples are.
        dataset: Gives them.
        batch_size: How many make a batch.
        collate_fn: Makes a batch of them; `None` for the loader's own way.
        asked: The ratios asked for against torch, by quantity.
        shown: Whether the README shows it.
    """

    name: str
    dataset: Any
    batch_size: int
    collate_fn: Callable[[Any], Any] | None = None
    asked: dict[str, Bar] = field(default_factory=dict)
    shown: bool = False

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of a loader, but for the dataset."""
        own = {} if self.collate_fn is None else {"collate_fn": self.collate_fn}
        return {"batch_size": self.batch_size, **own}

    def batches(self) -> int:
        """Give how many batches an epoch has."""
        return math.ceil(len(self.dataset) / self.batch_size)


class Together(Rows):
    """Samples that are fetched a batch at a time."""

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        return list(self.rows[indices])


class ArraysTogether(Rows):
    """The same of an array, whose rows are the samples."""

    def __getitems__(self, indices: list[int]) -> np.ndarray:
        return self.rows[indices]


class Windows(Dataset):
    """Windows of a file of tokens, with the same one place further: what language models read."""

    def __init__(self, path: Path, length: int, window: int = 1024) -> None:
        self.path, self.length, self.window = path, length, window
        self.tokens = np.memmap(path, dtype=np.uint16, mode="r")

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        start = index * 7919 * self.window % (len(self.tokens) - self.window - 1)
        tokens = torch.from_numpy(self.tokens[start : start + self.window + 1].astype(np.int64))
        return tokens[:-1], tokens[1:]


class Sentences(Dataset):
    """Sentences of 5 to 120 words as the numbers of their words."""

    def __init__(self, length: int) -> None:
        random = np.random.default_rng(0)
        words = [f"word{number}" for number in range(_WORDS)]
        self.numbers = {word: number for number, word in enumerate(words)}
        sizes = random.integers(5, 120, length)
        self.texts = [" ".join(words[i] for i in random.integers(0, _WORDS, n)) for n in sizes]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([self.numbers[word] for word in self.texts[index].split()])


def padded(samples: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Make a batch of sentences, the short ones filled up."""
    tokens = torch.nn.utils.rnn.pad_sequence(samples, batch_first=True)
    lengths = torch.tensor([len(sample) for sample in samples])
    return {"tokens": tokens, "mask": torch.arange(tokens.shape[1]) < lengths[:, None]}


class Photographs(Dataset):
    """JPEG files: decoded, cropped at random, flipped at random, normalized."""

    def __init__(self, folder: Path, length: int) -> None:
        self.paths = sorted(folder.glob("*.jpg"))
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> torch.Tensor:
        from PIL import Image  # noqa: PLC0415 - only this work needs it

        with Image.open(self.paths[index % len(self.paths)]) as photograph:
            width, height = photograph.size
            left, top, side = np.random.rand(3) * (0.2, 0.2, 0.5) + (0, 0, 0.3)
            box = (left, top, left + side, top + side) * np.array([width, height] * 2)
            crop = photograph.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR, box)
        if np.random.rand() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = (np.asarray(crop, dtype=np.float32) / 255 - _MEAN) / _DEVIATION
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


class Waiting(Dataset):
    """Samples that wait, as for a disk or a server; 2 % of them, at random, wait longer."""

    def __init__(self, length: int, seconds: float, slow_seconds: float = 0.0) -> None:
        self.length, self.seconds, self.slow_seconds = length, seconds, slow_seconds
        self.slow = np.random.default_rng(1).random(length) < (0.02 if slow_seconds else 0)
        self.sample = torch.rand(16)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> torch.Tensor:
        time.sleep(self.slow_seconds if self.slow[index] else self.seconds)
        return self.sample


@contextmanager
def works(*, quick: bool) -> Iterator[list[Work]]:
    """Give all works whose time goes into making batches; their files go away with the block."""
    less = 10 if quick else 1
    with tempfile.TemporaryDirectory(prefix="trueload-benchmark-") as name:
        folder = Path(name)
        yield [*_of_memory(less), *_of_files(folder, less)]


def _of_memory(less: int) -> list[Work]:
    tiny = 1_000_000 // less
    rows = torch.rand(1_000_000 // less, 16)
    arrays_together = ArraysTogether(rows.numpy(), tiny)
    images = Rows(torch.rand(128, 3, 224, 224), 3840 // less)
    return [
        Work("64 images float32[3,224,224]", images, 64, None, asked(3.5, 3.5), shown=True),
        Work("tensors float32[16]", Rows(rows, tiny), 256, None, asked(1.5, 2.5), shown=True),
        Work("arrays float32[16]", Rows(rows.numpy(), tiny), 256, None, asked(2.8, 6), shown=True),
        Work("tensors through `__getitems__`", Together(rows, tiny), 256, None, asked(4.5, 7)),
        Work("arrays through `__getitems__`", arrays_together, 256, None, asked(4.5, 7)),
        Work("a plain array", rows.numpy()[:tiny], 256, None, asked(4.5, 7)),
        Work("text with padding collate", Sentences(102_400 // less), 64, padded, asked(1.3, 2.5)),
        Work("dicts of 16 tensors", Dicts(rows, 64 * 800 // less), 64),
    ]


def _of_files(folder: Path, less: int) -> Iterator[Work]:
    tokens = folder / "tokens.bin"
    tokens.touch()
    with tokens.open("r+b") as file:
        file.truncate(2 * 200_000_000)
    windows = Windows(tokens, 51_200 // less)
    yield Work("windows of 1,024 tokens", windows, 32, None, asked(2.5, 4), shown=True)
    if all(find_spec(name) for name in ("PIL", "skimage", "sklearn")):
        write_photographs(folder)
        photographs = Photographs(folder, 64 * (3 if less > 1 else 8))
        yield Work(
            "64 JPEG 500x375, augmented", photographs, 64, None, asked(1.05, 1.15), shown=True
        )


def asked(wall: float, cpu: float) -> dict[str, Bar]:
    """Give what is asked of the samples per second and of the processor time of a sample."""
    return {"wall": Bar(ratio=wall), "cpu": Bar(ratio=cpu)}


def write_photographs(folder: Path) -> None:
    """Write parts of photographs that ship with packages as JPEG files of 500 x 375 pixels."""
    from PIL import Image  # noqa: PLC0415 - only this work needs it

    random = np.random.default_rng(0)
    for package, path in _PHOTOGRAPHS:
        with Image.open(Path(find_spec(package).origin).parent / path) as photograph:
            whole = photograph.convert("RGB")
        for number in range(8):
            side = random.uniform(0.5, 0.9)
            left, top = random.uniform(0, 1 - side, 2)
            box = (left, top, left + side, top + side) * np.array([*whole.size] * 2)
            part = whole.resize((500, 375), Image.Resampling.BICUBIC, tuple(box))
            part.save(folder / f"{Path(path).stem}-{number}.jpg", quality=90)
