"""Run a script with trueload's DataLoader in the place of torch's.

The script is run as Python itself would run it, with `trueload.install()` done first: every
`torch.utils.data.DataLoader`, also those that libraries build, is then trueload's. The exit code
is the script's own.
"""

import runpy
import sys
import zipfile
from argparse import REMAINDER, ArgumentParser, Namespace
from io import open_code
from pathlib import Path
from types import ModuleType, TracebackType

import trueload

CANNOT_OPEN = 2
"""What Python exits with when it cannot read the script."""

_OURS = {__file__, runpy.__file__, "<frozen runpy>"}


def add_arguments(parser: ArgumentParser) -> None:
    """Take `script.py args...` or `-m module args...`."""
    parser.usage = "trueload install [-h] (script.py | -m module) [args...]"
    parser.add_argument("-m", action="store_true", dest="as_module", help="run a module")
    # One argument takes all that follows: argparse would drop a `--` between two.
    parser.add_argument(
        "line", nargs=REMAINDER, metavar="script [args...]", help="what to run, as after `python`"
    )
    parser.set_defaults(wrong_use=parser.error)


def run(args: Namespace) -> int:
    """Run the script; what ends it is shown as Python shows it, without our frames."""
    if not args.line:
        args.wrong_use("a script or a module to run is missing")
    trueload.install()
    sys.argv = args.line
    script = args.line[0]
    try:
        _run_module(script) if args.as_module else _run_script(script)
    except SystemExit:
        raise
    except BaseException as error:
        if _of_script(error) is None and isinstance(error, OSError | ImportError):
            return _show_not_started(script, error)
        _show(error)
        if isinstance(error, KeyboardInterrupt):
            sys.excepthook = _say_nothing
            raise
        return 1
    return 0


def _run_module(module: str) -> None:
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_script(script: str) -> None:
    """Run a file, or a folder or archive that has a `__main__`."""
    path = Path(script).absolute()
    packed = path.is_dir() or zipfile.is_zipfile(path)
    if not sys.flags.safe_path:
        # In front of it all, runpy itself puts a folder or an archive.
        sys.path[:1] = [] if packed else [str(path.resolve().parent)]
    if packed:
        runpy.run_path(script, run_name="__main__")
    else:
        _run_file(path)


def _run_file(path: Path) -> None:
    """Run a file as `__main__`, which stays: what runs at exit and workers may look at it.

    `runpy.run_path` would take it away at the end, and give it a relative `__file__`.
    """
    with open_code(str(path)) as file:  # no frame of Python's own if it cannot be opened
        code = compile(file.read(), path, "exec", dont_inherit=True)
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__file__ = str(path)
    exec(code, vars(main))  # noqa: S102 - to run the user's script is what was asked for


def _of_script(error: BaseException) -> TracebackType | None:
    """Give the traceback without the frames in front that are ours or runpy's."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename in _OURS:
        traceback = traceback.tb_next
    return traceback


def _show_not_started(script: str, error: OSError | ImportError) -> int:
    """Say in Python's words that there is nothing to run, and give Python's exit code."""
    if isinstance(error, ImportError):
        print(f"{sys.executable}: {error}", file=sys.stderr)
        return 1
    full, why = Path(script).absolute(), f"[Errno {error.errno}] {error.strerror}"
    print(f"{sys.executable}: can't open file '{full}': {why}", file=sys.stderr)
    return CANNOT_OPEN


def _show(error: BaseException) -> None:
    """Show an exception through `sys.excepthook`, which the script may have set."""
    traceback = _of_script(error)
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)


def _say_nothing(*_: object) -> None:
    """Take the place of `sys.excepthook` once the exception has been shown."""
