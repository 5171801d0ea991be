"""What each hook does: it puts down events, and decides how closely to look.

When to look in detail says `pace.py`. In between, a backward pass costs a look at a few gradients.
"""

import sys
import time
from collections.abc import Callable, Iterable
from functools import wraps
from types import FrameType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn

from trueload.errors import is_ours
from trueload.evidence import (
    Backward,
    Forward,
    Gradient,
    Module,
    Optimizer,
    Run,
    Step,
)
from trueload.findings import Place
from trueload.sanitizer.batches import leaves_of
from trueload.sanitizer.fetching import Fetching
from trueload.sanitizer.gradients import Gradients
from trueload.sanitizer.graphs import Locator
from trueload.sanitizer.handed import Handed
from trueload.sanitizer.limits import Limits
from trueload.sanitizer.loading import Loading
from trueload.sanitizer.losses import Losses
from trueload.sanitizer.modes import Modes
from trueload.sanitizer.pace import Pace
from trueload.sanitizer.parameters import Parameters
from trueload.sanitizer.places import Places
from trueload.sanitizer.rates import Rates, rate_of
from trueload.sanitizer.samples import Samples
from trueload.sanitizer.scope import Scope
from trueload.sanitizer.workers import Workers

if TYPE_CHECKING:
    from trueload.sanitizer.camera import Camera
    from trueload.sanitizer.telling import Telling

_INPUTS: Final = 8
_TROUBLES: Final = 8


class Recorder:
    """Writes down what a script does.

    Args:
        places: Finds the user's lines.
        limits: When to stop; `None` for never.
        pace: When to look in detail; the default of `trueload check` if left out.
        scope: What to follow; all of the process if left out.

    Attributes:
        run: The evidence.
        is_open: Whether anything is put down; instruments that cannot be taken out do nothing else.
        parameters: The parameters and their models.
        loading: The loaders.
        fetching: How their batches are made.
        handed: What loops do to them.
        workers: What their workers are given.
        samples: Their samples.
        modes: The modes in which models are called.
        rates: Learning rates, and what clips gradients.
        losses: The losses.
        held: What the parameters of each optimizer hold.
        camera: Records what only the HTML page shows; `None` where that is not asked for.
        telling: Tells findings while the run goes on; `None` for not before its end.
        troubles: What went wrong in the instruments themselves, the first few.
    """

    def __init__(
        self,
        places: Places,
        limits: Limits | None = None,
        pace: Pace | None = None,
        scope: Scope | None = None,
    ) -> None:
        self.run = Run()
        self.is_open = True
        self.places = places
        self.limits = limits
        self.pace = Pace() if pace is None else pace
        self.scope = Scope() if scope is None else scope
        self.parameters = Parameters(self.run)
        self.loading = Loading(self)
        self.fetching = Fetching(self)
        self.handed = Handed(self)
        self.workers = Workers(self)
        self.samples = Samples(self)
        self.modes = Modes(self)
        self.rates = Rates(self)
        self.losses = Losses(self)
        self.steps = 0
        self.troubles: list[Exception] = []
        self.locator = Locator(lambda: places.here(3), lambda: self.steps, self.failed)
        self.camera: Camera | None = None
        self.telling: Telling | None = None
        self.stepping: Step | None = None
        self.backward: Backward | None = None
        self._number = 0
        self._since_step = 0
        self._stepped = 0
        self._inputs = 0
        self._is_busy = False
        self._evaluated = False
        self.held: WeakKeyDictionary[torch.optim.Optimizer, Gradients] = WeakKeyDictionary()
        self._seen: WeakKeyDictionary[torch.optim.Optimizer, Optimizer] = WeakKeyDictionary()
        self._modes: dict[Module, bool] = {}
        self._frame: FrameType | None = None

    # What all hooks need.

    @property
    def detailed(self) -> bool:
        """Whether values and graphs are looked at now."""
        return self.pace.detailed

    @property
    def number(self) -> int:
        """How many events there have been."""
        return self._number

    def stamp(self, place: Place | None = None) -> dict[str, Any]:
        """Give what every event has: number, place, steps."""
        self._number += 1
        return {
            "number": self._number - 1,
            "place": self.places.here(3) if place is None else place,
            "steps": self.steps,
            "inside_step": self.stepping is not None,
        }

    def stop_if_enough(self) -> None:
        """Stop the script once enough was seen; called outside of everything that is guarded."""
        if self.stepping is not None or self.backward is not None:
            return
        if self.steps >= self.pace.first:
            self.locator.end()
        if self.telling is not None:
            self.guarded(self.telling.look_if_due, self.steps)
        if self.limits is None:
            return
        if self.limits.reached(self.steps, self.loading.passes, evaluated=self._evaluated):
            self.survey()
            self.limits.stop()

    def survey(self) -> None:
        """Look through all living models."""
        self.guarded(self.parameters.survey)

    def judge(self) -> Run:
        """Give the evidence, with all that can be read at the end."""
        self.guarded(self.parameters.survey_unowned)
        if self.scope.is_whole:
            self.guarded(self.fetching.read_notes)
            self.guarded(self.handed.finish)
            self.guarded(self.workers.finish)
        return self.judge_so_far()

    def judge_so_far(self) -> Run:
        """Give the evidence while the run goes on."""
        self.survey()
        self.guarded(self.samples.finish)
        if not self.scope.is_whole:
            self.guarded(self.parameters.survey_others)
        self.run.kept_places = self.locator.kept
        for file in sorted(self.places.files):
            self.run.sources[file] = self.places.text(file)
        return self.run

    def begin(self, place: Place) -> None:
        """Begin to follow what is there already, or go on after a pause.

        Args:
            place: The user's line that asks for it.
        """
        self.stepping = self.backward = self._frame = None
        self.loading.latest = None
        for held in self.held.values():
            held.forget()
        for optimizer in self.scope.optimizers:
            self.optimizer(optimizer, place, met=True)
        for model in self.scope.models:
            if not self.parameters.root(model)[0]:
                self.parameters.new_root(model, place)
        self.parameters.survey_names()

    # Optimizers.

    def optimizer(
        self, optimizer: torch.optim.Optimizer, place: Place | None = None, *, met: bool = False
    ) -> Optimizer:
        """Give the facts of an optimizer, new ones where it was not seen before."""
        facts = self._seen.get(optimizer)
        if facts is None:
            where = self.places.here(2) if place is None else place
            facts = Optimizer(len(self.run.optimizers), type(optimizer).__name__, where, met=met)
            self._seen[optimizer] = facts
            self.run.optimizers.append(facts)
            weak = ref(optimizer)
            self.held[optimizer] = Gradients(facts, lambda: _parameters_of(weak()))
        self._hold(facts, optimizer)
        return facts

    def _hold(self, facts: Optimizer, optimizer: torch.optim.Optimizer) -> None:
        if sum(len(group["params"]) for group in optimizer.param_groups) == len(facts.parameters):
            return
        facts.parameters = [self.parameters.known(one) for one in _parameters_of(optimizer)]
        for parameter in facts.parameters:
            if facts not in parameter.optimizers:
                parameter.optimizers.append(facts)

    def scaled_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Put down that a `GradScaler` was asked for a step."""
        self.optimizer(optimizer).scaled_steps += 1

    # Backward passes.

    def before_backward(self, tensors: Any, options: dict[str, Any]) -> Backward | None:
        """Look at a loss before its backward pass; `None` where there is nothing to follow."""
        loss = _one(tensors)
        if self.backward is not None or loss is None:
            return None
        detailed = self.detailed
        for held in list(self.held.values()):
            held.before_backward(detailed=detailed)
        backward = Backward(
            **self.stamp(),
            shape=tuple(loss.shape),
            retained=bool(options.get("retain_graph") or options.get("create_graph")),
            partial=options.get("inputs") is not None,
            fetch=self.loading.latest,
        )
        if not self.losses.look(loss, backward, detailed=detailed):
            return None
        self.backward = backward
        if self.camera is not None:
            self.guarded(self.camera.backward_begun, loss)
        return backward

    def after_backward(self, backward: Backward) -> None:
        """Put down a backward pass that went well."""
        self.backward = None
        if self.camera is not None:
            self.guarded(self.camera.backward_ended)
        graph = backward.graph
        into = []
        for held in list(self.held.values()):
            numbers = None
            if graph is not None and not graph.opaque and not backward.partial:
                numbers = any(p.number in graph.parameters for p in held.facts.parameters)
            if held.after_backward(backward, reached=numbers, detailed=graph is not None):
                held.facts.backwards += 1
                if not held.facts.steps:
                    moved = held.has_moved(detailed=graph is not None)
                    held.facts.moved = held.facts.moved or moved
                into.append(held.facts)
        if graph is None and not (into or self.scope.is_whole):
            return  # of a model that is not followed
        backward.into = tuple(into)
        self.run.add(backward)
        self.loading.trained(backward.fetch)
        self.pace.went_back()
        self._since_step += 1
        if self._since_step in {4, 8, 16, 32, 64}:
            self.parameters.survey()

    def abandoned(self, backward: Backward) -> None:
        """Put down a backward pass that raised."""
        self.backward = None
        self.run.add(backward)
        self.survey()

    # Steps.

    def before_step(
        self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Look at the gradients that a step is going to use.

        Returns:
            The step's arguments with its closure wrapped, or `None` where it has none.
        """
        if self.stepping is not None and _is_running(self._frame):
            return None  # a step within a step, as of an optimizer that wraps another
        facts = self.optimizer(optimizer)
        step = Step(**self.stamp(), optimizer=facts, ordinal=facts.steps)
        step.rate = rate_of(optimizer)
        self.stepping, self._frame = step, _caller()
        closure = args[1] if len(args) > 1 else options.get("closure")
        if not callable(closure):
            self._look(self.held[optimizer], step)
        if self.camera is not None:
            self.guarded(self.camera.step_begun, step, _parameters_of(optimizer))
        if not callable(closure):
            return None
        wrapped = self._counted(closure, self.held[optimizer], step)
        if len(args) > 1:
            return (args[0], wrapped, *args[2:]), options
        return args, {**options, "closure": wrapped}

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Put down a step."""
        step = self.stepping
        if step is None or self._seen.get(optimizer) is not step.optimizer:
            return
        self.stepping = self._frame = None
        if self.camera is not None:
            self.guarded(self.camera.step_ended, step)
        held = self.held[optimizer]
        if self.backward is None:
            held.after_step()
        else:
            held.used_in_backward()
        step.training = tuple(self._modes.items())
        self._modes = {}
        self.run.add(step)
        self._stepped += not step.optimizer.steps
        step.optimizer.steps += 1
        self.steps += 1
        self.pace.stepped(self.steps, self._stepped)
        self._since_step = self._inputs = 0
        if self.steps & (self.steps - 1) == 0:
            self.parameters.survey()

    def _look(self, held: Gradients, step: Step) -> None:
        detailed = self.detailed
        if self.camera is not None:
            self.guarded(self.camera.gradients_used, held.tensors())
        step.gradient = held.before_step(self.backward, detailed=detailed)
        step.carried = held.carried and held.may_look(detailed=detailed)
        step.changed = held.changed
        step.backwards, step.lost = tuple(held.backwards), tuple(held.lost)
        if step.gradient is Gradient.SOME:
            step.finite = held.are_finite(detailed=detailed)
        if detailed:
            for tensor, facts in zip(held.tensors(), step.optimizer.parameters, strict=False):
                facts.with_gradient += tensor.grad is not None

    def _counted(self, closure: Callable[[], Any], held: Gradients, step: Step) -> Any:
        """Wrap a closure: what it leaves the first time is what the step uses."""

        @wraps(closure)
        def counted() -> Any:
            result = closure()
            step.closure_calls += 1
            if step.closure_calls == 1:
                self.guarded(self._look, held, step)
            return result

        return counted

    # Models.

    def forward(self, module: nn.Module, inputs: Any) -> None:
        """Put down a call of a root module."""
        detailed = self.detailed
        if detailed and module.training and module._parameters:  # noqa: SLF001 - its own only
            self.parameters.ran(module)
        known, facts = self.parameters.root(module)
        if not known or (facts is None and not self.scope.is_whole):
            facts = self.parameters.new_root(module, self.places.here(2))
        if facts is None:
            self.modes.layer(module, inputs)
            return
        facts.forwards += 1
        event = Forward(
            **self.stamp(),
            module=facts,
            training=module.training,
            grad=torch.is_grad_enabled(),
            fetch=self.loading.latest,
        )
        if detailed and self._inputs < _INPUTS:
            self._inputs += 1
            event.inputs = leaves_of(inputs, "input")
        self.modes.called(module, event, detailed=event.inputs is not None)
        if event.grad:
            self._modes[facts] = module.training
        elif self.steps:
            self._evaluated = True
        self.modes.layer(module, inputs)
        self.run.add(event)

    def registered(self, module: nn.Module, tensor: Any) -> None:
        """Put down that a module took a parameter."""
        if isinstance(tensor, torch.Tensor):
            self.parameters.registered(
                module,
                tensor,
                self.places.here(2),
                by_user=self.places.called_by_user(),
                inside=self.places.inside_a_call(),
            )

    # What keeps failures of ours from being the script's.

    def quietly(self, hook: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run a part of an instrument so that its failure is not the script's; take its time."""
        if not self.is_open:
            return None
        if self._is_busy:
            return self.guarded(hook, *args, **options)
        self._is_busy = True
        began = time.perf_counter()
        try:
            return hook(*args, **options)
        except Exception as error:
            self.failed(error)
            return None
        finally:
            self._is_busy = False
            self.pace.spent_seconds += time.perf_counter() - began

    def guarded(self, look: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Look at something so that a failure is not the script's, open or not."""
        try:
            return look(*args, **options)
        except Exception as error:
            self.failed(error)
            return None

    def failed(self, error: Exception) -> None:
        """Put down that an instrument failed; the first few say enough."""
        if len(self.troubles) < _TROUBLES:
            self.troubles.append(error)


def _parameters_of(optimizer: torch.optim.Optimizer | None) -> list[torch.Tensor]:
    if optimizer is None:
        return []
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def _caller() -> FrameType | None:
    """Give the frame of torch that called our hook: that of the step itself."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses too
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _is_running(wanted: FrameType | None) -> bool:
    """Say whether a frame is still on the stack; that of a step that raised is not."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses too
    while frame is not None and frame is not wanted:
        frame = frame.f_back
    return frame is not None


def _one(tensors: Any) -> torch.Tensor | None:
    """Give the loss; where several are passed at once, the first."""
    if isinstance(tensors, torch.Tensor):
        return tensors
    if isinstance(tensors, Iterable):
        return next((one for one in tensors if isinstance(one, torch.Tensor)), None)
    return None
