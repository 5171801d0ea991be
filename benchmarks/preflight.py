"""What it costs to look into a dataset before workers start, and to give them files of their own.

`looking` walks over what workers get, as each epoch with new workers does: over a dataset of a few
arrays, one with a million tuples, one with 118 000 annotations as COCO has them, one that is all
objects, and a model. `files` opens 20 files again, as each forked worker does. `digest` reads a
file as `trueload scrub` does, beside reading it alone.

    python benchmarks/preflight.py [--quick] [--json]
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Bar, Case, Measured, main

from trueload.manifest import best_algorithm, digest_of
from trueload.preflight import preflight
from trueload.workers.files import files_read, reopen

_LIMIT = {"wall": Bar(at_most=0.08)}


class Held:
    """Holds what it is given."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def __getitem__(self, index: int) -> Any:
        return self, index


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    share = 10 if quick else 1
    arrays = Held(images=np.zeros((60_000, 28, 28), np.uint8), targets=torch.zeros(60_000))
    yield _looking("two arrays", arrays)
    pairs = [(f"{number}.jpg", number % 1000) for number in range(1_000_000 // share)]
    yield _looking("a million tuples", Held(samples=pairs))
    yield _looking("annotations", Held(annotations=_annotations(118_000 // share)))
    yield _looking("objects", Held(tree=_tree(depth=5, width=10)))
    yield _looking("a model", Held(model=torch.nn.Transformer(d_model=64, batch_first=True)))
    yield Case("files", ours=_reopening, bars={"wall": Bar(at_most=0.001)})
    yield from _digests(1 << 24 if quick else 1 << 28)


def _annotations(number: int) -> list[dict[str, Any]]:
    box = [1.0, 2.0, 3.0, 4.0]
    return [
        {"id": one, "bbox": [*box], "parts": [[*box] for _ in range(4)]} for one in range(number)
    ]


def _tree(depth: int, width: int) -> Any:
    children = [_tree(depth - 1, width) for _ in range(width)] if depth else []
    return Held(children=children, name=str(depth), extra={"depth": depth})


def _looking(name: str, dataset: Any) -> Case:
    def look() -> Measured:
        return _timed(lambda: preflight({"dataset": dataset}))

    return Case(f"looking: {name}", ours=look, bars=_LIMIT, turns=5)


def _reopening() -> Measured:
    """Open files again in this process: that is what a fork of it does."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        for number in range(20):
            path = Path(folder, str(number))
            path.write_bytes(b"x")
            opened.enter_context(path.open("rb"))
        return _timed(lambda: reopen(files_read()))


def _digests(size_bytes: int) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data")
        path.write_bytes(os.urandom(1 << 20) * (size_bytes >> 20))
        algorithm = best_algorithm()
        yield Case(
            f"digest: {algorithm}",
            ours=lambda: _timed(lambda: digest_of(path, algorithm), size_bytes / 1e9),
            base=lambda: _timed(lambda: _read(path), size_bytes / 1e9),
            against="reading",
        )


def _read(path: Path) -> None:
    """Read a file from the disk, as the digest does."""
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.readinto(buffer):
            pass


def _timed(work: Callable[[], object], units: float = 1) -> Measured:
    begun = time.perf_counter()
    work()
    return {"wall": (time.perf_counter() - begun) / units}


if __name__ == "__main__":
    main("preflight", __doc__, cases)
