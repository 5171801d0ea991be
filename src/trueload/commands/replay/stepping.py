"""Step through the user's code, and through no other."""

import pdb  # noqa: T100 - to step is what was asked for
from bdb import BdbQuit
from collections.abc import Callable
from types import FrameType
from typing import Any

from trueload.errors import is_installed, is_ours


class Stepper(pdb.Pdb):
    """A debugger that stops at the first line of the user's own code."""

    def stop_here(self, frame: FrameType) -> bool:
        """Say whether to stop: not in this package, in torch, in Python or in generated code."""
        path = frame.f_code.co_filename
        is_others = path == "<string>" or is_ours(path) or is_installed(path)
        return not is_others and super().stop_here(frame)


def stepped(make: Callable[[], Any]) -> Any:
    """Call a function in the debugger, and look at what it raises where it was raised.

    Raises:
        KeyboardInterrupt: The user has quit.
    """
    stepper = Stepper()
    try:
        return stepper.runcall(make)
    except BdbQuit:
        raise KeyboardInterrupt from None
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        pdb.post_mortem(error.__traceback__)
        raise
