"""Make a sample or a batch of a past run again, alone, and show it.

STATE is a file in which `torch.save` has put the state of a loader, alone or within other things;
`-` is for none, which is enough where the loader has a `seed`. EPOCH:INDEX names a sample by its
index, as messages do; with `--batch`, EPOCH:NUMBER names a batch. It is made in this process, bit
for bit as then. What it holds is listed, and an image is shown on a terminal that has colors.

  trueload replay run.pt 2:4711 --loader train.py:build
  trueload replay run.pt 2:12 --batch --loader package.data:loader --pdb
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import NamedTuple

from trueload.commands import running
from trueload.commands.codes import Exit
from trueload.errors import TrueloadError, tidied


class Which(NamedTuple):
    """What is asked for.

    Attributes:
        epoch: The epoch; `None` for that of the state.
        named: The index of a sample, or the number of a batch.
    """

    epoch: int | None
    named: int | str


def add_arguments(parser: ArgumentParser) -> None:
    """Take a state, what is to be made, and where the loader comes from."""
    parser.usage = "trueload replay [-h] STATE EPOCH:INDEX --loader WHERE [options]"
    parser.add_argument("state", metavar="STATE", help="a file with the loader's state, or `-`")
    parser.add_argument("which", metavar="EPOCH:INDEX", type=_which, help="such as 2:4711")
    parser.add_argument(
        "--loader",
        metavar="WHERE",
        help="train.py:name or package.module:name, of a loader or a function that gives one",
    )
    parser.add_argument("--batch", action="store_true", help="a batch, by its number")
    parser.add_argument(
        "--position", type=int, metavar="N", help="where an epoch has the index more than once"
    )
    parser.add_argument("--rank", type=int, metavar="N", help="whose batch, where ranks shared")
    parser.add_argument("--key", metavar="NAME", help="which state, where the file has several")
    parser.add_argument("--pdb", action="store_true", help="step through it in the debugger")
    parser.add_argument(
        "--out", metavar="FILE", help="write the image to a .png, or all of it to a .pt"
    )


def run(args: Namespace) -> int:
    """Make it and show it; an exception of the user's code may be what was looked for."""
    from trueload.commands.replay import showing, sources, stepping  # noqa: PLC0415 - import torch
    from trueload.replay import Asked  # noqa: PLC0415

    epoch, named = args.which
    if args.batch and not isinstance(named, int):
        print(f"a batch is named by its number, got {named!r}", file=sys.stderr)
        return Exit.WRONG_USE
    number = {"batch": named} if args.batch else {"index": named}
    asked = Asked(**number, epoch=epoch, position=args.position, rank=args.rank)
    try:
        showing.check_out(args.out)
        found = sources.find(sources.Where(args.state, args.loader, args.key), asked)
    except sources.ProgramError as failed:
        running.show(failed.error)
        return Exit.FAILED
    except TrueloadError as error:
        print(error, file=sys.stderr)
        return Exit.WRONG_USE
    print(showing.headline(found), flush=True)
    try:
        made = found.make(stepping.stepped) if args.pdb else found.make()
    except Exception as error:
        running.show(tidied(error))
        return Exit.FOUND
    try:
        showing.show(found, made, args.out)
    except sources.UsageError as error:
        print(error, file=sys.stderr)
        return Exit.WRONG_USE
    return Exit.CLEAN


def _which(text: str) -> Which:
    epoch, colon, named = text.partition(":")
    if not colon or not epoch.isdecimal():
        return Which(None, _number(text))
    return Which(int(epoch), _number(named))


def _number(text: str) -> int | str:
    """Give an index: a number if it looks like one, else a name."""
    return int(text) if text.isdecimal() else text
