"""Where a past run comes from: the state in a file, and the loader in a script or a module."""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any, NamedTuple, NoReturn
from zipfile import is_zipfile

import torch
import torch.utils.data

import trueload
from trueload import DataLoader, replay
from trueload.errors import StateError, TrueloadError, tidied
from trueload.iterators.epoch import described
from trueload.replay import Asked, Found
from trueload.state import LoaderState

_KEYS = {"version", "_num_yielded", "_iterator_finished"}
_DEEPEST = 8

States = dict[str, Mapping[str, Any]]
"""The states in a file, by where in it they are."""


class UsageError(TrueloadError):
    """What was asked for cannot be found."""


class ProgramError(Exception):
    """The user's own code failed before there was a loader.

    Attributes:
        error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Where(NamedTuple):
    """Where a past run comes from.

    Attributes:
        state: The file with the state, or `-`.
        loader: `train.py:name` or `package.module:name`.
        key: Which state, where the file has several.
    """

    state: str
    loader: str | None
    key: str | None


def find(where: Where, asked: Asked) -> Found:
    """Find a sample or a batch of a past run.

    Raises:
        TrueloadError: Something cannot be found.
        ProgramError: The user's code failed.
    """
    states = {} if where.state == "-" else _read(where.state)
    if where.loader is None:
        _refuse_without_loader(states)
    loader = _loader(where.loader)
    if states:
        loader.load_state_dict(_chosen(states, where.key, loader))
    return replay.find(loader, asked)


def _read(path: str) -> States:
    """Read the states in a file; nothing in it is run."""
    try:
        if path.endswith(".json"):
            whole = json.loads(Path(path).read_text(encoding="utf-8"))
        else:
            whole = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        _refuse(f"cannot read {path}: {error.strerror}")
    except UnpicklingError:
        if not is_zipfile(path):
            _refuse(f"{path} is not a file of `torch.save`")
        hint = (
            "save the loader's state in a file of its own: `torch.save(loader.state_dict(), ...)`"
        )
        why = "holds more than plain values, which are not read as they might run code"
        _refuse(f"{path} {why}", hint)
    except Exception as error:
        _refuse(f"{path} is not a file of `torch.save`: {error}".splitlines()[0])
    states = dict(_within(whole, "", 0))
    if not states:
        _refuse(f"{path} holds no state of a loader", "save `loader.state_dict()` in it")
    return states


def _within(thing: Any, name: str, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if depth > _DEEPEST:
        return
    if isinstance(thing, Mapping):
        if thing.keys() >= _KEYS:
            yield name, thing
            return
        inner = thing.items()
    elif isinstance(thing, (list, tuple)):
        inner = enumerate(thing)
    else:
        return
    for key, value in inner:
        yield from _within(value, f"{name}.{key}" if name else str(key), depth + 1)


def _chosen(states: States, key: str | None, loader: DataLoader) -> Mapping[str, Any]:
    """Give the state that is meant: the one that is named, or that belongs to the loader."""
    if key is not None:
        if key not in states:
            _refuse(f"there is no state at {key!r}", f"there is one at {_listed(states)}")
        return states[key]
    fits = [state for state in states.values() if len(states) == 1 or _fits(state, loader)]
    if any(state != fits[0] for state in fits[1:]) or not fits:
        hint = f"name one with `--key`: {_listed(states)}"
        _refuse(f"the file holds {len(states)} states, and it is not clear which is meant", hint)
    return fits[0]


def _fits(state: Mapping[str, Any], loader: DataLoader) -> bool:
    try:
        read = LoaderState.from_dict(state)
        read.check_belongs(described(loader, LoaderState(epoch=read.epoch)))
    except StateError:
        return False
    return True


def _loader(where: str) -> DataLoader:
    """Give the loader of a script or a module."""
    target, _, name = where.rpartition(":") if ":" in where else (where, "", "")
    trueload.install()  # so that scripts with torch's loader have ours too
    module = _module(target)
    thing: Any = module
    for part in filter(None, name.split(".")):
        if not hasattr(thing, part):
            _refuse(f"{target} has no {name!r}", _offers(module))
        thing = getattr(thing, part)
    if not name:
        return _only_one(module, target)
    if callable(thing) and not isinstance(thing, torch.utils.data.DataLoader):
        thing, name = _run(thing), f"{name}()"
    if not isinstance(thing, DataLoader):
        kind = type(thing).__name__
        title = f"`{name}` of {target} is no trueload.DataLoader, but of type {kind}"
        _refuse(title, _offers(module))
    return thing


def _module(target: str) -> ModuleType:
    """Import a script by its path, or a module by its name."""
    path = Path(target)
    if path.suffix != ".py":
        sys.path.insert(0, str(Path.cwd()))
        sys.argv = [target]
        return _run(lambda: _imported(target))
    try:
        text = path.read_bytes()
    except OSError as error:
        _refuse(f"cannot read {target}: {error.strerror}")
    sys.path.insert(0, str(path.resolve().parent))
    sys.argv = [target]
    module = sys.modules[path.stem] = ModuleType(path.stem)
    module.__file__ = str(path.resolve())

    def imported() -> ModuleType:
        code = compile(text, str(path.resolve()), "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - it was asked for
        return module

    return _run(imported)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            hint = "a script is named by its path: train.py:name"
            _refuse(f"there is no module {error.name!r}", hint)
        raise


def _run(function: Any) -> Any:
    """Call the user's code.

    Raises:
        ProgramError: It failed.
    """
    try:
        return function()
    except UsageError:
        raise
    except SystemExit as ended:
        hint = 'what a script does must stand below `if __name__ == "__main__":`'
        _refuse(f"the script ended, with code {ended.code}, as it was imported", hint)
    except Exception as error:
        raise ProgramError(tidied(error)) from error


def _only_one(module: ModuleType, target: str) -> DataLoader:
    found = {name: one for name, one in vars(module).items() if isinstance(one, DataLoader)}
    if len({id(one) for one in found.values()}) != 1:
        _refuse(f"{target} holds {len(found)} loaders, and none is named", _offers(module))
    return next(iter(found.values()))


def _offers(module: ModuleType) -> str:
    """Say what a module has that may be meant."""
    own = [
        name
        for name, one in vars(module).items()
        if isinstance(one, DataLoader)
        or (callable(one) and not isinstance(one, type) and one.__module__ == module.__name__)
    ]
    shown = ", ".join(f"`{name}`" for name in own[:6])
    wanted = "name a loader, or a function that gives one without arguments"
    return f"{wanted}; the module has {shown}" if own else wanted


def _refuse_without_loader(states: States) -> NoReturn:
    state = next(iter(states.values()), {})
    made_in, dataset = state.get("made_in"), state.get("dataset")
    hint = "pass `--loader train.py:name`, of a loader or a function that gives one"
    if made_in:
        made_in = made_in.partition(":<")[0]
        told = f"the loader over {dataset} was made in {made_in}"
        hint = f"{told}: pass `--loader {made_in}`, with the path to it"
    _refuse("a state does not hold the loader: say where that comes from", hint)


def _listed(states: States) -> str:
    return ", ".join(repr(name) for name in states)


def _refuse(title: str, hint: str = "") -> NoReturn:
    raise UsageError(f"{title}\n\nhint: {hint}" if hint else title)
