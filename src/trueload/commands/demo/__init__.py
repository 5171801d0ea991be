"""Show all of it on real data in a minute.

Writes real pictures (handwritten digits in front of photographs, out of installed packages;
nothing is downloaded), trains a small network on them, kills the training in mid-epoch, resumes
it in a new process and proves from the records that no picture was repeated or missed.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from trueload.commands.codes import Exit

NEEDED = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}
"""What the demo imports or reads beyond trueload's own needs, and the packages that have it."""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the options, all of which may be left alone."""
    parser.add_argument(
        "--quick", action="store_true", help="few pictures, 4 epochs: seconds, low accuracy"
    )
    parser.add_argument(
        "--epochs", type=_whole(2, 100), metavar="N", help="the last one is killed (default: 8)"
    )
    parser.add_argument(
        "--workers", type=_whole(0, 64), metavar="N", default=2, help="processes (default: 2)"
    )
    parser.add_argument(
        "--seed",
        type=_whole(0, 2**32 - 1),
        metavar="N",
        default=0,
        help="of the pictures, the order and the network (default: 0)",
    )
    parser.add_argument(
        "--keep", type=_new_folder, metavar="FOLDER", help="leave pictures and records here"
    )


def run(args: Namespace) -> int:
    """Run the demo; it has found something if its proof fails."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        print(f"trueload demo needs what is not installed: {', '.join(missing)}", file=sys.stderr)
        print('\nhint: pip install "trueload[demo]"', file=sys.stderr)
        return Exit.WRONG_USE
    try:
        from trueload.commands.demo.story import Options, tell  # noqa: PLC0415 - imports torch

        epochs = args.epochs or (4 if args.quick else 8)
        return tell(Options(epochs, args.workers, args.seed, args.keep, args.quick))
    except KeyboardInterrupt:
        print("\nstopped; all processes ended, all temporary files removed", file=sys.stderr)
        return Exit.INTERRUPTED


def _whole(smallest: int, largest: int) -> Callable[[str], int]:
    """Make the type of an argument that is a whole number within limits."""

    def read(text: str) -> int:
        if text.isdecimal() and smallest <= int(text) <= largest:
            return int(text)
        message = f"{text!r} is no whole number from {smallest} to {largest}"
        raise ArgumentTypeError(message)

    return read


def _new_folder(text: str) -> Path:
    folder = Path(text)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{text!r} exists and is no empty folder"
        raise ArgumentTypeError(message)
    return folder
