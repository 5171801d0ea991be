"""Check data files against a manifest of what they were, and write one the first time.

The first run reads all files below a folder and writes down how large each is and a digest of what
is in it. Each later run reads them again and names those that are damaged, truncated, unreadable,
missing, changed or new. A run that is stopped goes on where it was. The exit code is 1 if anything
was found but new files. A loader that is given `manifest=` says of a bad sample whether its file is
what it was.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from trueload.commands.codes import Exit
from trueload.errors import ArgumentError
from trueload.manifest import NAME


def add_arguments(parser: ArgumentParser) -> None:
    """Take the path, and where the manifest is."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a folder, or one file")
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help=f"the manifest (default: {NAME} there)",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="make what is there now the manifest",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="how many read at the same time")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="one JSON object a line, or text"
    )


def run(args: Namespace) -> int:
    """Read the files, tell what was found, and write the manifest if that is due."""
    from trueload.commands.scrub.work import work_of  # noqa: PLC0415 - help needs no bars

    try:
        work = work_of(args)
    except (ArgumentError, OSError) as error:
        print(error, file=sys.stderr)
        return Exit.WRONG_USE
    try:
        return work.run()
    except KeyboardInterrupt:
        print("trueload: stopped; the same command goes on where it was", file=sys.stderr)
        return Exit.INTERRUPTED
