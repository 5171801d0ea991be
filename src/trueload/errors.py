"""Every exception of the package, and how an error is worded.

    TrueloadError                 whatever trueload itself raises
    +-- ArgumentError             a value that a caller passed (also a ValueError)
    +-- StateError                a state that this loader cannot continue from (also a ValueError)
    +-- ReplayError               a sample that cannot be made again (also a LookupError)
    +-- EmptyError                an endless loop over nothing (also a RuntimeError)
    +-- NoneSampleError           `None` where a sample should be (also a TypeError)
    +-- KeysDifferError           samples of a batch with different keys (also a KeyError)
    +-- DuplicateError            a stream that every worker reads whole (also a RuntimeError)
    +-- SampleDiffersError        a sample that depends on who reads it (also a RuntimeError)
    +-- DatasetChangedError       a sample whose making changes the dataset (also a RuntimeError)
    |   +-- ReadOnlyError         its line, where the dataset is read-only (also a ValueError)
    +-- RanksDifferError          ranks that do not read the same order (also a RuntimeError)
    +-- HandleError               what a dataset holds and workers cannot use (also a RuntimeError)
    +-- SameOrderError            a shuffle that is the last one again (also a RuntimeError)
    +-- ContractError             a batch that leaves its contract (also a ValueError)
    +-- WorkerLostError           a worker that ended, or was ended (also a RuntimeError)
    +-- BudgetError               more bad samples than `on_error` allows (also a RuntimeError)
    +-- LedgerError               an epoch whose samples do not add up (also a RuntimeError)
    +-- StopIterationError        `StopIteration` out of user code (also a RuntimeError)

An exception that the user's own code raises keeps its type, arguments and attributes; what
trueload knows about it is added as a note (`add_note`), in the form that `render` gives. This
module knows the form of a message and imports neither torch nor numpy.
"""

import os
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from traceback import walk_tb
from types import CodeType, FrameType, TracebackType
from typing import TypeVar

_TORCH_LOADER = os.sep + os.path.join("torch", "utils", "data") + os.sep  # noqa: PTH118 - a part
_PACKAGE = str(Path(__file__).parent) + os.sep
_INSTALLED = tuple(
    str(Path(folder)) + os.sep
    for folder in {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    }
)


Error = TypeVar("Error", bound=BaseException)


class TrueloadError(Exception):
    """Whatever trueload itself raises."""


class ArgumentError(TrueloadError, ValueError):
    """A value that a caller passed cannot be used."""


class StateError(TrueloadError, ValueError):
    """A state does not belong to this loader, or cannot be read."""


class ReplayError(TrueloadError, LookupError):
    """A sample cannot be made again."""


class EmptyError(TrueloadError, RuntimeError):
    """A loop that should go on for ever has nothing to go over."""


class NoneSampleError(TrueloadError, TypeError):
    """A dataset or a transform returned `None` and the default collate met it."""


class KeysDifferError(TrueloadError, KeyError):
    """The samples of a batch are mappings with different keys."""

    def __str__(self) -> str:
        """Show the message as it is: a `KeyError` would show its `repr`."""
        return str(self.args[0])


class WorkerLostError(TrueloadError, RuntimeError):
    """A batch was lost with its worker twice, so making it again would not help."""


class DuplicateError(TrueloadError, RuntimeError):
    """Every worker reads the whole of an iterable dataset, so its samples come several times."""


class DatasetChangedError(TrueloadError, RuntimeError):
    """Making a sample changes the dataset, and `guard="strict"`."""


class SampleDiffersError(TrueloadError, RuntimeError):
    """Two workers read the same sample, with the same draws, and it differs."""


class ReadOnlyError(DatasetChangedError, ValueError):
    """A line writes to an array of the dataset, which the guard has made read-only."""


class ContractError(TrueloadError, ValueError):
    """A batch is not what its contract says, or with `guard="strict"`, not what was learned."""


class RanksDifferError(TrueloadError, RuntimeError):
    """The ranks of a run do not read the same order, so samples would be repeated and missed."""


class HandleError(TrueloadError, RuntimeError):
    """Workers cannot use something that the dataset holds, and `guard="strict"`."""


class SameOrderError(TrueloadError, RuntimeError):
    """An epoch has the very order of the one before, and `guard="strict"`."""


class BudgetError(TrueloadError, RuntimeError):
    """There are more bad samples than the loader's `on_error` allows; the last one is the cause."""


class LedgerError(TrueloadError, RuntimeError):
    """The samples of an epoch do not add up, and `guard="strict"`."""


class StopIterationError(TrueloadError, RuntimeError):
    """User code let a `StopIteration` out, which would have ended the epoch in silence.

    Source: PEP 479, which does the same for generators.
    """


def render(title: str, code: str, facts: Iterable[tuple[str, str]] = (), hint: str = "") -> str:
    """Word a message: one clause with its code, aligned facts, and one way out.

    Args:
        title: One clause with the values, without a final stop.
        code: The check's code, such as `TL204`.
        facts: Pairs of a short name and what was measured, shown one a line.
        hint: One way out, or nothing.
    """
    known = [(name, text) for name, text in facts if text]
    width = max((len(name) for name, _ in known), default=0)
    lines = [f"{title} [{code}]", *(f"  {name:<{width}}  {text}" for name, text in known)]
    if hint:
        lines += ["", f"hint: {hint}"]
    return "\n".join(lines)


def code_of(message: str) -> str:
    """Give the code that stands at the end of the first line of a message."""
    title, _, _ = message.partition("\n")
    return title.rpartition("[")[2].removesuffix("]")


def count(number: int) -> str:
    """Write a number with thin groups of three digits, as the messages do: `75 408`."""
    return f"{number:,}".replace(",", " ")


def several(number: int, what: str) -> str:
    """Write a number with its noun: `1 step`, `2 batches`, `3 passes`."""
    many = what + ("es" if what.endswith(("s", "ch")) else "s")
    return f"{count(number)} {what if number == 1 else many}"


def is_ours(path: str) -> bool:
    """Say whether a file belongs to this package."""
    return path.startswith(_PACKAGE)


def is_installed(path: str) -> bool:
    """Say whether a file belongs to an installed package or to Python itself."""
    return path.startswith((*_INSTALLED, "<frozen"))


def place_of(error: BaseException) -> str:
    """Name the user's line that raised: `train.py:58 in Photos.__getitem__`, or nothing.

    The user's code is whatever lies neither in this package nor among the installed ones. Where
    the traceback holds none, the deepest frame outside this package serves.
    """
    walked = walk_tb(error.__traceback__)
    frames = [pair for pair in walked if not is_ours(pair[0].f_code.co_filename)]
    own = [pair for pair in frames if not is_installed(pair[0].f_code.co_filename)]
    if not frames:
        return ""
    frame, line = (own or frames)[-1]
    return place_in(frame.f_code, line)


def place_in(code: CodeType, line: int) -> str:
    """Name a line of a function: `train.py:58 in Photos.__getitem__`."""
    path = code.co_filename
    name = path if path.startswith("<") else Path(path).name
    return f"{name}:{line} in {code.co_qualname}"


def made_in() -> str:
    """Name the function of the user's that is being run: `train.py:build`, or nothing."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` would read files
    while frame is not None:
        path = frame.f_code.co_filename
        if not (is_ours(path) or is_installed(path)):
            return f"{Path(path).name}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    return ""


def tidied(error: Error) -> Error:
    """Take the frames of this package and of torch's loader out of an exception's traceback.

    The same is done to what caused it. All frames stay when the environment says
    `TRUELOAD_FULL_TRACEBACK=1`, and where nothing else would be left of an exception that is
    not ours, since the fault may then be.
    """
    if os.environ.get("TRUELOAD_FULL_TRACEBACK") != "1":
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            kept = _without_loader(link.__traceback__)
            if kept is not None or isinstance(link, TrueloadError):
                link.__traceback__ = kept
            link = link.__cause__ or link.__context__
    return error


def without_ours(whole: TracebackType | None) -> TracebackType | None:
    """Take the frames of this package out of a traceback."""
    return _without(lambda frame: is_ours(frame.f_code.co_filename), whole)


def _without_loader(whole: TracebackType | None) -> TracebackType | None:
    return _without(_is_loader, whole)


def _without(
    is_out: Callable[[FrameType], bool], whole: TracebackType | None
) -> TracebackType | None:
    links: list[TracebackType] = []
    while whole is not None:
        if not is_out(whole.tb_frame):
            links.append(whole)
        whole = whole.tb_next
    kept: TracebackType | None = None
    for link in reversed(links):
        kept = TracebackType(kept, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return kept


def _is_loader(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    return is_ours(path) or _TORCH_LOADER in path
