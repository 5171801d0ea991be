"""What is followed: all of the process, or what a user gave to `watch`.

A watch follows its own models and optimizers, in one thread: that in which it was entered, or else
the first one that calls a model of it or steps with an optimizer of it. What other threads do at
the same time, to other models or to the same, is not mixed into what is seen.
"""

import threading
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet, ref

import torch
from torch import nn
from torch.utils.data import DataLoader


class Scope:
    """All of the process: what `trueload check` follows."""

    is_whole = True

    @property
    def models(self) -> list[nn.Module]:
        """The models that are followed by name."""
        return []

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers that are followed by name."""
        return []

    def is_here(self, *, in_backward: bool = False) -> bool:  # noqa: ARG002 - all threads are
        """Say whether what happens in this thread is followed.

        Args:
            in_backward: Whether a backward pass that is followed is going on, which may run
                hooks in a thread of its own.
        """
        return True

    def has_optimizer(self, optimizer: Any) -> bool:  # noqa: ARG002 - all of them are
        """Say whether an optimizer is followed."""
        return True

    def has_loader(self, loader: Any) -> bool:  # noqa: ARG002 - all of them are
        """Say whether a loader is followed."""
        return True

    def settle(self) -> bool:
        """Follow this thread from now on, where that is open, and say whether it is followed."""
        return True


class Own(Scope):
    """What a user gave to `watch`. It keeps none of it alive.

    Args:
        models: The models.
        optimizers: The optimizers.
        loaders: The loaders; none for all that are read in the same thread.
        parts: Modules inside of the models whose calls count where no model is being called: a
            trainer library may call only these.
    """

    is_whole = False

    def __init__(
        self,
        models: Iterable[nn.Module],
        optimizers: Iterable[torch.optim.Optimizer],
        loaders: Iterable[DataLoader],
        parts: Iterable[nn.Module] = (),
    ) -> None:
        self._models = {id(model): ref(model) for model in models}
        self._called = self._models | {id(part): ref(part) for part in parts}
        self._optimizers = WeakSet(optimizers)
        self._loaders = WeakSet(loaders)
        self._has_loaders = bool(self._loaders)
        self._thread = threading.current_thread()
        self._ident = self._thread.ident
        self._is_settled = False
        self._inside = False

    @property
    def models(self) -> list[nn.Module]:
        """The models that are still there."""
        return [model for known in self._models.values() if (model := known()) is not None]

    @property
    def called(self) -> list[nn.Module]:
        """The models and parts that are still there."""
        return [module for known in self._called.values() if (module := known()) is not None]

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers that are still there."""
        return list(self._optimizers)

    def is_here(self, *, in_backward: bool = False) -> bool:
        """Say whether what happens in this thread is followed."""
        here = threading.get_ident()
        return here == self._ident or (in_backward and not _is_of_python(here))

    def has_optimizer(self, optimizer: Any) -> bool:
        """Say whether an optimizer is followed."""
        return optimizer in self._optimizers

    def has_loader(self, loader: Any) -> bool:
        """Say whether a loader is followed."""
        return not self._has_loaders or loader in self._loaders

    def settle(self) -> bool:
        """Follow this thread from now on, unless another one that lives is followed."""
        here = threading.get_ident()
        if here != self._ident and (not self._is_settled or not self._thread.is_alive()):
            if not _is_of_python(here):
                return False
            self._thread, self._ident = threading.current_thread(), here
        if here == self._ident:
            self._is_settled = True
        return here == self._ident

    def enter(self, module: nn.Module) -> bool:
        """Say whether a call of a module is one of a model, from outside of any of them.

        Where it is, `leave` must follow.
        """
        known = self._called.get(id(module))
        if known is None or self._inside or known() is not module or not self.settle():
            return False
        self._inside = True
        return True

    def leave(self) -> None:
        """Note that the call of a model has ended."""
        self._inside = False


def _is_of_python(thread: int) -> bool:
    """Say whether Python started a thread; those of autograd's engine it did not."""
    return any(
        one.ident == thread and not isinstance(one, threading._DummyThread)  # noqa: SLF001
        for one in threading.enumerate()
    )
