"""Bring an exception home from a worker: its type, arguments, attributes, notes and traceback.

An exception that cannot be pickled, or that cannot be made again from its arguments, would hang or
kill the queue it travels in. So it is taken apart in the worker, where that can be tried, and put
together without calling its constructor where the constructor would refuse.
"""

import pickle
import traceback
from dataclasses import dataclass
from typing import Any


class WorkerTraceback(Exception):  # noqa: N818 - it is shown as the cause, never caught
    """The traceback of an exception as the worker would have printed it."""

    def __str__(self) -> str:
        """Show it on lines of its own."""
        return f"\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception on its way from a worker.

    Attributes:
        packed: The exception as bytes, in one of two forms.
        traceback: What the worker would have printed.
    """

    packed: bytes
    traceback: str

    def error(self) -> Exception:
        """Give the exception again, with the worker's traceback as its cause."""
        whole, kind, arguments, attributes = pickle.loads(self.packed)  # noqa: S301 - our own worker's
        error = whole if whole is not None else _rebuilt(kind, arguments, attributes)
        error.__cause__ = WorkerTraceback(self.traceback)
        return error


def failure(error: Exception) -> Failure:
    """Take an exception apart so that it can travel."""
    text = "".join(traceback.format_exception(error))
    for form in ((error, None, None, None), (None, type(error), error.args, vars(error))):
        packed = _tried(form, type(error))
        if packed is not None:
            return Failure(packed, text)
    message = f"{type(error).__name__}: {error}"
    notes = {"__notes__": list(getattr(error, "__notes__", ()))}
    return Failure(pickle.dumps((None, RuntimeError, (message,), notes)), text)


def _tried(form: tuple[Any, ...], kind: type) -> bytes | None:
    """Pickle a form and read it back: only what comes back as the same type may travel."""
    try:
        packed = pickle.dumps(form)
        back = Failure(packed, "").error()
    except Exception:
        return None
    return packed if type(back) is kind else None


def _rebuilt(kind: type[Exception], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(attributes)
    return error
