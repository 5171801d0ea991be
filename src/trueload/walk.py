"""Walk over what workers get: each object once, with a name for it, and no code of its own is run.

It follows code too, for what a function refers to by its closure, its defaults and its globals. Of
the methods of a class those count that making a sample may come to, as far as names tell. The walk
is bounded, so that no epoch begins later for it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from gc import get_referents
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import numpy as np
import torch

from trueload.inside import (
    MOST_ITEMS,
    Layout,
    attributes,
    bases_of,
    closure_of,
    function_in,
    is_container,
    items,
    module_of,
    name_of,
    parts_of_call,
    variables_of,
)
from trueload.reach import is_of_a_library, names_in

MOST_OBJECTS = 5_000
_MUCH = 1000
_FEW_ITEMS = 3

_ATOMS = (
    *(str, bytes, bytearray, int, float, complex, bool, type(None), type(...), range, slice),
    *(BuiltinFunctionType, CodeType, torch.dtype, torch.device, torch.Size),
)
_ATOM_IDS = frozenset(map(id, _ATOMS))
"""Types are told apart by identity, as a metaclass may say otherwise how they compare."""

_CONTAINER_IDS = frozenset(map(id, (list, tuple, dict, set, frozenset, deque)))
_ENTRIES = frozenset(
    {
        *("__getitem__", "__getitems__", "__iter__", "__next__", "__call__", "__len__", "forward"),
        *("__enter__", "__exit__", "__getattr__", "__getattribute__"),
    }
)
"""The methods that workers, or Python itself, call."""

_DATA = (np.ndarray, np.generic, torch.Tensor, ModuleType)
_PLAIN_BASES = ("torch.utils.data", "typing", "abc", "builtins", "collections")
_OPEN = ("torch.utils.data", "torch.nn")
_CLOSED = frozenset(
    {
        *("logging", "multiprocessing", "asyncio", "importlib", "weakref", "unittest", "_pytest"),
        *("torch", "numpy", "pandas", "pyarrow", "tqdm", "rich", "trueload"),
        *(
            "wandb",
            "tensorboard",
            "tensorboardX",
            "mlflow",
            "comet_ml",
            "neptune",
            "clearml",
            "aim",
        ),
        "sentry_sdk",
        "redis",
        "pymongo",
    }
)
"""Packages whose objects look after themselves in workers, only hold data, or only tell things."""


class Place(NamedTuple):
    """An object, and how it is reached.

    Attributes:
        path: What it is called: `dataset.source.file`.
        thing: The object.
        owner: Path and type of the outermost object of a library that it belongs to, or `None`.
        chosen: The names of attributes on the way that none but the user's own code uses.
    """

    path: str
    thing: Any
    owner: tuple[str, type] | None = None
    chosen: tuple[str, ...] = ()


_NOWHERE = Place("", None)


class Walk:
    """A walk from some objects on, nearest first.

    Args:
        roots: Where to begin, by name.
        ends: Types that are not entered.
        most: How many objects are looked at.

    Attributes:
        names: What the code names that workers may come to; complete once the walk is over.
        seen: All that was looked at, by identity, and so kept alive.
    """

    def __init__(
        self, roots: Mapping[str, Any], ends: tuple[type, ...] = (), most: int = MOST_OBJECTS
    ) -> None:
        self.names: set[str] = set()
        self.seen: dict[int, Any] = {}
        self._line = deque(Place(name, root) for name, root in roots.items())
        self._roots = {id(root) for root in roots.values()}
        self._ends, self._most = (*_DATA, *ends), most
        self._uncalled: dict[str, list[FunctionType]] = {}
        self._kinds: dict[int, _Kind] = {}

    def __iter__(self) -> Iterator[Place]:
        """Yield each object once, but for plain values."""
        while self._line and len(self.seen) < self._most:
            place = self._line.popleft()
            thing = place.thing
            if id(type(thing)) in _ATOM_IDS or id(thing) in self.seen:
                continue
            self.seen[id(thing)] = thing
            yield place
            self._line += self._parts(place)

    def _parts(self, place: Place) -> Iterable[Place]:
        """Give what an object holds."""
        thing, kind = place.thing, type(place.thing)
        if id(kind) in _CONTAINER_IDS:
            return [
                Place(place.path + step, part, place.owner, place.chosen)
                for step, part in items(thing, self._few())
                if id(type(part)) not in _ATOM_IDS
            ]
        if kind is FunctionType:
            return self._called(thing, place)
        if issubclass(kind, type):
            return self._of_class(thing)
        if kind is MethodType or issubclass(kind, partial):
            return [_at(place, step, part) for step, part in parts_of_call(thing)]
        if kind is GeneratorType:
            return self._of_generator(place)
        return self._of_object(place, self._kind(kind))

    def _few(self) -> int:
        """Give how many items of a container are looked at: few where much waits already."""
        return MOST_ITEMS if len(self._line) < _MUCH else _FEW_ITEMS

    def _of_object(self, place: Place, kind: "_Kind") -> Iterator[Place]:
        if kind.closed:
            return
        thing = place.thing
        owner = place.owner
        if owner is None and not (kind.own or kind.container or id(thing) in self._roots):
            owner = place.path, type(thing)
        for name, part in kind.layout.attributes(thing).items():
            if id(type(part)) not in _ATOM_IDS:
                chosen = (*place.chosen, name) if kind.plain else place.chosen
                yield Place(f"{place.path}.{name}", part, owner, chosen)
        if kind.container:
            yield from (
                Place(place.path + step, part, owner, place.chosen)
                for step, part in items(thing, self._few())
                if id(type(part)) not in _ATOM_IDS
            )
        elif not kind.plain:
            own = type(thing), kind.layout.dictionary(thing)
            yield from (
                Place(place.path, one, owner, place.chosen)
                for one in get_referents(thing)
                if id(type(one)) not in _ATOM_IDS and not any(one is known for known in own)
            )
        if kind.own and not kind.met:
            kind.met = True
            yield Place(name_of(type(thing)), type(thing))

    def _of_generator(self, place: Place) -> list[Place]:
        generator = place.thing
        self._name(names_in(generator.gi_code))
        frame = generator.gi_frame
        held = {} if frame is None else frame.f_locals
        return [
            Place(f"{generator.__qualname__}.<locals>.{name}", part) for name, part in held.items()
        ]

    def _of_class(self, kind: type) -> list[Place]:
        """Give what a class of the user's holds, and see which of its methods are called."""
        if is_of_a_library(module_of(kind)):
            return []
        found = [Place(name_of(base), base) for base in bases_of(kind)[1:]]
        for name, part in variables_of(kind).items():
            function = function_in(part)
            if function is None and not name.startswith("__"):
                found.append(Place(f"{name_of(kind)}.{name}", part, None, (name,)))
            elif function is not None and (name in _ENTRIES or name in self.names):
                found += self._called(function)
            elif function is not None:
                self._uncalled.setdefault(name, []).append(function)
        return found

    def _called(self, function: FunctionType, place: Place = _NOWHERE) -> list[Place]:
        """Give what a function of the user's refers to."""
        code = function.__code__
        if id(code) in self.seen or is_of_a_library(function.__module__):
            return []
        self.seen[id(code)] = code
        names = {*names_in(code), *_strings_in(code)}
        self._name(names)
        prefix = "" if function.__module__ == "__main__" else f"{function.__module__}."
        outside = function.__globals__
        found = [Place(prefix + name, outside[name]) for name in names if name in outside]
        modules = [one.thing for one in found if type(one.thing) is ModuleType]
        for module in modules:
            if not is_of_a_library(module.__name__):
                found += _of_module(module, names)
        closure = (Place(path, part, None, place.chosen) for path, part in closure_of(function))
        return [*found, *closure]

    def _name(self, names: Iterable[str]) -> None:
        """Note what code names, and look at the methods that it may mean."""
        fresh = set(names) - self.names
        self.names |= fresh
        for name in fresh & self._uncalled.keys():
            for function in self._uncalled.pop(name):
                self._line += self._called(function)

    def _kind(self, kind: type) -> "_Kind":
        known = self._kinds.get(id(kind))
        if known is None:
            known = self._kinds[id(kind)] = _Kind(kind, self._ends)
        return known


class _Kind:
    """What is to be known of a type.

    Attributes:
        container: Whether it holds items.
        own: Whether it is the user's.
        plain: Whether none but code of the user's uses its attributes.
        closed: Whether its objects are not entered.
        layout: Where they keep their attributes.
        met: Whether the class itself is on the way.
    """

    def __init__(self, kind: type, ends: tuple[type, ...]) -> None:
        self.layout, self.met = Layout(kind), False
        module = module_of(kind)
        opened = _is_in(module, _OPEN)
        self.container = is_container(kind)
        self.own = opened or not is_of_a_library(module)
        bases = [module_of(base) for base in bases_of(kind)]
        self.plain = (
            self.own
            and not opened
            and all(_is_in(base, _PLAIN_BASES) or not is_of_a_library(base) for base in bases)
        )
        self.plain = self.plain and not self.container
        closed = not opened and module.partition(".")[0] in _CLOSED
        self.closed = closed or issubclass(kind, ends)


def _strings_in(code: CodeType) -> Iterator[str]:
    """Give what may be the name of an attribute: `getattr(self, "file")`."""
    for constant in code.co_consts:
        if isinstance(constant, str) and constant.isidentifier():
            yield constant
        elif isinstance(constant, CodeType):
            yield from _strings_in(constant)


def _at(place: Place, step: str, part: Any) -> Place:
    return Place(place.path + step, part, place.owner, place.chosen)


def _of_module(module: ModuleType, names: Iterable[str]) -> list[Place]:
    held = attributes(module)
    return [Place(f"{module.__name__}.{name}", held[name]) for name in names if name in held]


def _is_in(module: str, packages: Iterable[str]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in packages)
