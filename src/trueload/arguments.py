"""Our own arguments of `DataLoader`: which values they take."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset, IterDataPipe, MapDataPipe

from trueload.contract import BatchContract
from trueload.errors import ArgumentError, render
from trueload.guard import guard_of
from trueload.manifest import read_head
from trueload.ownership import COPYING
from trueload.policy import ErrorPolicy, policy_of
from trueload.seeds import UNITS

_CHOICES: dict[str, tuple[Any, ...]] = {
    "rng": (*UNITS, None),
    "copy": COPYING,
    "even": ("drop", "pad", None),
}
_SHARDS = ("ranks", "workers", None)


def check_own(dataset: Any, values: Mapping[str, Any]) -> None:
    """Refuse values that mean nothing.

    Args:
        dataset: The dataset that the loader is for.
        values: Our arguments by name.

    Raises:
        ArgumentError: One of them has none of its values, or does not go with the dataset.
    """
    for name in ("transform", "dataset_in_worker"):
        function = values[name]
        if function is not None and not callable(function):
            _refuse(f"`{name}` must be callable, got {type(function).__name__} {function!r}")
    seed = values["seed"]
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        _refuse(f"`seed` must be an integer or None, got {type(seed).__name__} {seed!r}")
    for name, known in _CHOICES.items():
        if values[name] not in known:
            *most, last = map(repr, known)
            _refuse(f"`{name}` must be one of {', '.join(most)} or {last}, got {values[name]!r}")
    guard_of(values["guard"])
    _check_policy(dataset, policy_of(values["on_error"]))
    _check_contract(values["contract"])
    _check_manifest(values["manifest"])
    _check_shard(dataset, values)


def _check_policy(dataset: Any, policy: ErrorPolicy | None) -> None:
    if policy is None:
        return
    if isinstance(dataset, (IterDataPipe, MapDataPipe)):
        _refuse("`on_error` does not go with a DataPipe: torch's own engine reads it")
    folder = None if policy.quarantine is None else Path(policy.quarantine).absolute().parent
    if folder is not None and not folder.is_dir():
        _refuse(f"the folder of `quarantine` does not exist: {str(policy.quarantine)!r}")


def _check_contract(contract: Any) -> None:
    if not isinstance(contract, BatchContract) and contract not in ("off", "learn"):
        _refuse(f"`contract` must be 'off', 'learn' or a BatchContract, got {contract!r}")


def _check_shard(dataset: Any, values: Mapping[str, Any]) -> None:
    shard = values["shard"]
    if not (_is_pair(shard) or shard in _SHARDS):
        known = "'ranks', 'workers', a pair (rank, world_size) or None"
        _refuse(f"`shard` must be one of {known}, got {shard!r}")
    if shard in {None, "workers"} and values["even"] is not None:
        hint = 'pass `shard="ranks"` as well, or leave `even` out'
        _refuse(f"`even={values['even']!r}` is about ranks, `shard={shard!r}` is not", hint)
    if shard == "workers":
        _check_workers(dataset, values["rng"])
    elif shard is not None:
        _check_ranks(dataset, in_order=values["in_order"])


def _check_manifest(manifest: Any) -> None:
    if manifest is None:
        return
    try:
        read_head(Path(manifest))
    except TypeError:
        _refuse(f"`manifest` must be the path of a file, got {manifest!r}")
    except OSError as error:
        title = f"the manifest {str(manifest)!r} cannot be read: {error.strerror}"
        _refuse(title, "write one with `trueload scrub FOLDER`")


def _is_pair(shard: Any) -> bool:
    """Say whether this is a rank with its world size."""
    is_pair = isinstance(shard, tuple) and [type(number) for number in shard] == [int, int]
    return is_pair and 0 <= shard[0] < shard[1]


def _check_ranks(dataset: Any, *, in_order: bool) -> None:
    if isinstance(dataset, (IterDataPipe, MapDataPipe)):
        hint = "leave it out, and put a `sharding_filter` into the pipe"
        _refuse("a DataPipe is not split over ranks by `shard`", hint)
    if not in_order:
        hint = "leave `in_order` out: the steps of all ranks belong together"
        _refuse("splitting over ranks does not go with `in_order=False`", hint)


def _check_workers(dataset: Any, rng: str | None) -> None:
    if not isinstance(dataset, IterableDataset):
        hint = "leave it out: the workers share the indices of a map-style dataset already"
        _refuse('`shard="workers"` splits an iterable dataset, this one is map-style', hint)
    if rng == "worker":
        hint = "leave `rng` out, so that all workers draw the same while they read"
        _refuse('`shard="workers"` does not go with `rng="worker"`', hint)


def _refuse(title: str, hint: str = "") -> None:
    raise ArgumentError(render(title, "TL105", hint=hint))
