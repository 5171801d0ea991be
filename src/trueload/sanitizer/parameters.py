"""Which parameters there are, whose they are, and who made them.

A parameter is first seen where a module registers it, where an optimizer takes it, or where a loss
depends on it. Whose it is changes as models are built, so it is surveyed again and again, while the
models are alive; what was found stays when they are gone.
"""

import gc
from collections.abc import Iterable, Iterator
from typing import Any, Final
from weakref import WeakSet, ref

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils.weak import TensorWeakRef

from trueload.evidence import Module, Parameter, Run
from trueload.findings import Place
from trueload.sanitizer.places import NOWHERE

_MISSPELLED: Final = ("require_grad", "requires_gradient", "required_grad", "requiresgrad")
_MODAL: Final = (
    nn.modules.dropout._DropoutNd,  # noqa: SLF001 - the base of all dropouts
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 - the base of all batch norms
)


class Parameters:
    """All parameters of a run, each with its facts.

    Args:
        run: Where the facts are put down.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[int, tuple[TensorWeakRef, Parameter]] = {}
        self._sums: dict[int, float] = {}
        self._homes: dict[int, ref[nn.Module]] = {}
        self._marks: dict[int, tuple[ref[nn.Module], Module | None]] = {}
        self._others: WeakSet[torch.optim.Optimizer] = WeakSet()

    def known(self, tensor: torch.Tensor) -> Parameter:
        """Give the facts of a leaf tensor, new ones where it was not seen before."""
        entry = self._known.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            return entry[1]
        facts = Parameter(len(self._run.parameters), _shape(tensor))
        facts.is_parameter = isinstance(tensor, nn.Parameter)
        self._run.parameters.append(facts)
        self._known[id(tensor)] = (TensorWeakRef(tensor), facts)
        return facts

    def has(self, tensor: torch.Tensor) -> bool:
        """Say whether a tensor was seen before."""
        entry = self._known.get(id(tensor))
        return entry is not None and entry[0]() is tensor

    def registered(
        self, module: nn.Module, tensor: torch.Tensor, place: Place, *, by_user: bool, inside: bool
    ) -> None:
        """Put down that a module took a parameter.

        Args:
            module: The module.
            tensor: The parameter.
            place: The user's line that did it.
            by_user: Whether that line called a layer's constructor itself, so that the parameter
                holds what that initialized.
            inside: Whether a module is being called.
        """
        facts = self.known(tensor)
        self._homes[facts.number] = ref(module)
        if facts.place is None:
            facts.place = None if place is NOWHERE else place
            facts.kind = type(module).__name__
            facts.in_forward = inside
            facts.fresh = by_user and type(module).__module__.startswith("torch.nn.")

    def loaded(self, module: nn.Module) -> None:
        """Put down that weights were loaded into a module."""
        for tensor in module.parameters():
            self.known(tensor).fresh = False

    def root(self, module: nn.Module) -> tuple[bool, Module | None]:
        """Say whether a module was seen before, and give its facts if it is a root."""
        entry = self._marks.get(id(module))
        if entry is None or entry[0]() is not module:
            return False, None
        return True, entry[1]

    def new_root(self, module: nn.Module, place: Place) -> Module:
        """Take a module that is being called for a root, since nothing that holds it was called.

        Args:
            module: A module that is being called and was not seen before.
            place: The user's line that called it.
        """
        parts = list(module.modules())
        modal = sum(isinstance(part, _MODAL) for part in parts)
        facts = Module(len(self._run.modules), type(module).__name__, place, modal)
        self._run.modules.append(facts)
        held = [held for _, held in _hidden(module) if isinstance(held, nn.Module)]
        hidden = [part for one in held for part in one.modules()]
        for part in (*parts, *hidden):
            self._marks[id(part)] = (ref(part), None)
        self._marks[id(module)] = (ref(module), facts)
        return facts

    def ran(self, module: nn.Module) -> None:
        """Put down that a module that owns parameters ran in training."""
        enabled = torch.is_grad_enabled()
        for tensor in module._parameters.values():  # noqa: SLF001 - its own only
            if tensor is not None and self.has(tensor):  # or it is one of a functional call
                facts = self.known(tensor)
                facts.ran_with_grad += enabled
                facts.ran_without_grad += not enabled

    def held_elsewhere(self, optimizer: torch.optim.Optimizer) -> None:
        """Put down that an optimizer that is not followed steps with parameters of its own."""
        self._others.add(optimizer)

    def survey_others(self) -> None:
        """Look for parameters that optimizers hold which are not followed."""
        wanted = {p.number for p in self._run.parameters if p.in_graphs and not p.optimizers}
        if not wanted:
            return
        known = {optimizer for optimizer in gc.get_objects() if _is_optimizer(optimizer)}
        for optimizer in {*known, *self._others}:
            for group in optimizer.param_groups:
                for tensor in group["params"]:
                    if self.has(tensor):
                        self.known(tensor).elsewhere = True

    def survey(self) -> None:
        """Look through all living models: names, owners, what is frozen, what is in plain lists."""
        self.survey_names()
        for reference, facts in list(self._known.values()):
            tensor = reference()
            if tensor is not None:
                self._look(tensor, facts)

    def survey_names(self) -> None:
        """Look through all living models for names, owners, and what is in plain lists."""
        for module, facts in self._roots():
            for name, tensor in module.named_parameters():
                self._name(self.known(tensor), name, facts)
            for where, held in _hidden(module):
                if isinstance(held, nn.Parameter):
                    self._hide(self.known(held), where, where, facts)
                    continue
                for name, tensor in held.named_parameters():
                    self._hide(self.known(tensor), where, f"{where}.{name}", facts)

    def survey_unowned(self) -> None:
        """Look for the owners of parameters that no root module has, among all living objects."""
        wanted = {p.number for p in self._run.parameters if p.optimizers and p.root is None}
        if not wanted:
            return
        for module in [thing for thing in gc.get_objects() if issubclass(type(thing), nn.Module)]:
            for tensor in module._parameters.values():  # noqa: SLF001 - its own only
                if tensor is not None and self.known(tensor).number in wanted:
                    self.known(tensor).kind = type(module).__name__

    def _roots(self) -> list[tuple[nn.Module, Module]]:
        alive = [(reference(), facts) for reference, facts in self._marks.values()]
        return [(module, facts) for module, facts in alive if module is not None and facts]

    def _name(self, facts: Parameter, name: str, root: Module) -> None:
        facts.name, facts.root, facts.hidden = name, root, ""
        facts.is_parameter = True

    def _hide(self, facts: Parameter, where: str, name: str, root: Module) -> None:
        if facts.root is None or facts.hidden:
            facts.name, facts.root, facts.hidden = name, root, where

    def _look(self, tensor: torch.Tensor, facts: Parameter) -> None:
        if is_lazy(tensor):
            return
        facts.shape = tuple(tensor.shape)
        facts.trainable = facts.trainable and tensor.requires_grad
        facts.frozen = facts.frozen and not tensor.requires_grad
        if facts.optimizers and not (facts.in_graphs or facts.with_gradient or tensor.is_meta):
            total = float(tensor.detach().sum(dtype=torch.float32))
            facts.moved = facts.moved or self._sums.setdefault(facts.number, total) != total
        for name in vars(tensor):
            if name in _MISSPELLED:
                facts.misspelled = name


def _is_optimizer(thing: Any) -> bool:
    return issubclass(type(thing), torch.optim.Optimizer) and hasattr(thing, "param_groups")


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    """Give the shape; that of a lazy parameter is not known before the first batch."""
    return () if is_lazy(tensor) else tuple(tensor.shape)


def _hidden(root: nn.Module) -> Iterator[tuple[str, nn.Module | nn.Parameter]]:
    """Yield the modules and parameters that a model keeps in plain lists and dictionaries."""
    parts: set[Any] = {*root.modules(), *root.parameters()}
    for owner in root.modules():
        for name, value in vars(owner).items():
            if name.startswith("_") and name in vars(_EMPTY):
                continue
            for step, held in _held(value):
                if held not in parts:
                    yield f"{type(owner).__name__}.{name}{step}", held


def _held(value: Any) -> Iterable[tuple[str, nn.Module | nn.Parameter]]:
    if type(value) in {list, tuple}:
        pairs: Iterable[tuple[Any, Any]] = enumerate(value)
    elif type(value) is dict:
        pairs = value.items()
    else:
        return []
    return [
        (f"[{step!r}]", held)
        for step, held in pairs
        if issubclass(type(held), nn.Module | nn.Parameter)
    ]


_EMPTY = nn.Module()
