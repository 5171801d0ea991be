"""The checks `cleared-before-step` and `step-before-backward`: steps that find nothing to use."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, Forward, Gradient, Optimizer, Run, Step
from trueload.findings import Finding, Severity

_ENOUGH: Final = 2
_MODIFIED: Final = "modified by an inplace operation"


class ClearedBeforeStep(Check):
    """Gradients are cleared after `backward()` and before the step that should use them.

    What it finds: an optimizer that steps with no gradients, or with zeros, although a backward
    pass since its last step had left some, and no model was called in between. Where
    `watch(..., accumulate=4)` says how many passes a step is to use, also one that uses fewer since
    the others were cleared.

    Why it matters: the step does nothing. With weight decay or momentum it does something, but
    not what the loss asks for.

    Example:
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()

    Instead:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    When it is wrong: no case is known. Parameters that a batch did not use have no gradients
    either, but then no backward pass had left any.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
    """

    code = "TL703"
    name = "cleared-before-step"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer whose gradients are cleared too early."""
        for optimizer in run.optimizers:
            steps = [step for step in _empty(run, optimizer) if not _forward_between(run, step)]
            if len(steps) < _ENOUGH:
                yield from self._in_part(run, optimizer)
                continue
            yield self.found(
                f"`{optimizer.kind}` steps without gradients: they are cleared before the step",
                steps[-1].place,
                _facts(run, optimizer, steps),
                hint="call `zero_grad()` before `backward()`, or after `step()`",
                count=len(steps),
            )

    def _in_part(self, run: Run, optimizer: Optimizer) -> Iterator[Finding]:
        """Yield a finding where fewer backward passes are used than the user said."""
        wanted = run.accumulate or 0
        steps = [
            step
            for step in run.steps(optimizer)
            if 0 < len(step.backwards) < wanted <= len(step.backwards) + len(step.lost)
        ]
        if len(steps) < _ENOUGH:
            return
        last = steps[-1]
        lost = wanted - len(last.backwards)
        yield self.found(
            f"{lost} of {wanted} backward passes of each step are cleared before it",
            last.place,
            [
                ("steps", f"{len(steps)} of {len(run.steps(optimizer))} with a part only"),
                ("backward", f"{last.lost[-1].place.short}, its gradients were cleared"),
                ("declared", f"{wanted} backward passes a step"),
            ],
            hint="call `zero_grad()` after `step()` only",
            count=len(steps),
        )


class StepBeforeBackward(Check):
    """The optimizer steps after the model was called and before the backward pass.

    What it finds: an optimizer that steps with no gradients, or with those of the batch before,
    because `backward()` comes after `step()`. Where the step changes weights that the backward
    pass still needs, torch stops with "modified by an inplace operation"; then this is why.

    Why it matters: no step uses the gradients of its own batch, and if they are cleared in between
    none uses any.

    Example:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        optimizer.step()
        loss.backward()

    Instead:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

    When it is wrong: where gradients of the batch before are used on purpose, as in a pipeline.

    Source: https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step
    """

    code = "TL704"
    name = "step-before-backward"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that steps too early."""
        hint = "call `loss.backward()` before `optimizer.step()`"
        for optimizer in run.optimizers:
            steps = [step for step in _empty(run, optimizer) if _forward_between(run, step)]
            early = _with_old_gradients(run, optimizer)
            if len(steps) >= _ENOUGH:
                title = f"`{optimizer.kind}` steps before `backward()`, when it has no gradients"
                facts = _facts(run, optimizer, steps)
                yield self.found(title, steps[-1].place, facts, hint=hint, count=len(steps))
            elif len(early) > _ENOUGH:
                title = f"`{optimizer.kind}` steps before `backward()`, with the batch before's"
                facts = [("steps", f"{len(early)} of {optimizer.steps} between model and backward")]
                yield self.found(
                    f"{title} gradients", early[-1].place, facts, hint=hint, count=len(early)
                )
        step = _step_that_broke(run)
        if step is not None and run.crash is not None and run.crash.place is not None:
            title = f"`{step.optimizer.kind}` changes weights that `backward()` still needs"
            yield self.found(
                title, step.place, [("backward", f"raised at {run.crash.place.short}")], hint=hint
            )


def _empty(run: Run, optimizer: Optimizer) -> list[Step]:
    """Give the steps that found nothing, although a backward pass had left gradients."""
    return [
        step
        for step in run.steps(optimizer)
        if step.lost and not step.backwards and step.gradient is not Gradient.SOME
    ]


def _forward_between(run: Run, step: Step) -> bool:
    """Say whether a model was called between the last backward pass and a step."""
    since = step.lost[-1].number
    return any(one.grad and since < one.number < step.number for one in run.events(Forward))


def _with_old_gradients(run: Run, optimizer: Optimizer) -> list[Step]:
    """Give the steps right between a call of a model and the backward pass of its loss."""
    found: list[Step] = []
    events = [one for one in run.events(Forward, Step, Backward) if _counts(one)]
    for before, step, after in zip(events, events[1:], events[2:], strict=False):
        if not isinstance(step, Step) or step.optimizer is not optimizer or not step.backwards:
            continue
        if isinstance(before, Forward) and isinstance(after, Backward):
            found.append(step)
    return found


def _counts(event: Forward | Step | Backward) -> bool:
    return not event.inside_step and (not isinstance(event, Forward) or event.grad)


def _facts(run: Run, optimizer: Optimizer, steps: list[Step]) -> list[tuple[str, str]]:
    return [
        ("steps", f"{len(steps)} of {len(run.steps(optimizer))} without gradients"),
        ("backward", f"{steps[-1].lost[-1].place.short}, its gradients were cleared"),
        ("optimizer", optimizer.where),
    ]


def _step_that_broke(run: Run) -> Step | None:
    """Give the step between the last call of a model and the backward pass that raised."""
    if run.crash is None or _MODIFIED not in run.crash.message:
        return None
    last = [*run.events(Forward, Step, Backward)][-3:]
    kinds = [type(event) for event in last]
    step = last[1] if kinds == [Forward, Step, Backward] else None
    return step if isinstance(step, Step) else None
