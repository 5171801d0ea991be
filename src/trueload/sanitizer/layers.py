"""Attributes of torch that are replaced for a while, by several at once, in any order.

Whoever replaces an attribute puts a layer over what was there. The layers lie on one another, and
each can be taken out while the others stay. Where somebody else has replaced the attribute since,
theirs stays too: it goes on calling what it found, and a recorder that is closed lets that pass.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

Make = Callable[[Any], Any]
"""Makes what replaces an attribute of what was there."""


class _Layers:
    """The layers over one attribute.

    Args:
        owner: A class or a module.
        name: The attribute, the owner's own or one that it inherits.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self._inherits = name not in vars(owner)
        self._original = getattr(owner, name) if self._inherits else vars(owner)[name]
        self._current = self._original
        self._makes: list[Make] = []

    @property
    def is_covered(self) -> bool:
        """Whether somebody else has replaced the attribute since, or taken it away."""
        own = vars(self._owner).get(self._name, _NOTHING)
        return own is not self._current and bool(self._makes)

    def add(self, make: Make) -> None:
        """Put a layer on top."""
        self._makes.append(make)
        self._set(make(self._current))

    def take_out(self, make: Make) -> bool:
        """Take a layer out, and say whether none is left."""
        covered = self.is_covered
        self._makes.remove(make)
        if covered:
            return not self._makes
        whole = self._original
        for one in self._makes:
            whole = one(whole)
        if self._makes or not self._inherits:
            self._set(whole)
        else:
            delattr(self._owner, self._name)
        return not self._makes

    def _set(self, value: Any) -> None:
        setattr(self._owner, self._name, value)
        self._current = value


_NOTHING = object()
_all: dict[tuple[Any, str], _Layers] = {}
_lock = threading.RLock()


def replace(
    stack: ExitStack, owner: Any, name: str, make: Make, *, inherited: bool = False
) -> None:
    """Replace an attribute by what `make` makes of it, until the stack is left.

    Args:
        stack: Takes it out again.
        owner: A class or a module.
        name: The attribute; nothing is done where the owner itself has none of this name.
        make: Makes the replacement; it may be called again as others come and go.
        inherited: Whether an attribute that the owner inherits is replaced too, for it alone.
    """
    with _lock:
        layers = _all.get((owner, name))
        if layers is None or layers.is_covered:
            if name not in vars(owner) and not inherited:
                return
            layers = _all[owner, name] = _Layers(owner, name)
        layers.add(make)
    stack.callback(_take_out, layers, (owner, name), make)


def _take_out(layers: _Layers, key: tuple[Any, str], make: Make) -> None:
    with _lock:
        if layers.take_out(make) and _all.get(key) is layers:
            del _all[key]
