"""What workers are given, what they copy, and what they never see; looked at before they start.

Nothing here runs code of the user's. A dataset is walked through once for each place that makes a
loader, and in bounded time.
"""

import dis
import multiprocessing
import os
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader

from trueload.errors import is_installed
from trueload.evidence import Loader
from trueload.evidence.making import Handle, Heap, LazyImport, Stale, Unseen, Unsent
from trueload.findings import Place
from trueload.iterators.heavy import heavy
from trueload.pickling import failure_of, innermost, words_of
from trueload.preflight import Kind, preflight
from trueload.reach import parts_of
from trueload.sanitizer.samples import names_used
from trueload.stale import StaleFunction, is_users, stale_functions
from trueload.walk import Walk

if TYPE_CHECKING:
    from trueload.preflight import Handle as Held
    from trueload.sanitizer.recorder import Recorder

_MOST_LOADERS: Final = 16
_MOST_OBJECTS: Final = 2000
_MOST_TRIES: Final = 300
_MOST_PLACES: Final = 4
_SHARED: Final = {Kind.FILE, Kind.UPDATED_FILE, Kind.PIPE, Kind.SOCKET, Kind.DATABASE}
_STUCK: Final = {Kind.POOL, Kind.THREAD, Kind.CUDA}
_ASKING: Final = {"getpid", "get_worker_info", "current_process", "register_at_fork", "pread"}
_PLAIN: Final = (bool, int, float, str)
_GRAIN_SECONDS: Final = 0.02


class Workers:
    """Follows what the loaders of a run give to their workers.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._making = recorder.run.data.making
        self._origins: set[Any] = set()
        self._given: dict[Loader, dict[str, Any]] = {}
        self._starts: set[str] = set()
        self._since = time.time() - _GRAIN_SECONDS

    def beginning(self, loader: DataLoader, facts: Loader) -> None:
        """Look at what workers are about to be given."""
        if not loader.num_workers:
            return
        start = start_of(loader)
        if start != "fork":
            self._starts.add(start)
        self._compare(loader, facts)
        if facts.origin in self._origins or len(self._origins) >= _MOST_LOADERS:
            return
        self._origins.add(facts.origin)
        self._know_source(loader)
        quietly = self._recorder.quietly
        if start == "fork":
            quietly(self._look_for_handles, loader, facts)
            quietly(self._weigh, loader, facts)
        quietly(self._look_for_imports, loader, facts)

    def _know_source(self, loader: DataLoader) -> None:
        """Have the text of the dataset among the sources, to look for lines in it."""
        for kind in type(loader.dataset).__mro__:
            for method in vars(kind).values():
                if isinstance(method, FunctionType):
                    file = method.__code__.co_filename
                    if self._recorder.places.is_users(file):
                        self._recorder.places.files.add(file)

    # What does not survive.

    def _look_for_handles(self, loader: DataLoader, facts: Loader) -> None:
        found = preflight({"dataset": loader.dataset, "collate_fn": loader.collate_fn})
        if found.names & _ASKING:
            return  # it may well open again what it needs
        init = loader.worker_init_fn
        renewing = preflight({"worker_init_fn": init}) if init is not None else None
        for handle in found.used:
            wanted = _STUCK if loader.num_workers == 1 else _SHARED | _STUCK
            if handle.kind not in wanted or not handle.place.chosen:
                continue
            if renewing is not None and _may_renew(renewing, handle, loader):
                continue
            self._making.add(
                Handle(
                    loader=facts,
                    path=handle.path,
                    attribute=handle.place.chosen[-1],
                    kind=str(handle.kind),
                    detail=handle.detail,
                    type=handle.type,
                    happens=handle.fate("fork").text,
                    hint=handle.hint,
                )
            )

    def failed(self, loader: DataLoader, error: Exception) -> None:
        """Find what could not be sent, as workers were to be started anew."""
        facts = self._recorder.loading.made(loader)
        start = start_of(loader)
        if not loader.num_workers or start == "fork":
            return
        for name in ("dataset", "collate_fn", "worker_init_fn"):
            root, words = getattr(loader, name), words_of(error)
            if failure_of(root, _Pickler) != words:
                continue
            steps, culprit = innermost(root, words, _Pickler, parts_of, _MOST_TRIES)
            named = [step[1:] for step in steps if step.startswith(".")]
            self._know_source(loader)
            fact = Unsent(
                loader=facts,
                place=self._defined(culprit),
                path=name + "".join(steps),
                attribute=named[-1] if named else "",
                type=type(culprit).__qualname__,
                error=words,
                start=start,
            )
            self._making.add(fact)
            return

    def _defined(self, culprit: Any) -> Place | None:
        code = getattr(culprit, "__code__", None)
        if not isinstance(code, CodeType) or not self._recorder.places.is_users(code.co_filename):
            return None
        return self._recorder.places.of(code, code.co_firstlineno)

    # What is copied.

    def _weigh(self, loader: DataLoader, facts: Loader) -> None:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for heap in heavy(loader.dataset):
            fact = Heap(
                loader=facts,
                path=heap.path,
                kind=heap.kind,
                length=heap.length,
                item=heap.item,
                objects=heap.objects,
                copied_bytes=heap.copied_bytes,
                share=heap.copied_bytes * loader.num_workers / memory,
            )
            self._making.add(fact)

    # What is never seen.

    def _compare(self, loader: DataLoader, facts: Loader) -> None:
        """Compare what the script has set on the dataset with what workers were given that live."""
        if not loader.persistent_workers:
            return
        now = dict(_settings(loader.dataset))
        given = self._given.setdefault(facts, now)
        for path, value in now.items():
            if path in given and given[path] != value:
                attribute = path.rpartition(".")[2]
                fact = Unseen(facts, path, attribute, repr(given[path]), repr(value), facts.epochs)
                self._making.add(fact)

    # What is imported late, or was edited since.

    def _look_for_imports(self, loader: DataLoader, facts: Loader) -> None:
        roots = {"dataset": loader.dataset, "collate_fn": loader.collate_fn}
        walk = Walk(roots, (), _MOST_OBJECTS)
        for _ in walk:
            pass
        places = self._recorder.places
        found: set[str] = set()
        for thing in walk.seen.values():
            if type(thing) is not CodeType or not places.is_users(thing.co_filename):
                continue
            for code, line, name in _imports(thing):
                file = _file_of(name)
                if name not in found and len(found) < _MOST_PLACES and file:
                    found.add(name)
                    self._making.add(LazyImport(facts, places.of(code, line), name, file))

    def finish(self) -> None:
        """Look which functions run as another text than their file has; may be repeated."""
        self._making.stale.clear()
        modules = [one for one in list(sys.modules.values()) if self._was_edited(one)]
        for module in modules:
            found = stale_functions(module)
            if found:
                self._making.stale.append(self._stale(found))

    def _was_edited(self, module: Any) -> bool:
        if not is_users(module) or not self._recorder.places.is_users(module.__file__):
            return False
        with suppress(OSError):
            return Path(module.__file__).stat().st_ctime >= self._since
        return False

    def _stale(self, found: list[StaleFunction]) -> Stale:
        first = found[0]
        lines = self._recorder.places.text(first.file).splitlines()
        source = lines[first.line - 1] if first.line <= len(lines) else ""
        self._recorder.places.files.add(first.file)
        return Stale(
            module=first.module,
            file=first.file,
            functions=tuple(one.name for one in found),
            place=Place(first.file, first.line, first.name, source),
            gone=sum(one.is_gone for one in found),
            starts=", ".join(sorted(self._starts)),
        )


def start_of(loader: DataLoader) -> str:
    """Say how the workers of a loader are started."""
    context = loader.multiprocessing_context
    name = getattr(context, "_name", None) or multiprocessing.get_start_method(allow_none=True)
    return name or multiprocessing.get_all_start_methods()[0]


def _may_renew(renewing: Any, handle: "Held", loader: DataLoader) -> bool:
    """Say whether a `worker_init_fn` may make anew what workers use."""
    asks = "get_worker_info" in renewing.names or id(loader.dataset) in renewing.reached
    return asks or not renewing.names.isdisjoint(handle.place.chosen)


def _settings(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield plain values that samples are made by: of the dataset and of what it holds."""
    line = [("dataset", dataset), *((f"dataset{step}", part) for step, part in parts_of(dataset))]
    for path, thing in line[:_MOST_OBJECTS]:
        held = getattr(thing, "__dict__", None)
        if not isinstance(held, dict) or isinstance(thing, (type, torch.Tensor, np.ndarray)):
            continue
        used = names_used(type(thing))
        yield from (
            (f"{path}.{name}", value)
            for name, value in held.items()
            if type(value) in _PLAIN and name in used
        )


# What cannot be pickled.


class _Pickler(pickle.Pickler):
    """Pickles all but the data."""

    def reducer_override(self, thing: Any) -> Any:
        """Leave out what is large and can be sent."""
        return (int, ()) if isinstance(thing, (torch.Tensor, np.ndarray)) else NotImplemented


# What is imported late.


def _imports(code: CodeType) -> Iterator[tuple[CodeType, int, str]]:
    """Yield the imports in a function: its code, the line, and the module's full name."""
    line, level, constants = code.co_firstlineno, 0, list[Any]()
    for step in dis.get_instructions(code):
        line = step.starts_line or line if isinstance(step.starts_line, int) else line
        if step.opname.startswith("LOAD_CONST") or step.opname == "LOAD_SMALL_INT":
            constants.append(step.argval)
        elif step.opname == "IMPORT_NAME":
            level = constants[-2] if len(constants) > 1 and type(constants[-2]) is int else 0
            name = _absolute(step.argval, level, code.co_filename)
            if name:
                yield code, _line_of(step, line), name
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _line_of(step: dis.Instruction, line: int) -> int:
    positions = step.positions
    return line if positions is None or positions.lineno is None else positions.lineno


def _absolute(name: str, level: int, file: str) -> str:
    if not level:
        return name
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == file and getattr(module, "__package__", None):
            with suppress(ImportError):
                return resolve_name("." * level + name, module.__package__)
    return ""


def _file_of(name: str) -> str:
    """Name the file of a module of the user's that has not been imported yet, or nothing."""
    if name in sys.modules:
        return ""
    top, _, rest = name.partition(".")
    spec = PathFinder.find_spec(top)
    if spec is None:
        return ""
    folders = list(spec.submodule_search_locations or ())
    path = Path(folders[0], *rest.split(".")) if folders and rest else None
    inner = [] if path is None else [path.with_suffix(".py"), path / "__init__.py"]
    file = next((str(one) for one in inner if one.is_file()), spec.origin or "")
    return file if file.endswith(".py") and not is_installed(file) else ""
