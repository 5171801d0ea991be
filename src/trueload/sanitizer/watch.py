"""`trueload.watch`: the checks of training, in the user's own loop.

The same instruments and the same checks as those of `trueload check`, on a few models and
optimizers instead of on all of the process, and at a pace that can be left on: a few steps are
looked at in detail at the beginning, and a thin share of them afterwards.
"""

import inspect
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from functools import wraps
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

import torch
from rich.console import Console
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from trueload.checks.base import Check
from trueload.checks.baseline import read, unknown
from trueload.checks.registry import find
from trueload.checks.selection import Selection, settings, unmarked
from trueload.errors import ArgumentError, render, several
from trueload.evidence import Run, Step
from trueload.findings import Finding, Severity
from trueload.ranks import has_group
from trueload.reports import Report, Rule, text
from trueload.sanitizer.crash import crash_of
from trueload.sanitizer.hooks import instruments, whole
from trueload.sanitizer.pace import Pace
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder
from trueload.sanitizer.scope import Own
from trueload.sanitizer.telling import Telling

logger = logging.getLogger("trueload")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_SELDOM: Final = 50
_WRAPPED: Final = 8


def watch(
    model: nn.Module | Iterable[nn.Module],
    optimizer: Optimizer | Iterable[Optimizer],
    loader: DataLoader | Iterable[DataLoader] | None = None,
    accumulate: int | None = None,
) -> "Watch":
    """Look on while models are trained, and tell what silently goes wrong.

    The result is a context manager and a decorator. What is found is logged as a warning by the
    logger "trueload", each check and line once: while training goes on as soon as it is certain,
    else at the end. What is computed is the same to the last bit, and everything is undone at the
    end. Under `trueload check`, which sees more, it does nothing.

    Args:
        model: What is trained, or several.
        optimizer: What trains it, or several.
        loader: The loaders to look at; without any, all that the same thread reads.
        accumulate: How many backward passes each step is meant to use, where that is more than
            one: steps that lose some of them are told.

    Raises:
        ArgumentError: Something else is given (also a ValueError).

    Example:
        with trueload.watch(model, optimizer):
            for images, labels in loader:
                optimizer.zero_grad()
                criterion(model(images), labels).backward()
                optimizer.step()
    """
    if accumulate is not None and (type(accumulate) is not int or accumulate < 1):
        title = f"`accumulate` is a number of backward passes of at least 1, got {accumulate!r}"
        raise ArgumentError(render(title, "TL105", hint="leave it out where it varies"))
    return Watch(
        Own(
            _listed(model, nn.Module, "model"),
            _listed(optimizer, Optimizer, "optimizer", unwrapped),
            [] if loader is None else _listed(loader, DataLoader, "loader"),
        ),
        accumulate,
    )


class Watch:
    """Looks on; made by `watch`.

    It can be entered again, and then goes on with what it knows. Several can be entered at once.

    Args:
        scope: What to look at.
        accumulate: How many backward passes a step is meant to use; `None` for unknown.
    """

    def __init__(self, scope: Own, accumulate: int | None = None) -> None:
        self._accumulate = accumulate
        pace = Pace(first=8, most=32, scanned=8, share=0.005)
        self._recorder = Recorder(Places(), pace=pace, scope=scope)
        self._recorder.run.accumulate = accumulate
        self._telling = Telling(self._find_so_far, _tell, least=Severity.WARNING)
        self._recorder.telling = self._telling
        self._checks: list[type[Check]] = []
        self._baseline: Path | None = None
        self._found: tuple[int, list[Finding]] = (-1, [])
        self._stack = ExitStack()
        self._depth = 0
        self._lock = threading.RLock()
        self._began, self._seconds = 0.0, 0.0
        self._judged = float("-inf")
        self._rests = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is found by now, the gravest first; inside the block, what is seen so far."""
        return tuple(self._find())

    @property
    def grave(self) -> bool:
        """Whether anything is found above a note, which is often on purpose."""
        return any(finding.severity > Severity.NOTE for finding in self._find())

    def report(self) -> str:
        """Give a report as text: all findings, and how much was looked at."""
        shown = StringIO()
        text.render(self._report(), Console(file=shown, color_system=None))
        return shown.getvalue()

    def __enter__(self) -> Self:
        """Begin to look on."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Look no more, undo everything, and tell what has not been told."""
        with self._lock:
            self._depth -= 1
            if not self._depth:
                self._end(error)

    def __call__(self, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Look on whenever a function runs; a generator function too."""
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def generating(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
                with self:
                    return (yield from function(*args, **options))

            return cast("Any", generating)

        @wraps(function)
        def watched(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
            with self:
                return function(*args, **options)

        return watched

    def _begin(self) -> None:
        recorder, checking = self._recorder, whole()
        self._rests = checking is not None
        if checking is not None:
            checking.run.accumulate = checking.run.accumulate or self._accumulate
            return
        place = recorder.places.here(3)
        if not self._checks:
            self._checks, self._baseline = _wanted(place.file)
        self._stack.enter_context(instruments(recorder))
        recorder.guarded(recorder.begin, place)
        self._began = time.monotonic()

    def _end(self, error: BaseException | None) -> None:
        if self._rests:
            return
        self._stack.close()
        ended = time.monotonic()
        self._seconds += ended - self._began
        run = self._recorder.run
        if isinstance(error, Exception):
            run.crash = crash_of(error, self._recorder.places)
        run.complete = error is None
        if error is None and ended < self._judged:
            return  # entered and left in each step: what is found is told by one of the next
        self._recorder.guarded(lambda: self._telling.say(self._find()))
        cost = time.monotonic() - ended
        self._judged = ended + _SELDOM * cost

    def _find_so_far(self) -> list[Finding]:
        return self._told_by(self._recorder.judge_so_far())

    def _find(self) -> list[Finding]:
        recorder = self._recorder
        seen, found = self._found
        key = recorder.number + (recorder.run.crash is not None)
        if seen != key:
            found = self._told_by(recorder.judge())
            self._found = key, found
        return found

    def _told_by(self, run: Run) -> list[Finding]:
        found = unmarked(find(run, self._checks))
        return found if self._baseline is None else unknown(found, self._baseline)

    def _report(self) -> Report:
        recorder = self._recorder
        since = time.monotonic() - self._began if recorder.is_open and self._began else 0.0
        steps = several(recorder.run.happened.get(Step, 0), "step")
        ending = f"watched {steps} ({self._seconds + since:.1f} s)"
        if self._rests:
            ending = "not watched: `trueload check` looks at the whole script"
        return Report(
            findings=self.findings,
            examined=recorder.run.examined(self._seconds + since),
            ending=ending,
            troubles=tuple(dict.fromkeys(map(_line, recorder.troubles))),
            rules=tuple(Rule(one.code, one.name, one.severity, one.page()) for one in self._checks),
        )


def _tell(finding: Finding) -> None:
    """Log a finding; notes, and what other ranks find too, are not for everybody."""
    first = not has_group() or torch.distributed.get_rank() == 0
    grave = first and finding.severity > Severity.NOTE
    logger.log(logging.WARNING if grave else logging.INFO, "%s", text.shown(finding))


def _wanted(file: str) -> tuple[list[type[Check]], Path | None]:
    """Give the checks and the baseline that the nearest `pyproject.toml` above a file wants.

    Raises:
        ArgumentError: It has something else there (also a ValueError).
    """
    known = settings(Path(file).resolve().parent if Path(file).is_file() else Path.cwd())
    if known.baseline is not None:
        read(known.baseline)
    return Selection(known.select, known.ignore).checks(), known.baseline


def _listed(given: Any, kind: type, name: str, inner: Callable[[Any], Any] | None = None) -> Any:
    """Give one or several as a list, each taken out of what it is wrapped in.

    Raises:
        ArgumentError: It is something else (also a ValueError).
    """
    inner = inner or (lambda one: one)
    if isinstance(inner(given), kind):
        return [inner(given)]
    several = isinstance(given, Iterable) and not isinstance(given, str)
    found = [inner(one) for one in given] if several else [given]
    odd = next((one for one in found if not isinstance(one, kind)), None)
    if odd is not None or given is None or not found:
        what = f"a {type(odd).__name__}" if found else "nothing"
        title = f"`watch` takes {name}s of torch, got {what} for `{name}`"
        raise ArgumentError(render(title, "TL105", hint=f"pass a `{kind.__name__}`, or several"))
    return found


def unwrapped(optimizer: Any) -> Any:
    """Give torch's optimizer inside of what a trainer library has made of it."""
    for _ in range(_WRAPPED):
        inner = getattr(optimizer, "optimizer", None)
        if inner is None:
            break
        optimizer = inner
    return optimizer


def _line(error: Any) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
