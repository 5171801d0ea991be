"""Run a program as `python` runs it: a script, a module or a command.

It gets the arguments, `sys.path` and the main module that it would have, and that module stays when
the program has ended: what runs at exit, workers, and reports may look at it. `runpy` would clear
it, and give it a relative `__file__`, so only folders and archives are left to `runpy`.
"""

import importlib.util
import os
import runpy
import sys
import zipfile
from argparse import REMAINDER, ArgumentParser, Namespace
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from io import open_code
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final

CANNOT_OPEN: Final = 2
"""What Python exits with when it cannot read the script."""

_PACKAGE: Final = str(Path(__file__).parent.parent) + os.sep
_RUNNERS: Final = {runpy.__file__, "<frozen runpy>"}


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Attributes:
        kind: `script`, `module` or `command`.
        name: The path, the module's name, or the code itself.
        arguments: What the program finds in `sys.argv` after its own name.
    """

    kind: str
    name: str
    arguments: tuple[str, ...]


def add_program(parser: ArgumentParser) -> None:
    """Take `script.py args...`, `-m module args...` or `-c code args...`."""
    for flag, kind, what in (("-m", "module", "run a module"), ("-c", "command", "run code")):
        parser.add_argument(flag, action="store_const", const=kind, dest="kind", help=what)
    # One argument takes all that follows: argparse would drop a `--` between two.
    parser.add_argument(
        "line", nargs=REMAINDER, metavar="script [args...]", help="what to run, as after `python`"
    )
    parser.set_defaults(wrong_use=parser.error, kind="script")


def program_of(args: Namespace) -> Program:
    """Give the program that the arguments name; without one, this is wrong use."""
    if not args.line:
        args.wrong_use("a script or a module to run is missing")
    return Program(args.kind, args.line[0], tuple(args.line[1:]))


def run(program: Program) -> BaseException | None:
    """Run a program to its end, and give the exception that ended it, if one did.

    Its traceback begins with the program's own frames. A `SystemExit` is given too.
    """
    try:
        _RUN[program.kind](program)
    except BaseException as error:
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _of_program(link.__traceback__)
            link = link.__cause__ or link.__context__
        return error
    return None


def show(error: BaseException | None) -> int:
    """Show what ended a program as Python does, and give the exit code.

    Raises:
        SystemExit: The program's own.
        KeyboardInterrupt: The program was stopped; it has been shown.
    """
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, _NotStartedError):
        print(f"{sys.executable}: {error}", file=sys.stderr)
        return error.code
    sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        sys.excepthook = _say_nothing
        raise error
    return 1


class _NotStartedError(Exception):
    """There is nothing to run; its text is what Python says then."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def _run_script(program: Program) -> None:
    """Run a file, or a folder or archive that has a `__main__`."""
    sys.argv = [program.name, *program.arguments]
    path = Path(program.name).absolute()
    packed = path.is_dir() or zipfile.is_zipfile(path)
    text = b"" if packed else _read(path)
    if not sys.flags.safe_path:
        # In front of it all, runpy itself puts a folder or an archive.
        sys.path[:1] = [] if packed else [str(path.resolve().parent)]
    if packed:
        _run_packed(program.name)
        return
    main = _new_main(__file__=str(path))
    exec(compile(text, path, "exec", dont_inherit=True), vars(main))  # noqa: S102 - it was asked for


def _read(path: Path) -> bytes:
    try:
        with open_code(str(path)) as file:
            return file.read()
    except OSError as error:
        why = f"can't open file '{path}': [Errno {error.errno}] {error.strerror}"
        raise _NotStartedError(why, CANNOT_OPEN) from None


def _run_packed(name: str) -> None:
    try:
        runpy.run_path(name, run_name="__main__")
    except ImportError as error:
        if _of_program(error.__traceback__) is None:
            raise _NotStartedError(str(error), 1) from None
        raise


def _run_module(program: Program) -> None:
    """Run a module, or the `__main__` of a package."""
    sys.argv = ["-m", *program.arguments]
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())
    spec = _spec(program.name)
    loader: Any = spec.loader
    code = loader.get_code(spec.name)
    if code is None:
        text = f"No code object available for {spec.name}"
        raise _NotStartedError(text, 1)
    sys.argv[0] = str(spec.origin)
    main = _new_main(
        __file__=spec.origin,
        __cached__=spec.cached,
        __loader__=spec.loader,
        __package__=spec.parent,
        __spec__=spec,
    )
    exec(code, vars(main))  # noqa: S102 - to run the user's module is what was asked for


def _spec(name: str) -> ModuleSpec:
    """Find a module to run, with the words of Python where there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        kind = type(error).__name__
        text = f"Error while finding module specification for {name!r} ({kind}: {error})"
        raise _NotStartedError(text, 1) from None
    if spec is None:
        text = f"No module named {name}"
        raise _NotStartedError(text, 1)
    if spec.submodule_search_locations is None:
        return spec
    try:
        inner = importlib.util.find_spec(f"{name}.__main__")
    except ImportError:
        inner = None
    if inner is None:
        text = f"No module named {name}.__main__; {name!r} is a package and cannot be directly "
        text += "executed"
        raise _NotStartedError(text, 1)
    return inner


def _run_command(program: Program) -> None:
    """Run code that was given in the command line."""
    sys.argv = ["-c", *program.arguments]
    if not sys.flags.safe_path:
        sys.path[0] = ""
    code = compile(program.name, "<string>", "exec", dont_inherit=True)
    main = _new_main()
    exec(code, vars(main))  # noqa: S102 - to run this code is what was asked for


def _new_main(**attributes: Any) -> ModuleType:
    main = sys.modules["__main__"] = ModuleType("__main__")
    vars(main).update(attributes)
    return main


def _of_program(traceback: TracebackType | None) -> TracebackType | None:
    """Leave our frames, and those of `runpy` in front, out of a traceback."""
    kept: list[TracebackType] = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and (kept or file not in _RUNNERS):
            kept.append(traceback)
        traceback = traceback.tb_next
    chain: TracebackType | None = None
    for link in reversed(kept):
        chain = TracebackType(chain, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return chain


def _say_nothing(*_: object) -> None:
    """Take the place of `sys.excepthook` once the exception has been shown."""


_RUN: Final = {"script": _run_script, "module": _run_module, "command": _run_command}
