"""What is done about what silently goes wrong while a loader runs: `guard="on"`, or a `Guard`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NoReturn, get_args

from trueload.errors import ArgumentError, render

Level = Literal["off", "on", "strict"]
LEVELS: tuple[Level, ...] = get_args(Level)

_STRICT_REFETCH = 0.001
_CODE = re.compile(r"TL\d{3}")


@dataclass(frozen=True, kw_only=True, repr=False)
class Guard:
    """What a loader looks for as it runs, how much time that may take, and what is done about it.

    `guard="on"` is `Guard()`, `guard="strict"` is `Guard(level="strict")`, and `guard="off"` is
    `Guard(level="off")`.

    Args:
        level: "on" tells each finding once, as a line of the logger `trueload`; "strict" raises
            it; "off" does not look.
        budget_share: How much of the time in which samples are made may go into looking, from 0 to
            1. As long as nothing is found that must be looked into, it is not exceeded but for some
            15 ms at first.
        refetch: The share of the samples, from 0 to 1, that are made again to be compared: twice,
            with another one in between, by the process that made them and by one other worker. So
            each costs some six samples. `None`: none with "on", 1 in 1000 with "strict".
        freeze: Whether the arrays of the dataset are read-only while samples are made, so that a
            line of NumPy that writes to one raises there. One that turns out to be written to
            without harm, as a cache is, is made writable again. `None`: not with "on", but with
            "strict".
        ignore: What not to tell: codes, as "TL208"; and what not to look at: arrays, containers and
            objects by the names that messages give them, as "dataset.cache", with all they hold.

    Raises:
        ArgumentError: A value means nothing (also a ValueError).
    """

    level: Level = "on"
    budget_share: float = 0.01
    refetch: float | None = None
    freeze: bool | None = None
    ignore: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            _refuse(f"`level` must be one of 'off', 'on' or 'strict', got {self.level!r}")
        if self.refetch is None:
            object.__setattr__(self, "refetch", _STRICT_REFETCH if self.is_strict else 0.0)
        for name in ("budget_share", "refetch"):
            _check_share(name, getattr(self, name))
        if self.freeze is None:
            object.__setattr__(self, "freeze", self.is_strict)
        if not isinstance(self.freeze, bool):
            _refuse(f"`freeze` must be True, False or None, got {self.freeze!r}")
        if self.is_off and (self.freeze or self.refetch):
            what = "freeze=True" if self.freeze else f"refetch={self.refetch!r}"
            _refuse(f"`level='off'` looks at nothing, so it does not go with `{what}`")
        object.__setattr__(self, "ignore", _names(self.ignore))

    def __repr__(self) -> str:
        """Show what differs from what the level has by itself."""
        usual = {field.name: field.default for field in fields(self)} | {"freeze": self.is_strict}
        usual["refetch"] = _STRICT_REFETCH if self.is_strict else 0.0
        known = ((name, getattr(self, name)) for name in usual)
        shown = (f"{name}={value!r}" for name, value in known if value != usual[name])
        return f"Guard({', '.join(shown)})"

    @property
    def is_off(self) -> bool:
        """Whether nothing is looked for."""
        return self.level == "off"

    @property
    def is_strict(self) -> bool:
        """Whether findings are errors."""
        return self.level == "strict"

    @property
    def watches(self) -> bool:
        """Whether the dataset's memory is watched."""
        return not self.is_off and self.budget_share > 0

    @property
    def raises(self) -> bool:
        """Whether a change of the dataset is raised, each time, rather than told once."""
        return self.is_strict or bool(self.freeze)

    def is_silent_about(self, code: str) -> bool:
        """Say whether a finding with this code is not told."""
        return self.is_off or code in self.ignore

    def leaves_alone(self, path: str) -> bool:
        """Say whether something with this name is not looked at."""
        return any(_is_within(path, name) for name in self.ignore)


def guard_of(guard: Any) -> Guard:
    """Give what a loader's `guard` stands for.

    Raises:
        ArgumentError: It stands for nothing.
    """
    if isinstance(guard, Guard):
        return guard
    if isinstance(guard, str) and guard in _BY_LEVEL:
        return _BY_LEVEL[guard]
    title = f"`guard` must be one of 'off', 'on', 'strict' or a `trueload.Guard`, got {guard!r}"
    raise ArgumentError(render(title, "TL105"))


def _is_within(path: str, name: str) -> bool:
    return path == name or (path.startswith(name) and path[len(name)] in ".[")


def _check_share(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        _refuse(f"`{name}` must be a share from 0 to 1, got {value!r}")


def _names(ignore: Any) -> tuple[str, ...]:
    if isinstance(ignore, str) or not isinstance(ignore, Iterable):
        _refuse(f"`ignore` must be a list of codes and names, got {ignore!r}")
    found = tuple(ignore)
    for name in found:
        known = isinstance(name, str) and (_CODE.fullmatch(name) or _is_within(name, "dataset"))
        if not known:
            title = f"`ignore` takes codes and names of what a dataset holds, got {name!r}"
            _refuse(title, 'write it as messages do: "TL301", "dataset.cache"')
    return found


def _refuse(title: str, hint: str = "") -> NoReturn:
    raise ArgumentError(render(title, "TL105", hint=hint))


_BY_LEVEL = {level: Guard(level=level) for level in LEVELS}
GUARD_OFF = _BY_LEVEL["off"]
