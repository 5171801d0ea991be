"""Name the line of the user's code that does something."""

import linecache
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

from trueload.errors import is_installed, is_ours, place_in


class Line(NamedTuple):
    """A line of the user's code.

    Attributes:
        place: Where it is: `train.py:15 in Photos.__getitem__`.
        text: What is written there.
        code: The function it is in.
        number: Its number in the file.
    """

    place: str
    text: str
    code: CodeType
    number: int


def line_that(has_happened: Callable[[], bool], act: Callable[[], Any]) -> Line | None:
    """Do something line by line, and give the line after which it has happened.

    What a library does belongs to the line that called it.

    Args:
        has_happened: Asked after each line; costs its own time for each.
        act: What to do.
    """
    found: list[Line] = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if found or (event == "call" and not _is_users(frame.f_code)):
            return None
        doing = frame.f_back if event == "call" else frame
        if doing in before and has_happened():
            found.append(_line(doing.f_code, before[doing]))  # pyrefly: ignore - it is there
            return None
        before[frame] = frame.f_lineno
        return trace

    before: dict[FrameType, int] = {}
    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(earlier)
        before.clear()
    return found[0] if found else None


def _is_users(code: CodeType) -> bool:
    return not (is_installed(code.co_filename) or is_ours(code.co_filename))


def _line(code: CodeType, number: int) -> Line:
    text = linecache.getline(code.co_filename, number).strip()
    return Line(place_in(code, number), text, code, number)
