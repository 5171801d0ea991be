"""Our own arguments of `DataLoader`: which values they take."""

from collections.abc import Mapping
from typing import Any

from torch.utils.data import IterableDataset

from trueload.errors import ArgumentError, render
from trueload.guard import guard_of
from trueload.ownership import COPYING
from trueload.seeds import UNITS

_CHOICES: dict[str, tuple[Any, ...]] = {
    "rng": (*UNITS, None),
    "copy": COPYING,
    "shard": ("workers", None),
}


def check_own(dataset: Any, values: Mapping[str, Any]) -> None:
    """Refuse values that mean nothing.

    Args:
        dataset: The dataset that the loader is for.
        values: Our arguments by name.

    Raises:
        ArgumentError: One of them has none of its values, or does not go with the dataset.
    """
    transform, seed = values["transform"], values["seed"]
    if transform is not None and not callable(transform):
        _refuse(f"`transform` must be callable, got {type(transform).__name__} {transform!r}")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        _refuse(f"`seed` must be an integer or None, got {type(seed).__name__} {seed!r}")
    for name, known in _CHOICES.items():
        if values[name] not in known:
            *most, last = map(repr, known)
            _refuse(f"`{name}` must be one of {', '.join(most)} or {last}, got {values[name]!r}")
    guard_of(values["guard"])
    if values["shard"] == "workers":
        _check_shard(dataset, values["rng"])


def _check_shard(dataset: Any, rng: str | None) -> None:
    if not isinstance(dataset, IterableDataset):
        hint = "leave it out: the workers share the indices of a map-style dataset already"
        _refuse('`shard="workers"` splits an iterable dataset, this one is map-style', hint)
    if rng == "worker":
        hint = "leave `rng` out, so that all workers draw the same while they read"
        _refuse('`shard="workers"` does not go with `rng="worker"`', hint)


def _refuse(title: str, hint: str = "") -> None:
    raise ArgumentError(render(title, "TL105", hint=hint))
