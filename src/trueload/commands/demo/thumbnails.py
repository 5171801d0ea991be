"""Show some of the demo's pictures on a terminal."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from rich.table import Table
from rich.text import Text

from trueload.commands.blocks import in_blocks

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
    return in_blocks(np.asarray(small))
