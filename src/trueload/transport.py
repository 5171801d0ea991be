"""Bring an exception home from a worker: its type, arguments, attributes, notes and traceback.

An exception that cannot be pickled, or that cannot be made again from its arguments, would hang or
kill the queue it travels in. So it is taken apart in the worker, where that can be tried, and put
together without calling its constructor where the constructor would refuse.
"""

import pickle
import traceback
from contextlib import suppress
from dataclasses import dataclass
from types import MemberDescriptorType
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
        whole, kind, arguments, held = pickle.loads(self.packed)  # noqa: S301 - our own worker's
        error = whole if whole is not None else _rebuilt(kind, arguments, held)
        error.__cause__ = WorkerTraceback(self.traceback)
        return error


def failure(error: Exception) -> Failure:
    """Take an exception apart so that it can travel.

    It goes whole if it can; else as its type and all it holds, for constructors that refuse or
    word the message again; else without the attributes that cannot be pickled; else as its text.
    """
    text = "".join(traceback.format_exception(error))
    kind, held = type(error), _held(error)
    light = {name: value for name, value in held.items() if _is_picklable(value)}
    for form in (
        (error, None, None, None),
        (None, kind, error.args, held),
        (None, kind, error.args, light),
    ):
        packed = _tried(form, error)
        if packed is not None:
            return Failure(packed, text)
    message = f"{kind.__name__}: {_words(error)}"
    notes = {"__notes__": _notes(error)}
    return Failure(pickle.dumps((None, RuntimeError, (message,), notes)), text)


def _tried(form: tuple[Any, ...], error: Exception) -> bytes | None:
    """Pickle a form and read it back: what comes back with type, words and notes may travel."""
    try:
        packed = pickle.dumps(form)
        back = Failure(packed, "").error()
    except Exception:
        return None
    same = type(back) is type(error) and _words(back) == _words(error)
    return packed if same and _notes(back) == _notes(error) else None


def _rebuilt(kind: type[Exception], arguments: tuple[Any, ...], held: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    members = _members(kind)
    for name, value in held.items():
        if name not in members:
            vars(error)[name] = value
        else:
            with suppress(AttributeError):  # the constructor has set what is read-only
                setattr(error, name, value)
    return error


def _held(error: Exception) -> dict[str, Any]:
    """Give an exception's attributes: its own, those in slots, and what C code keeps."""
    members = {name: getattr(error, name, None) for name in _members(type(error))}
    known = {name: value for name, value in members.items() if value is not None}
    return {**vars(error), **known}


def _members(kind: type[Exception]) -> set[str]:
    return {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType) and not name.startswith("__")
    }


def _is_picklable(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _notes(error: Exception) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def _words(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return ""
