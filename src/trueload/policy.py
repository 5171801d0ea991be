"""What to do about a bad sample: one that raises, that is `None`, or that ends its worker.

A policy says what takes the place of such samples, how many there may be, and which failures are
none of a sample's. It knows no loader: who asks it has met the samples.
"""

from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Literal

import torch

from trueload.errors import ArgumentError, StopIterationError, render

Action = Literal["raise", "replace", "skip"]
ACTIONS: tuple[Action, ...] = ("raise", "replace", "skip")

SHARE = 0.001
IN_A_ROW = 10
LEAST = 10
"""So many bad samples an epoch may have by default, however short it is."""

_FATAL = (
    NameError,
    SyntaxError,
    ImportError,
    AttributeError,
    MemoryError,
    RecursionError,
    StopIteration,
    StopIterationError,
    torch.OutOfMemoryError,
)
_LASTING = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_UNREADABLE_IMAGE = "UnidentifiedImageError"


@dataclass(frozen=True)
class ErrorPolicy:
    """What a loader does about bad samples, given as `on_error=`.

    A sample is bad if `dataset[index]` or `transform` raises, if it is `None`, if `collate_fn`
    cannot take it, or if it ends its worker or hangs twice. Faults of the program are never a
    sample's: `NameError`, `SyntaxError`, `ImportError`, `AttributeError`, `MemoryError`,
    `RecursionError`, `StopIteration`, and a `TypeError` in `collate_fn` end the loop in any case.

    Args:
        action: What is done: "replace" puts another sample of the same order in the place, so that
            the size of the batch stays; "skip" leaves the place out; "raise" raises, after what
            `retry` and `quarantine` say.
        budget_count: How many bad samples an epoch may have; one more is an error.
        budget_share: The same as a share of the epoch's samples. With both, the smaller counts;
            without either, 0.1 %, but at least 10, or half of an epoch of fewer than 20 samples.
        consecutive: So many bad samples in a row are an error; `None` for no such limit.
        retry: How often a sample is tried again after an `OSError`, other than that a file is not
            there or not allowed, or a `TimeoutError`: after 0.1 s, 0.2 s, 0.4 s, ..., 5 s.
        quarantine: A file that each bad sample is written to, as a line of JSON; see `exclude`.
        exceptions: The exceptions that make a sample a bad one; others are raised.

    Raises:
        ArgumentError: An argument is none of that (also a ValueError).
    """

    action: Action
    budget_count: int | None = None
    budget_share: float | None = None
    consecutive: int | None = IN_A_ROW
    retry: int = 0
    quarantine: str | PathLike[str] | None = None
    exceptions: type[Exception] | tuple[type[Exception], ...] = Exception
    _kinds: tuple[type[Exception], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        kinds = self.exceptions if isinstance(self.exceptions, tuple) else (self.exceptions,)
        object.__setattr__(self, "_kinds", kinds)

    @property
    def tolerance(self) -> "Tolerance":
        """What a worker needs to know of it."""
        return Tolerance(self._kinds, self.action != "raise", self.retry)

    def allowed(self, samples: int | None, so_far: int) -> int:
        """Say how many bad samples an epoch may have.

        Args:
            samples: How many samples the epoch has, or `None` where nobody knows.
            so_far: How many have come until now, which counts then.
        """
        limits = [] if self.budget_count is None else [self.budget_count]
        if self.budget_share is not None:
            limits.append(int(self.budget_share * (so_far if samples is None else samples)))
        if limits:
            return min(limits)
        if samples is None:
            return max(int(SHARE * so_far), LEAST)
        return max(int(SHARE * samples), min(LEAST, samples // 2))


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What whoever makes a batch does when a sample of it cannot be made.

    Attributes:
        exceptions: The exceptions that make a sample a bad one.
        collects: Whether the other samples are made all the same, to find all that are bad.
        retries: How often a sample is tried again where that may help.
    """

    exceptions: tuple[type[Exception], ...]
    collects: bool
    retries: int

    def covers(self, error: Exception, stage: str) -> bool:
        """Say whether an exception makes a sample a bad one, rather than the program."""
        return isinstance(error, self.exceptions) and not is_fatal(error, stage)


def is_fatal(error: Exception, stage: str) -> bool:
    """Say whether an exception tells of a fault of the program, which other samples have too.

    Args:
        error: The exception.
        stage: Where it was raised: `fetch`, `transform`, `collate`, ...
    """
    return isinstance(error, _FATAL) or (stage == "collate" and isinstance(error, TypeError))


def is_transient(error: Exception) -> bool:
    """Say whether what was raised may be over in a moment, as on a file system in a network."""
    if isinstance(error, _LASTING) or type(error).__name__ == _UNREADABLE_IMAGE:
        return False
    return isinstance(error, OSError)  # a `TimeoutError` is one


def policy_of(on_error: Any) -> ErrorPolicy | None:
    """Give the policy of a loader's `on_error`, or `None` where exceptions are simply raised.

    Raises:
        ArgumentError: It is none.
    """
    if isinstance(on_error, ErrorPolicy):
        return on_error
    if on_error == "wait":
        _refuse('`on_error="wait"` does not exist yet', 'use "raise", "replace" or "skip"')
    if on_error not in ACTIONS:
        known = "'raise', 'replace', 'skip' or an ErrorPolicy"
        _refuse(f"`on_error` must be one of {known}, got {on_error!r}")
    return None if on_error == "raise" else ErrorPolicy(on_error)


def _check(policy: ErrorPolicy) -> None:
    if policy.action not in ACTIONS:
        known = "'raise', 'replace' or 'skip'"
        _refuse(f"`action` of an ErrorPolicy must be {known}, got {policy.action!r}")
    for name, least in (("budget_count", 0), ("consecutive", 1), ("retry", 0)):
        value = getattr(policy, name)
        none = value is None and name != "retry"
        if not none and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            _refuse(f"`{name}` of an ErrorPolicy must be an integer >= {least}, got {value!r}")
    share = policy.budget_share
    if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
        _refuse(f"`budget_share` of an ErrorPolicy must be a number in 0..1, got {share!r}")
    if policy.quarantine is not None:
        try:
            fspath(policy.quarantine)
        except TypeError:
            _refuse(f"`quarantine` of an ErrorPolicy must be a path, got {policy.quarantine!r}")
    _check_exceptions(policy.exceptions)


def _check_exceptions(exceptions: Any) -> None:
    kinds = exceptions if isinstance(exceptions, tuple) else (exceptions,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            _refuse(f"`exceptions` of an ErrorPolicy must be exception classes, got {kind!r}")
        if issubclass(kind, _FATAL):
            hint = "a fault of the program is the same for all samples: mend it"
            _refuse(f"`exceptions` of an ErrorPolicy cannot have {kind.__name__}", hint)


def _refuse(title: str, hint: str = "") -> None:
    raise ArgumentError(render(title, "TL105", hint=hint))
