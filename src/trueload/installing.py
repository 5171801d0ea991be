"""Put our DataLoader where libraries look for torch's.

A library that builds its own loaders names torch's class, through `torch.utils.data` or through a
name that it imported. `install` binds our class to all of these, also in modules that are imported
already; `uninstall` puts back what was there. Classes that were derived from torch's before, and
loaders that exist already, stay as they are.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from trueload.loader import DataLoader

_TORCH = DataLoader.__base__
_NAMES = ("DataLoader", "StatefulDataLoader")
_undo: list[tuple[ModuleType, str, Any]] = []


def install() -> None:
    """Make `torch.utils.data.DataLoader` ours everywhere, also in libraries imported already.

    torchdata's `StatefulDataLoader` is replaced too, if it is imported. Calling it again also
    reaches what was imported since.
    """
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and not module.__name__.startswith("trueload"):
            _bind(module, _replacements())


def uninstall() -> None:
    """Put torch's own class back wherever `install` replaced it."""
    while _undo:
        module, name, old = _undo.pop()
        setattr(module, name, old)


@contextmanager
def installed() -> Iterator[None]:
    """Install for the time of a `with` block."""
    install()
    try:
        yield
    finally:
        uninstall()


def _replacements() -> dict[int, type]:
    """Give our class for each of theirs, by identity."""
    found: dict[int, type] = {id(_TORCH): DataLoader}
    torchdata = sys.modules.get("torchdata.stateful_dataloader.stateful_dataloader")
    if torchdata is not None:
        from trueload.integrations.torchdata import StatefulDataLoader  # noqa: PLC0415 - optional

        place = (torchdata, "StatefulDataLoader")
        theirs = next((old for at, name, old in _undo if (at, name) == place), None)
        theirs = theirs or torchdata.StatefulDataLoader
        if not issubclass(theirs, DataLoader):
            found[id(theirs)] = StatefulDataLoader
    return found


def _bind(module: ModuleType, replacements: dict[int, type]) -> None:
    for name in _NAMES:
        value = vars(module).get(name)
        ours = replacements.get(id(value))
        if ours is not None:
            _undo.append((module, name, value))
            setattr(module, name, ours)
