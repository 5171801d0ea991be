"""Show pictures on a terminal: two pixels a character, one above the other."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.style import Style
from rich.table import Table
from rich.text import Text

SIDE: Final = 22
"""Height and width of a thumbnail, in pixels."""

GAP: Final = 2


def thumbnails(folder: Path, width: int) -> Table:
    """Return a row of pictures, each of another class.

    Args:
        folder: Has a folder for each class.
        width: Characters that the row may take.
    """
    number = max(1, (width + GAP) // (SIDE + GAP))
    row = Table.grid(padding=(0, GAP))
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    chosen = classes[2 :: max(1, len(classes) // number)][:number]
    files = (sorted(path.glob("*.jpg"))[place] for place, path in enumerate(chosen))
    row.add_row(*(_thumbnail(path) for path in files))
    return row


def _thumbnail(path: Path) -> Text:
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small)
    lines = zip(pixels[::2], pixels[1::2], strict=True)
    return Text("\n").join(_line(above, below) for above, below in lines)


def _line(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> Text:
    line = Text()
    for top, bottom in zip(above, below, strict=True):
        line.append("▀", Style(color=_color(top), bgcolor=_color(bottom)))
    return line


def _color(pixel: NDArray[np.uint8]) -> str:
    red, green, blue = pixel.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
