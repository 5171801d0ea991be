"""Run a script with trueload's DataLoader in the place of torch's.

The script is run as Python itself would run it, with `trueload.install()` done first: every
`torch.utils.data.DataLoader`, also those that libraries build, is then trueload's. The exit code
is the script's own.
"""

from argparse import ArgumentParser, Namespace

import trueload
from trueload.commands import running


def add_arguments(parser: ArgumentParser) -> None:
    """Take `script.py args...`, `-m module args...` or `-c code args...`."""
    parser.usage = "trueload install [-h] (script.py | -m module | -c code) [args...]"
    running.add_program(parser)


def run(args: Namespace) -> int:
    """Run the script; what ends it is shown as Python shows it, without our frames."""
    program = running.program_of(args)
    trueload.install()
    return running.show(running.run(program))
