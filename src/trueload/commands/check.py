"""Run a training script, unmodified, and say what silently goes wrong in it.

The script runs as under `python`: the same arguments, standard input and output, and main module.
After about 200 steps, two epochs and an evaluation it is stopped, before it saves anything; what
was found is written to standard error, and with `--format` in another form too. The exit code is
the script's own, or with `--exit-code` 1 if anything above a note was found.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from trueload.commands import reporting, running
from trueload.commands.codes import Exit
from trueload.errors import ArgumentError
from trueload.findings import Finding

_PATIENCE_SECONDS = 20.0
"""How long a script runs before its errors are told while it goes on, and again at its end."""


def add_arguments(parser: ArgumentParser) -> None:
    """Take options, then `script.py args...`, `-m module args...` or `-c code args...`."""
    parser.usage = "trueload check [-h] [options] (script.py | -m module | -c code) [args...]"
    parser.add_argument("--steps", type=_positive, help="stop after so many optimizer steps")
    parser.add_argument("--time", type=_positive, metavar="SECONDS", help="stop after so long")
    parser.add_argument("--full", action="store_true", help="let the script run to its end")
    parser.add_argument("--select", type=_names, metavar="CODES", help="only these checks")
    parser.add_argument("--ignore", type=_names, metavar="CODES", help="all but these checks")
    parser.add_argument(
        "--exit-code", action="store_true", help="exit with 1 if anything above a note was found"
    )
    reporting.add_arguments(parser)
    running.add_program(parser)


def run(args: Namespace) -> int:
    """Run the script under the instruments, report, and end as it ended."""
    program = running.program_of(args)
    from trueload.checks import selection  # noqa: PLC0415 - help needs no checks

    try:
        settings = selection.settings(_folder(program))
        chosen = selection.Selection(
            select=args.select or settings.select,
            ignore=(args.ignore or ()) + settings.ignore,
        )
        outlet = reporting.outlet_of(args, settings.baseline)
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return Exit.WRONG_USE
    return _check(args, program, chosen.checks(), outlet)


def _check(
    args: Namespace, program: running.Program, checks: list, outlet: reporting.Outlet
) -> int:
    from trueload.sanitizer.limits import Limits  # noqa: PLC0415 - help needs none of these
    from trueload.sanitizer.script import Watched  # noqa: PLC0415

    folder = Path.cwd()

    def tell() -> bool:
        with reporting.inside(folder):  # paths are shown from where the user is
            return outlet.show(watched.report(checks))

    def tell_one(finding: Finding) -> None:
        with reporting.inside(folder):
            outlet.tell(finding)

    def give_up() -> None:
        """End a script that catches whatever is to stop it."""
        tell()
        sys.stderr.flush()
        os._exit(Exit.CLEAN)

    limits = Limits(args.steps, args.time, full=args.full, give_up=give_up)
    is_command = program.kind == "command"
    watched = Watched(
        limits,
        command=program.name if is_command else "",
        script="" if is_command else program.name,
        filmed=args.format == "html",
    )
    watched.tell_early(checks, tell_one, _PATIENCE_SECONDS)
    error = watched.run(lambda: running.run(program))
    try:
        status = running.show(error)
    except (SystemExit, KeyboardInterrupt) as error:
        grave = tell()
        if isinstance(error, SystemExit) and not error.code and grave and args.exit_code:
            return Exit.FOUND
        raise
    grave = tell()
    return Exit.FOUND if grave and args.exit_code and not status else status


def _folder(program: running.Program) -> Path:
    """Give the folder whose settings hold: that of the script, else the working directory."""
    if program.kind == "script" and Path(program.name).exists():
        return Path(program.name).resolve().parent
    return Path.cwd()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
