"""Where a report goes: always to standard error as text, and in one more form if asked.

What a baseline has is left out of it.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from io import StringIO
from pathlib import Path

from trueload.errors import ArgumentError, render, several
from trueload.findings import Finding
from trueload.reports import FORMS, Report


def add_arguments(parser: ArgumentParser) -> None:
    """Take `--format` and `--output`, and the options of baselines."""
    parser.add_argument(
        "--format", choices=FORMS, default="text", help="give the report in this form as well"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="where that goes; without it, to standard output"
    )
    parser.add_argument("--baseline", metavar="FILE", help="tell only what this file does not have")
    parser.add_argument("--write-baseline", metavar="FILE", help="write what was found to a file")


@dataclass(frozen=True, slots=True)
class Outlet:
    """Shows a report.

    Attributes:
        form: One of the forms.
        file: Where it goes; `None` for standard output.
        baseline: What is known already.
        new_baseline: Where to write what was found.
    """

    form: str
    file: Path | None
    baseline: Path | None
    new_baseline: Path | None

    def show(self, report: Report) -> bool:
        """Show a report, and say whether it has anything that is new and above a note.

        Raises:
            OSError: A file cannot be written.
        """
        from trueload.checks import baseline  # noqa: PLC0415 - help needs no checks

        found = report.findings
        if self.baseline is not None:
            new = tuple(baseline.unknown(found, self.baseline))
            report = replace(report, findings=new, known=len(found) - len(new))
        self._tell(report)
        if self.new_baseline is not None:
            baseline.write(found, self.new_baseline)
            number = several(len(found), "finding")
            print(f"  {number} written to {self.new_baseline}", file=sys.stderr)
        return report.grave and self.new_baseline is None

    def tell(self, finding: Finding) -> None:
        """Show a finding while the script goes on, unless it is known."""
        from rich.console import Console  # noqa: PLC0415 - help needs none of these

        from trueload.checks import baseline  # noqa: PLC0415
        from trueload.reports import text  # noqa: PLC0415

        if self.baseline is None or baseline.unknown([finding], self.baseline):
            sys.stdout.flush()
            text.render_finding(finding, Console(stderr=True))
            sys.stderr.flush()

    def _tell(self, report: Report) -> None:
        from rich.console import Console  # noqa: PLC0415 - help needs neither of these

        from trueload.reports import text  # noqa: PLC0415

        sys.stdout.flush()
        text.render(report, Console(stderr=True))
        sys.stderr.flush()
        if self.file is not None:
            self.file.write_bytes(self._rendered(report))
            print(f"  written to {self.file}", file=sys.stderr)
        elif self.form != "text":
            _print(self._rendered(report))

    def _rendered(self, report: Report) -> bytes:
        """Give the report in its form, as UTF-8; a name of a file may hold what that has not."""
        return self._text(report).encode("utf-8", "backslashreplace")

    def _text(self, report: Report) -> str:
        if self.form != "text":
            return import_module(f"trueload.reports.{self.form}").render(report)
        from rich.console import Console  # noqa: PLC0415

        from trueload.reports import text  # noqa: PLC0415

        shown = StringIO()
        text.render(report, Console(file=shown, color_system=None))
        return shown.getvalue()


def _print(text: bytes) -> None:
    """Write to the standard output that Python began with: the script may have put in another."""
    stream = sys.__stdout__ or sys.stdout
    stream.flush()
    # On a line of its own: the script may have left one unfinished.
    stream.buffer.write(b"\n" + text)
    stream.flush()


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


def outlet_of(args: Namespace, of_project: Path | None = None) -> Outlet:
    """Give the outlet that the arguments ask for, before the script runs for long.

    Args:
        args: What the command line says.
        of_project: The baseline that the project's settings name, for where neither option does.

    Raises:
        ArgumentError: A file cannot be written or read (also a ValueError).
    """
    from trueload.checks import baseline  # noqa: PLC0415 - help needs no checks

    known = of_project if args.baseline is None else Path(args.baseline).absolute()
    if args.baseline is None and args.write_baseline is not None:
        known = None  # all that is found is to be written
    if known is not None:
        baseline.read(known)
    return Outlet(
        form=args.format,
        file=_writable("--output", args.output),
        baseline=known,
        new_baseline=_writable("--write-baseline", args.write_baseline),
    )


def _writable(option: str, name: str | None) -> Path | None:
    if name is None:
        return None
    file = Path(name).absolute()  # the script may go elsewhere
    if not file.parent.is_dir() or file.is_dir():
        title = f"`{option}` cannot be written: {name}"
        raise ArgumentError(render(title, "TL105", hint="name a file in a folder that exists"))
    return file
