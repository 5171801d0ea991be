"""Show a picture on a terminal: two pixels a character, one above the other."""

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.style import Style
from rich.text import Text


def can_show(console: Console) -> bool:
    """Tell whether this is a terminal that shows many colors, and may."""
    colors = console.color_system in {"256", "truecolor"} and not console.no_color
    return console.is_terminal and colors and not console.options.ascii_only


def in_blocks(pixels: NDArray[np.uint8]) -> Text:
    """Give a picture as lines of text.

    Args:
        pixels: Shape (height, width, 3); an odd last row is left out.
    """
    lines = zip(pixels[::2], pixels[1::2], strict=False)
    return Text("\n").join(_line(above, below) for above, below in lines)


def _line(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> Text:
    line = Text()
    for top, bottom in zip(above, below, strict=True):
        line.append("▀", Style(color=_color(top), bgcolor=_color(bottom)))
    return line


def _color(pixel: NDArray[np.uint8]) -> str:
    red, green, blue = pixel.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
