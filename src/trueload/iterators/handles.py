"""Tell, before workers start, what in the dataset will go wrong in them.

Only what workers may come to use is told, as far as the names in their code say; not what code that
asks for its process, a `worker_init_fn` or a `dataset_in_worker` may well look after; and nothing
that is harmless or that has been cured, such as files open for reading (see `workers.files`).
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from trueload.errors import HandleError, render, several
from trueload.guard import Guard, guard_of
from trueload.inside import name_of
from trueload.iterators.telling import note, tell
from trueload.preflight import Handle, Kind, Preflight, Start, preflight
from trueload.samplers import is_stream
from trueload.walk import MOST_OBJECTS
from trueload.workers.files import can_be_reopened

logger = logging.getLogger("trueload")

_LATER_OBJECTS = MOST_OBJECTS // 5
_FILES = frozenset({Kind.UPDATED_FILE, Kind.PIPE})
_READING = frozenset(
    {
        *("read", "read1", "readall", "readinto", "readline", "readlines", "seek", "next"),
        *("load", "loads", "fromfile", "frombuffer", "reader"),
    }
)
"""Whoever moves the position of a file, or has it moved, names one of these."""

_NAMED = "_TemporaryFileWrapper"
_CONNECTIONS = frozenset({Kind.SOCKET, Kind.DATABASE})


def tell_handles(loader: Any, start: Start) -> None:
    """Tell what will go wrong in the workers of a loader, once for each place.

    Args:
        loader: The loader.
        start: How its workers are started.

    Raises:
        HandleError: Something will, and the guard is strict.
    """
    guard = guard_of(loader.guard)
    if guard.is_off:
        return
    try:
        found = _looked(loader)
        troubles = [] if _is_looked_after(loader, found) else _troubles(loader, found, start)
    except Exception as error:  # of strange objects; an epoch begins all the same
        logger.debug("the dataset cannot be looked into: %s", error)
        return
    for code, handles in troubles:
        site = type(loader.dataset), code, handles[0].path
        tell(site, _worded(code, handles, loader, start), guard, HandleError)
    if start == "fork":
        _say_reopened(loader, found, guard)


def _looked(loader: Any) -> Preflight:
    """Look into what workers get: far the first time, near the later times."""
    roots = {name: getattr(loader, name) for name in ("dataset", "transform", "collate_fn")}
    most = _LATER_OBJECTS if loader._looked else MOST_OBJECTS  # noqa: SLF001 - the loader's own part
    loader._looked = True  # noqa: SLF001
    return preflight(roots, most)


def _is_looked_after(loader: Any, found: Preflight) -> bool:
    """Say whether the user's code renews what it uses; a stream may ask for its part only."""
    questions = found.questions - ({"get_worker_info"} if is_stream(loader) else set())
    return bool(questions) or loader.dataset_in_worker is not None


def _troubles(loader: Any, found: Preflight, start: Start) -> list[tuple[str, list[Handle]]]:
    """Give what goes wrong, by code."""
    renewed, guard = _renewed_by(loader.worker_init_fn, loader), guard_of(loader.guard)
    used = [one for one in found.used if not (renewed(one) or guard.leaves_alone(one.place.path))]
    kinds: list[tuple[str, Iterable[Handle]]] = []
    if start == "fork":
        if loader.num_workers > 1:
            kinds.append(("TL601", (one for one in used if _is_shared_file(one))))
            kinds.append(("TL602", (one for one in used if one.kind in _CONNECTIONS)))
        kinds.append(("TL604", _stuck(found, used)))
    if loader.rng == "worker" and loader.num_workers > 1 and not is_stream(loader):
        kinds.append(("TL603", (one for one in used if _is_own_generator(one))))
    return [(code, handles) for code, these in kinds if (handles := list(these))]


def _renewed_by(init: Any, loader: Any) -> Callable[[Handle], bool]:
    """Give what says whether a `worker_init_fn` may renew a thing, as far as names tell."""
    if init is None:
        return lambda _: False
    looked = preflight({"worker_init_fn": init})
    asks = {"get_worker_info", "dataset"} <= looked.names
    if asks or id(loader.dataset) in looked.reached:
        return lambda _: True
    return lambda handle: not looked.names.isdisjoint(handle.place.chosen)


def _is_shared_file(handle: Handle) -> bool:
    """Say whether workers read from a position that they share; a file may serve by its name."""
    shared = handle.kind in _FILES or (handle.kind == Kind.FILE and not _is_cured(handle))
    return shared and not _READING.isdisjoint(handle.names) and not _serves_by_name(handle)


def _serves_by_name(handle: Handle) -> bool:
    """Say whether a temporary file is held so that it lasts, and opened anew by its name."""
    owner = handle.place.owner
    return owner is not None and name_of(owner[1]) == _NAMED and "name" in handle.names


def _is_cured(handle: Handle) -> bool:
    return can_be_reopened(handle.place.thing.fileno())


def _is_own_generator(handle: Handle) -> bool:
    """Say whether the user holds a generator; a library's own is the library's affair."""
    return handle.kind == Kind.GENERATOR and handle.place.owner is None


def _stuck(found: Preflight, used: list[Handle]) -> list[Handle]:
    """Give pools, and threads where workers use them or a queue that they may fill."""
    queued = any(handle.kind == Kind.QUEUE for handle in used)
    threads = found.handles if queued else used
    pools = [handle for handle in used if handle.kind == Kind.POOL]
    return pools + [handle for handle in threads if handle.kind == Kind.THREAD]


def _worded(code: str, handles: list[Handle], loader: Any, start: Start) -> str:
    first, *others = handles
    title = f"`{first.path}` does not work in workers: {first.fate(start).text}"
    facts = [
        ("is", f"a {first.kind}" + (f", {first.detail}" if first.detail else "")),
        ("type", first.type),
        ("workers", f"{several(loader.num_workers, 'worker')}, {_STARTED[start]}"),
        ("also", ", ".join(f"`{handle.path}`" for handle in others)),
    ]
    return render(title, code, facts, _hint(first))


_STARTED = {"fork": "forked from this process", "spawn": "started anew"}


def _hint(handle: Handle) -> str:
    if handle.kind == Kind.GENERATOR:
        return "leave `rng` out: a generator that the dataset owns then draws anew for each batch"
    return f"{handle.hint}; `dataset_in_worker=` is a place for it"


def _say_reopened(loader: Any, found: Preflight, guard: Guard) -> None:
    """Say which files each worker opens for itself."""
    if not logger.isEnabledFor(logging.INFO):
        return
    files = [one for one in found.used if one.kind == Kind.FILE and _is_cured(one)]
    if not files:
        return
    first, *others = files
    title = f"each worker reads `{first.path}` at a position of its own"
    facts = [
        ("file", first.detail),
        ("also", ", ".join(f"`{handle.path}`" for handle in others)),
    ]
    site = type(loader.dataset), "TL605", first.path
    note(site, render(title, "TL605", facts), guard)
