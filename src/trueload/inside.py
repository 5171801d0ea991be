"""What an object holds, read where Python keeps it, so that no code of its own runs.

A property, a `__getattr__` or an iterator of the user's may open files, take locks or cost minutes.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from gc import get_referents
from itertools import islice
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType
from typing import Any

MOST_ITEMS = 64
"""Of a longer container, so many items from all over it are given."""

_LONGEST_STEP = 64
_BASES: tuple[Any, ...] = (dict, list, tuple, deque, set, frozenset)
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)
_KEYS = frozenset(map(id, (str, int, float, bool, bytes)))
_mro_of = type.__dict__["__mro__"].__get__
_parents_of = type.__dict__["__bases__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_name_of = type.__dict__["__qualname__"].__get__
_module_of = type.__dict__["__module__"].__get__


def module_of(kind: type) -> str:
    """Give the name of the module that a type comes from."""
    module = _module_of(kind)
    return module if isinstance(module, str) else ""


def name_of(kind: type) -> str:
    """Give the name of a type, with those of the classes around it."""
    return _name_of(kind)


def bases_of(kind: type) -> tuple[type, ...]:
    """Give a type and its bases, nearest first."""
    return _mro_of(kind)


def parents_of(kind: type) -> tuple[type, ...]:
    """Give the types that a type is derived from directly."""
    return _parents_of(kind)


def variables_of(kind: type) -> dict[str, Any]:
    """Give what a class itself holds, by name."""
    return dict(_dict_of(kind))


def kept(thing: Any, name: str) -> Any:
    """Give an attribute that Python itself or a C type keeps, or `None`."""
    for base in _mro_of(type(thing)):
        descriptor = _dict_of(base).get(name)
        if type(descriptor) in _DESCRIPTORS:
            try:
                return descriptor.__get__(thing)
            except (AttributeError, ValueError):  # an empty slot, something closed
                return None
    return None


class Layout:
    """Where objects of a type keep their attributes.

    Args:
        kind: The type.
    """

    def __init__(self, kind: type) -> None:
        held = [_dict_of(base) for base in _mro_of(kind)]
        descriptors = (one["__dict__"] for one in held if "__dict__" in one)
        known = (one for one in descriptors if type(one) in _DESCRIPTORS)
        self._dictionary = next(known, None)
        self._slots = [
            (name, part.__get__)
            for one in held
            if "__slots__" in one
            for name, part in one.items()
            if type(part) is MemberDescriptorType
        ]

    def dictionary(self, thing: Any) -> dict[str, Any]:
        """Give the dictionary of an object's attributes itself, or an empty one."""
        found = None if self._dictionary is None else self._dictionary.__get__(thing)
        return {} if found is None else found

    def attributes(self, thing: Any) -> dict[str, Any]:
        """Give the attributes of an object: those of its dictionary, and those in slots."""
        found = dict(self.dictionary(thing))
        for name, slot in self._slots:
            with suppress(AttributeError):  # an empty slot
                found[name] = slot(thing)
        return found


def attributes(thing: Any) -> dict[str, Any]:
    """Give the attributes of an object: those of its dictionary, and those in slots."""
    return Layout(type(thing)).attributes(thing)


def items(thing: Any, most: int = MOST_ITEMS) -> Iterator[tuple[str, Any]]:
    """Give the items of a container with their steps in a name: `[0]`, `['key']`.

    Those of a set have no name.

    Args:
        thing: The container.
        most: Of a longer one, so many items from all over it are given.
    """
    kind = type(thing)
    base = next(one for one in _BASES if issubclass(kind, one))
    if base is dict:
        found = dict.items(thing)
        step = min(max(len(found) // most, 1), _LONGEST_STEP)
        for key, part in list(islice(found, 0, step * most, step)):
            yield _key(key), part
    elif base is set or base is frozenset:
        yield from (("[...]", part) for part in list(islice(base.__iter__(thing), most)))
    else:
        at = base.__getitem__
        places = _places(base.__len__(thing), most)
        yield from ((f"[{place}]", at(thing, place)) for place in places)


def is_container(kind: type) -> bool:
    """Say whether a type is one of those whose items are given."""
    return issubclass(kind, _BASES)


def parts_of_call(thing: Any) -> Iterator[tuple[str, Any]]:
    """Give what a bound method or a `functools.partial` holds, with the steps in a name."""
    if type(thing) is MethodType:
        yield from ((".__self__", thing.__self__), ("", thing.__func__))
        return
    yield ".func", partial.func.__get__(thing)
    yield from ((f".args{step}", part) for step, part in items(partial.args.__get__(thing)))
    keywords = partial.keywords.__get__(thing)
    yield from ((f".keywords{step}", part) for step, part in items(keywords))


def closure_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Give the variables of a function that live outside it, by their names in Python's own words.

    Those are `make.<locals>.file` for a variable of the function around it and `read(file=)` for a
    default.
    """
    code = function.__code__
    around, _, _ = function.__qualname__.rpartition(".")
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        yield from ((f"{around}.{name}", part) for part in get_referents(cell))
    for name, part in defaults_of(function):
        yield f"{function.__qualname__}({name}=)", part


def defaults_of(function: FunctionType) -> Iterable[tuple[str, Any]]:
    """Give the defaults of a function's arguments."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    yield from zip(reversed(names), reversed(function.__defaults__ or ()), strict=False)
    yield from (function.__kwdefaults__ or {}).items()


def function_in(part: Any) -> FunctionType | None:
    """Give the function that a class holds under a name, also within a wrapper of Python's."""
    kind = type(part)
    if kind is staticmethod or kind is classmethod:
        part = part.__func__
    elif kind is property:
        part = part.fget
    return part if type(part) is FunctionType else None


def _places(number: int, most: int) -> Iterable[int]:
    """Give places at the head, at the tail and in between."""
    if number <= most:
        return range(number)
    third = most // 3
    between = (number * step // (third + 1) for step in range(1, third + 1))
    return sorted({*range(third), *between, *range(number - third, number)})


def _key(key: Any) -> str:
    return f"[{key!r}]" if id(type(key)) in _KEYS else "[...]"
