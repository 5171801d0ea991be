"""Show the page of a check or of an error: what it means, why it matters, the way out.

A check is named by its code or its name: `trueload explain TL701`, or
`trueload explain missing-zero-grad`. Without a name, all checks are listed.
"""

import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from trueload.checks.registry import CHECKS, named
from trueload.commands.codes import Exit

_PACKAGE = Path(__file__).parent.parent
_ERRORS = (_PACKAGE / "errors.md", _PACKAGE.parent.parent / "docs" / "reference" / "errors.md")
"""Where the pages of the loader's errors are: in an installed package, and in a checkout."""


def add_arguments(parser: ArgumentParser) -> None:
    """Take the name of a check."""
    parser.add_argument("name", nargs="?", metavar="TL701", help="a code, or the name of a check")


def run(args: Namespace) -> int:
    """Print the page."""
    if args.name is None:
        for check in CHECKS.values():
            print(f"{check.code}  {check.severity!s:<7}  {check.name}")
        return Exit.CLEAN
    check = named(args.name)
    error = _error(args.name.upper() if check is None else check.code)
    if check is None and error is None:
        print(f"no check or error is called {args.name!r}", file=sys.stderr)
        print("\nhint: `trueload explain` lists the checks", file=sys.stderr)
        return Exit.WRONG_USE
    if check is not None:
        print(f"{check.code} {check.name} ({check.severity!s})\n")
        print(check.page())
    if check is not None and error is not None:
        print("\nWhat the loader says of it:\n")
    if error is not None:
        print(error)
    return Exit.CLEAN


def _error(code: str) -> str | None:
    """Give the section about one of the loader's errors, or `None` where there is none."""
    file = next((file for file in _ERRORS if file.is_file()), None)
    if file is None:
        return None
    section = rf"^## ({re.escape(code)}\n.*?)(?=^## |\Z)"
    found = re.search(section, file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found[1].rstrip() if found else None
