"""The check `rate-collapsed`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Optimizer, Rate, Run
from trueload.findings import Finding, Severity

_FRACTION: Final = 1e-5
_ENOUGH: Final = 20
_SHARE: Final = 0.1


class RateCollapsed(Check):
    """The learning rate has fallen to nothing while training goes on.

    What it finds: at least 20 steps, and a tenth of all since the highest rate, at less than a
    hundred thousandth of it, where a scheduler set the rate.

    Why it matters: the model learns nothing any more, and the loss looks converged. Usually a
    scheduler that counts epochs is stepped with every batch.

    Example:
        scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
        for images, labels in loader:
            train_step(images, labels)
            scheduler.step()

    Instead:
        scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
        for epoch in range(90):
            for images, labels in loader:
                train_step(images, labels)
            scheduler.step()

    When it is wrong: where a schedule is meant to end at zero long before training does. The rates
    of a warm-up, before the highest one, do not count.

    Source: https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    """

    code = "TL710"
    name = "rate-collapsed"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer whose rate is gone."""
        for optimizer in run.optimizers:
            rated = [event for event in run.events(Rate) if event.optimizer is optimizer]
            rates = [step.rate for step in run.steps(optimizer)]
            if not rated or not rates:
                continue
            highest = max(rates)
            since = rates[rates.index(highest) :]
            low = [rate for rate in since if rate <= highest * _FRACTION]
            if len(low) < _ENOUGH or len(low) < len(since) * _SHARE or not highest:
                continue
            yield self.found(
                f"the learning rate fell from {highest:g} to {since[-1]:.1e}, and training goes on",
                rated[-1].place,
                [*_facts(optimizer, rated), ("steps", f"{len(low)} of {len(rates)} at that rate")],
                hint="step the scheduler as often as it is made for, such as once an epoch",
            )


def _facts(optimizer: Optimizer, rated: list[Rate]) -> list[tuple[str, str]]:
    made = rated[-1].made_at
    where = f"made at {made.short}" if made is not None else ""
    return [
        ("scheduler", f"{rated[-1].scheduler} {where}".strip()),
        ("stepped", f"{len(rated)} times in {optimizer.steps} optimizer steps"),
    ]
