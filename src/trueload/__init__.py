"""Feed training loops with batches that are correct, fast and endless.

`DataLoader` is a drop-in for torch's. `install()` makes libraries use it too. Everything is
loaded when it is first asked for, so that `import trueload` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueload.contract import BatchContract, LeafContract
    from trueload.errors import (
        ArgumentError,
        BudgetError,
        ContractError,
        EmptyError,
        ReplayError,
        StateError,
        TrueloadError,
    )
    from trueload.guard import Guard
    from trueload.installing import install, installed, uninstall
    from trueload.ledger import Ledger
    from trueload.loader import DataLoader
    from trueload.packed import Packed, pack
    from trueload.policy import ErrorPolicy
    from trueload.progress import Taken
    from trueload.quarantine import exclude
    from trueload.sanitizer.watch import watch
    from trueload.stale import StaleFunction, stale_functions
    from trueload.statistics import Statistics

__all__ = [
    "ArgumentError",
    "BatchContract",
    "BudgetError",
    "ContractError",
    "DataLoader",
    "EmptyError",
    "ErrorPolicy",
    "Guard",
    "LeafContract",
    "Ledger",
    "Packed",
    "ReplayError",
    "StaleFunction",
    "StateError",
    "Statistics",
    "Taken",
    "TrueloadError",
    "exclude",
    "install",
    "installed",
    "pack",
    "stale_functions",
    "uninstall",
    "watch",
]

_HOMES = {
    "BatchContract": "contract",
    "DataLoader": "loader",
    "ErrorPolicy": "policy",
    "Guard": "guard",
    "LeafContract": "contract",
    "Ledger": "ledger",
    "Packed": "packed",
    "StaleFunction": "stale",
    "Statistics": "statistics",
    "Taken": "progress",
    "exclude": "quarantine",
    "install": "installing",
    "installed": "installing",
    "pack": "packed",
    "stale_functions": "stale",
    "uninstall": "installing",
    "watch": "sanitizer.watch",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("trueload")
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
