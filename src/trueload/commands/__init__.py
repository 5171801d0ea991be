"""The command line: one module a command, and the list of them.

A command is a module whose docstring is its help, with `add_arguments(parser)` and
`run(args) -> int`. Such a module imports nothing heavy before it runs, so that help is instant:
neither torch nor numpy is needed to read it. What the exit codes say stands in `codes`.
"""

import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from traceback import print_exc
from typing import Protocol

import trueload
from trueload.commands import check, demo, explain, install, replay, scrub
from trueload.commands.codes import Exit


class Command(Protocol):
    """What the module of a command offers."""

    __name__: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the command's arguments."""

    def run(self, args: Namespace) -> int:
        """Do it, and give the exit code."""


COMMANDS: tuple[Command, ...] = (check, scrub, explain, replay, demo, install)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and give the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.version:
        print(f"trueload {_version()}")
        return Exit.CLEAN
    if args.command is None:
        parser.print_help(sys.stderr)
        return Exit.WRONG_USE
    try:
        return args.command.run(args)
    except Exception:
        print_exc()
        return Exit.FAILED


def _parser() -> ArgumentParser:
    """Build the parser from the list of commands."""
    parser = ArgumentParser(
        prog="trueload",
        usage="trueload [-h] [--version] command ...",
        description="Batches that are correct, fast and endless.",
        epilog=_table(),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(prog="trueload", metavar="command", help=SUPPRESS)
    for command in COMMANDS:
        own = commands.add_parser(
            _name(command),
            description=command.__doc__,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(own)
        own.set_defaults(command=command)
    return parser


def _table() -> str:
    """List the commands with the first lines of their docstrings."""
    firsts = ((command.__doc__ or "").partition("\n")[0].rstrip(".") for command in COMMANDS)
    rows = zip(map(_name, COMMANDS), firsts, strict=True)
    return "\n".join(["commands:", *(f"  {name:<9}  {first}" for name, first in rows)])


def _name(command: Command) -> str:
    return command.__name__.rpartition(".")[2]


def _version() -> str:
    """Give the installed version; there is none where a checkout is only on the path."""
    try:
        return trueload.__version__
    except ModuleNotFoundError:
        return "(not installed)"
