"""Hold Ctrl-C back while something is begun or ended that must not be left half done.

Python raises `KeyboardInterrupt` between any two steps of the main thread. Between a pipe that was
opened and the attribute that would hold it, this would leave the pipe open for good.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SOON_SECONDS = 0.05


@contextmanager
def held_back(*, ending: bool = False) -> Iterator[None]:
    """Do what is within as a whole; a Ctrl-C that comes meanwhile is told at its end.

    Args:
        ending: Whether this may run in a `__del__`, where Python swallows what is raised. Then it
            is told a moment later.
    """
    main = threading.main_thread()
    told = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not main or not callable(told):
        yield
        return
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, told)
        if pressed and ending:
            later = threading.Timer(_SOON_SECONDS, signal.pthread_kill, (main.ident, signal.SIGINT))
            later.daemon = True
            later.start()
        elif pressed:
            signal.raise_signal(signal.SIGINT)
