"""Where a report goes: always to standard error as text, and in one more form if asked."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path

from trueload.errors import ArgumentError, render
from trueload.reports import FORMS, Report


def add_arguments(parser: ArgumentParser) -> None:
    """Take `--format` and `--output`."""
    parser.add_argument(
        "--format", choices=FORMS, default="text", help="give the report in this form as well"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="where that goes; without it, to standard output"
    )


@dataclass(frozen=True, slots=True)
class Outlet:
    """Shows a report.

    Attributes:
        form: One of the forms.
        file: Where it goes; `None` for standard output.
    """

    form: str
    file: Path | None

    def show(self, report: Report) -> None:
        """Show a report: as text, and in its form.

        Raises:
            OSError: The file cannot be written.
        """
        from rich.console import Console  # noqa: PLC0415 - help needs neither of these

        from trueload.reports import text  # noqa: PLC0415

        sys.stdout.flush()
        text.render(report, Console(stderr=True))
        sys.stderr.flush()
        if self.file is not None:
            self.file.write_text(self._rendered(report), encoding="utf-8")
            print(f"  written to {self.file}", file=sys.stderr)
        elif self.form != "text":
            # On a line of its own: the script may have left one unfinished.
            print(f"\n{self._rendered(report)}", end="", flush=True)

    def _rendered(self, report: Report) -> str:
        if self.form != "text":
            return import_module(f"trueload.reports.{self.form}").render(report)
        from rich.console import Console  # noqa: PLC0415

        from trueload.reports import text  # noqa: PLC0415

        shown = StringIO()
        text.render(report, Console(file=shown, color_system=None))
        return shown.getvalue()


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, also where the one that the script has gone to is no longer there."""
    try:
        before = Path.cwd()
    except FileNotFoundError:
        before = folder
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def outlet_of(args: Namespace) -> Outlet:
    """Give the outlet that the arguments ask for, before the script runs for long.

    Raises:
        ArgumentError: There is no such folder (also a ValueError).
    """
    if args.output is None:
        return Outlet(args.format, None)
    file = Path(args.output).absolute()  # the script may go elsewhere
    if not file.parent.is_dir() or file.is_dir():
        title = f"`--output` cannot be written: {args.output}"
        raise ArgumentError(render(title, "TL105", hint="name a file in a folder that exists"))
    return Outlet(args.format, file)
