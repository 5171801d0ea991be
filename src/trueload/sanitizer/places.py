"""Which line of the user's code is running.

The user's code is whatever lies neither in this package nor among the installed ones, nor was made
up at run time. Where the script itself is an installed one, its own folder counts as the user's.
"""

import linecache
import os
import sys
from pathlib import Path
from types import CodeType, FrameType

import torch

from trueload.errors import is_installed, is_ours
from trueload.findings import Place

NOWHERE = Place("<unknown>", 0)
_TORCH = str(Path(torch.__file__).parent) + os.sep
_CALL = torch.nn.Module._call_impl.__code__  # noqa: SLF001 - what a module's call runs
_COMMAND = "<string>"
_NOTEBOOKS = ("<ipython-input", "/tmp/ipykernel_")  # noqa: S108 - where Jupyter says a cell is


class Places:
    """Finds the line of the user's code that called us, and remembers what it found.

    Args:
        command: The text of the script, if it came with `-c`.
    """

    def __init__(self, command: str = "") -> None:
        self._command = command.splitlines()
        self._users: dict[str, bool] = {}
        self._known: dict[tuple[CodeType, int], Place] = {}
        self.files: set[str] = set()

    def here(self, depth: int = 1) -> Place:
        """Give the innermost line of the user's code that is running.

        Args:
            depth: How many frames to pass over before looking.
        """
        frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001 - what inspect uses too
        while frame is not None:
            code = frame.f_code
            known = self._users.get(code.co_filename)
            if known if known is not None else self.is_users(code.co_filename):
                return self.of(code, frame.f_lineno or 0)
            frame = frame.f_back
        return NOWHERE

    def called_by_user(self) -> bool:
        """Say whether the user's code called into torch itself, with no library in between."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses too
        while frame is not None:
            file = frame.f_code.co_filename
            if not (is_ours(file) or file.startswith(_TORCH)):
                return self.is_users(file)
            frame = frame.f_back
        return False

    def inside_a_call(self) -> bool:
        """Say whether a module of torch is being called."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses too
        while frame is not None:
            if frame.f_code is _CALL:
                return True
            frame = frame.f_back
        return False

    def of(self, code: CodeType, line: int) -> Place:
        """Give the place of a line of a function."""
        place = self._known.get((code, line))
        if place is None:
            file = code.co_filename
            self.files.add(file)
            place = Place(file, line, code.co_qualname, self._source(file, line))
            self._known[code, line] = place
        return place

    def is_users(self, file: str) -> bool:
        """Say whether a file is the user's."""
        known = self._users.get(file)
        if known is None:
            known = self._users[file] = self._decide(file)
        return known

    def text(self, file: str) -> str:
        """Give the text of one of the user's files, as it was when it first ran."""
        lines = self._command if file == _COMMAND else linecache.getlines(file)
        return "\n".join(line.rstrip("\n") for line in lines)

    def _decide(self, file: str) -> bool:
        if file == _COMMAND:
            return bool(self._command)
        if file.startswith(_NOTEBOOKS):
            return True
        if file.startswith("<") or is_ours(file):
            return False
        return not is_installed(file) or Path(file).is_relative_to(_main_folder())

    def _source(self, file: str, line: int) -> str:
        if file == _COMMAND:
            return self._command[line - 1] if line <= len(self._command) else ""
        return linecache.getline(file, line).rstrip("\n")


def _main_folder() -> Path:
    """Give the folder of the script if it is an installed one; else one that holds nothing."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).parent if main and is_installed(main) else Path("/dev/null")
