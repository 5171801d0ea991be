"""Show a sample or a batch: where it comes from, what it holds, and the image if there is one."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console

from trueload.commands.blocks import can_show, in_blocks
from trueload.commands.replay.sources import UsageError
from trueload.errors import count
from trueload.evidence.footage import Picture
from trueload.pictures import array_of, images_of, picture_of, span_of
from trueload.replay import Found
from trueload.reports.html import png
from trueload.tasks import listed
from trueload.tree import describe, leaves

_TALLEST = 48
_MOST_IMAGES = 16
_MOST_INDICES = 8
_LONGEST = 60
_COLUMNS = ("", "holds", "min", "mean", "max", "NaN", "Inf")
_LEFT = 2


class Row(NamedTuple):
    """What is told of a leaf."""

    name: str
    holds: str
    low: str = ""
    mean: str = ""
    high: str = ""
    nans: str = ""
    infinite: str = ""


def check_out(path: str | None) -> None:
    """Refuse a file that nothing is written to.

    Raises:
        UsageError: It is neither a .png nor a .pt.
    """
    if path is not None and Path(path).suffix not in {".png", ".pt"}:
        message = f"`--out` takes a .png for the image or a .pt for all of it, got {path!r}"
        raise UsageError(message)


def headline(found: Found) -> str:
    """Say what it is, and where it was in the epoch."""
    task, row = found.task, found.row
    facts = [("position", count(task.position)), ("batch", count(task.batch))]
    if row is None:
        title = f"batch {count(task.batch)} of epoch {task.epoch}"
        facts = [facts[0], ("samples", _indices(task.indices))]
    else:
        indices = listed(task.indices)
        index = indices[row] if isinstance(indices, (list, tuple)) else indices
        title = f"sample {index!r} of epoch {task.epoch}"
        facts = [
            ("position", count(task.position + row * task.stride)),
            ("batch", f"{count(task.batch)}, row {row}"),
        ]
    if found.share.world_size > 1:
        facts.append(("rank", f"{found.share.rank} of {found.share.world_size}"))
    width = max(len(name) for name, _ in facts)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in facts)])


def _indices(indices: Any) -> str:
    shown = listed(indices)
    if not isinstance(shown, (list, tuple)):
        return repr(shown)
    known = ", ".join(repr(index) for index in shown[:_MOST_INDICES])
    more = f", ... ({count(len(shown))} in all)" if len(shown) > _MOST_INDICES else ""
    return known + more


def table(made: Any, name: str) -> str:
    """List the leaves with what they hold."""
    rows = [_row(leaf_name, leaf) for leaf_name, leaf in leaves(made, name)]
    shown = [Row(*_COLUMNS), *rows] if any(row.low or row.nans for row in rows) else rows
    widths = [max(len(row[column]) for row in shown) for column in range(len(_COLUMNS))]
    return "\n".join(_line(row, widths) for row in shown)


def _line(row: Row, widths: list[int]) -> str:
    cells = [
        f"{cell:<{width}}" if column < _LEFT else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _row(name: str, leaf: Any) -> Row:
    array = array_of(leaf)
    if array is None:
        text = describe(leaf) if hasattr(leaf, "shape") else _shortened(leaf)
        return Row(name, text)
    holds = describe(leaf)
    if not array.size:
        return Row(name, holds)
    floats = array.dtype.kind == "f"
    finite = array[np.isfinite(array)] if floats else array
    nans = int(np.isnan(array).sum()) if floats else 0
    counts = (count(nans), count(array.size - finite.size - nans)) if floats else ("", "")
    if not finite.size:
        return Row(name, holds, "", "", "", *counts)
    mean = float(finite.mean(dtype=np.float64))
    return Row(name, holds, _number(finite.min()), _number(mean), _number(finite.max()), *counts)


def _number(value: Any) -> str:
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float):
        return f"{number:.4g}"
    return str(number)


def _shortened(leaf: Any) -> str:
    text = "None" if leaf is None else f"{type(leaf).__name__} {leaf!r}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def show(found: Found, made: Any, out: str | None, console: Console | None = None) -> None:
    """Show all of it, and write it where that was asked for.

    Raises:
        UsageError: There is no image to write, or it cannot be written.
    """
    console = console or Console(highlight=False)
    name = "batch" if found.row is None else "sample"
    console.out(f"\n{table(made, name)}", highlight=False)
    picture = image_of(made, single=found.row is not None)
    if picture is not None and can_show(console):
        console.print()
        console.print(in_blocks(_fitting(picture, console.width)))
    if out is not None:
        _write(made, picture, out)
        console.out(f"\nwritten: {out}", highlight=False)


def image_of(made: Any, *, single: bool) -> np.ndarray | None:
    """Give the first image of a sample, or the first few of a batch side by side.

    Returns:
        uint8, shape (height, width, 3), or `None` where nothing looks like an image.
    """
    for _, leaf in leaves(made):
        array = array_of(leaf)
        images = None if array is None else images_of(array[None] if single else array)
        if array is not None and images is not None and array.size:
            finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            bounds = span_of(array, low, high)
            return _grid([_pixels(picture_of(image, *bounds)) for image in images[:_MOST_IMAGES]])
    return None


def _pixels(picture: Picture) -> np.ndarray:
    flat = np.frombuffer(picture.pixels, np.uint8)
    return flat.reshape(picture.height, picture.width, picture.channels).repeat(
        3 // picture.channels, axis=2
    )


def _grid(images: list[np.ndarray]) -> np.ndarray:
    """Put images of one size into rows of a square."""
    across = math.ceil(math.sqrt(len(images)))
    blank = [np.zeros_like(images[0])] * (-len(images) % across)
    whole = [*images, *blank]
    rows = [np.concatenate(whole[at : at + across], axis=1) for at in range(0, len(whole), across)]
    return np.concatenate(rows, axis=0)


def _fitting(image: np.ndarray, width: int) -> np.ndarray:
    """Shrink an image by a whole factor to what a terminal has room for."""
    height, across = image.shape[:2]
    by = max(1, math.ceil(across / max(width, 1)), math.ceil(height / _TALLEST))
    cut = image[: height // by * by, : across // by * by].astype(np.float64)
    blocks = cut.reshape(height // by, by, across // by, by, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def _write(made: Any, image: np.ndarray | None, out: str) -> None:
    try:
        if out.endswith(".pt"):
            torch.save(made, out)
            return
        if image is None:
            message = (
                "nothing in it looks like an image\n\nhint: `--out sample.pt` writes all of it"
            )
            raise UsageError(message)
        height, width, channels = image.shape
        Path(out).write_bytes(png.encode(Picture(width, height, channels, image.tobytes())))
    except OSError as error:
        message = f"cannot write {out}: {error.strerror}"
        raise UsageError(message) from None
