"""What a user's dataset can reach: its attributes, what these hold, and what its code refers to.

Installed packages are not entered, nor containers too long to be anything but data.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

from trueload.errors import is_installed
from trueload.inside import module_of, parents_of, variables_of

_MOST_OBJECTS = 100_000
_MOST_ITEMS = 10_000
_LEAVES = (str, bytes, int, float, complex, type(None), BuiltinFunctionType)
_DATA = (np.ndarray, np.generic, torch.Tensor)
_CONTAINERS = (list, tuple, set, frozenset, dict)


def reachable(roots: Iterable[Any], kinds: tuple[type, ...]) -> Iterator[Any]:
    """Yield each thing of these kinds that can be reached, nearest first, always in one order.

    Args:
        roots: Where to begin.
        kinds: What is looked for. What such a thing refers to is not looked at.
    """
    seen: set[int] = set()
    line = list(roots)
    while line and len(seen) < _MOST_OBJECTS:
        following: list[Any] = []
        for thing in line:
            kind = type(thing)  # `isinstance` would ask a proxy for its `__class__`
            if issubclass(kind, _LEAVES) or id(thing) in seen:
                continue
            seen.add(id(thing))
            if issubclass(kind, kinds):
                yield thing
            elif not issubclass(kind, _DATA):
                following += _referents(thing)
        line = following


def parts_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a list, tuple, dictionary or object holds, with its step in a name.

    Steps are `[0]`, `['key']` and `.name`. A class derived from these containers is an object.
    """
    if type(thing) in {list, tuple}:
        yield from ((f"[{place}]", part) for place, part in enumerate(thing))
    elif type(thing) is dict:
        yield from ((f"[{key!r}]", part) for key, part in thing.items())
    elif hasattr(thing, "__dict__"):
        yield from ((f".{name}", part) for name, part in vars(thing).items())


def _referents(thing: Any) -> Iterable[Any]:
    kind = type(thing)
    if kind in _CONTAINERS and len(thing) > _MOST_ITEMS:
        return ()
    if issubclass(kind, FunctionType):
        return () if is_of_a_library(thing.__module__) else _of_function(thing)
    if issubclass(kind, type):
        return _of_class(thing)
    if issubclass(kind, ModuleType):
        return () if is_of_a_library(thing.__name__) else list(vars(thing).values())
    if issubclass(kind, MethodType):
        return thing.__self__, thing.__func__
    return gc.get_referents(thing)


def _of_class(kind: type) -> Iterable[Any]:
    """Give what a class of the user's holds, whatever its metaclass would say."""
    if is_of_a_library(module_of(kind)):
        return ()
    return *variables_of(kind).values(), *parents_of(kind)


def _of_function(function: FunctionType) -> list[Any]:
    """Give what a function refers to by its defaults, its closure and the names in its code."""
    variables = function.__globals__
    found = [variables[name] for name in names_in(function.__code__) if name in variables]
    for cell in function.__closure__ or ():
        found += gc.get_referents(cell)
    return [*found, function.__defaults__, function.__kwdefaults__]


def names_in(code: CodeType) -> Iterator[str]:
    """Give the names of globals and attributes in code, and in the functions within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def is_of_a_library(name: Any) -> bool:
    """Say whether a module, given by its name, is no part of the user's program."""
    if name == "__main__":
        return False
    path = getattr(sys.modules.get(name if isinstance(name, str) else ""), "__file__", None)
    return path is None or is_installed(path)
