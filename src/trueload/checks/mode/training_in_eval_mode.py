"""The check `training-in-eval-mode`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from trueload.checks.base import Check
from trueload.checks.mode.roles import trained_on
from trueload.evidence import Forward, Module, Run, Step
from trueload.findings import Finding, Severity

_IN_A_ROW: Final = 3


@dataclass(slots=True)
class _Trained:
    """The steps of one model: how it was called for each.

    Attributes:
        calls: The last call with gradients before each step.
        evaluated: Whether it was evaluated since the mode of the call was set.
    """

    calls: list[Forward] = field(default_factory=list)
    evaluated: list[bool] = field(default_factory=list)


class TrainingInEvalMode(Check):
    """A model is trained while all its dropout is off and its batch norm is fixed.

    What it finds: steps on a model none of whose dropouts and batch norms act as in training.
    It is an error where the model trained in training mode before and was evaluated since, so that
    `model.train()` is missing; or where its batch norm never saw a batch.

    Why it matters: without dropout the model overfits as if there were none. Batch norm uses the
    statistics that it had when the mode changed, so the activations are no longer normalized.

    Example:
        model.train()
        for epoch in range(epochs):
            train(model, train_loader)
            evaluate(model, val_loader)  # calls model.eval()

    Instead:
        for epoch in range(epochs):
            model.train()
            train(model, train_loader)
            evaluate(model, val_loader)

    When it is wrong: fine-tuning with fixed statistics on purpose is a note, where the weights were
    loaded, or the mode was set right before the training.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval
    """

    code = "TL902"
    name = "training-in-eval-mode"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each model that is trained so."""
        for module, trained in _trained(run).items():
            calls = trained.calls
            still = [number for number, call in enumerate(calls) if not call.acting.any]
            if len(still) < _IN_A_ROW or still[-_IN_A_ROW] != len(calls) - _IN_A_ROW:
                continue
            first = calls[still[0]]
            yield self.found(
                f"`{module.kind}` is trained in evaluation mode",
                first.place,
                [
                    ("steps", f"{len(still)} of {len(calls)}, first step {first.steps}"),
                    ("still", f"all {first.acting.of} dropouts and batch norms"),
                    ("mode", f"set last at {first.switched.short}" if first.switched else ""),
                ],
                hint="call `model.train()` at the beginning of each epoch",
                count=len(still),
                severity=_forgotten(trained, still[0])
                if still[0]
                else _of_the_beginning(module, first, run),
            )


def _trained(run: Run) -> dict[Module, _Trained]:
    """Give the models that have parts with modes, each with what led to its steps."""
    optimized = {
        (parameter.root, optimizer)
        for parameter in run.parameters
        for optimizer in parameter.optimizers
    }
    found: dict[Module, _Trained] = {}
    latest: dict[Module, Forward] = {}
    evaluated: dict[Module, int] = {}
    training = trained_on(run)
    for event in run.events(Forward, Step):
        if isinstance(event, Forward):
            apart = event.fetch is not None and event.fetch.loader not in training
            if apart or not event.grad:
                evaluated[event.module] = event.number
            elif event.acting.of:
                latest[event.module] = event
            continue
        for module, call in list(latest.items()):
            if (module, event.optimizer) in optimized:
                trained = found.setdefault(module, _Trained())
                trained.calls.append(call)
                trained.evaluated.append(evaluated.get(module, -1) >= call.switched_at)
        latest.clear()
    return found


def _forgotten(trained: _Trained, first: int) -> Severity:
    """Judge a model that was in training mode before: a mode set anew after that is a choice."""
    return Severity.ERROR if trained.evaluated[first] else Severity.NOTE


def _of_the_beginning(module: Module, call: Forward, run: Run) -> Severity:
    """Judge a model that was never trained in training mode: was it a choice."""
    own = [parameter for parameter in run.parameters if parameter.root is module]
    chosen = any(not parameter.trainable or not parameter.optimizers for parameter in own)
    loaded = module.loaded or not any(parameter.fresh for parameter in own)
    if chosen or loaded or call.switched is None:
        return Severity.NOTE
    return Severity.WARNING
