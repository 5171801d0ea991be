"""The check `gradients-of-another-loss`."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, Optimizer, Run, Step
from trueload.findings import Finding, Severity

_ENOUGH: Final = 3


class GradientsOfAnotherLoss(Check):
    """A step also uses gradients that the loss of another optimizer left in its parameters.

    What it finds: with two optimizers, a backward pass that one of them has already stepped with
    and whose gradients the other uses too, together with those of its own, later backward pass.

    Why it matters: in a GAN, the loss of the critic reaches the generator through the fake
    samples, and pushes it the wrong way.

    Example:
        of_generator.zero_grad(), of_critic.zero_grad()
        critic_loss(critic(real), critic(fake)).backward()
        of_critic.step()
        generator_loss(critic(fake)).backward()
        of_generator.step()

    Instead:
        of_critic.zero_grad()
        critic_loss(critic(real), critic(fake.detach())).backward()
        of_critic.step()
        of_generator.zero_grad()
        generator_loss(critic(fake)).backward()
        of_generator.step()

    When it is wrong: where a part is to learn from both losses, and its optimizer steps last.

    Source: https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html
    """

    code = "TL706"
    name = "gradients-of-another-loss"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line whose gradients an optimizer uses besides its own."""
        used = _uses(run)
        for optimizer in run.optimizers:
            steps = run.steps(optimizer)
            mixed = {
                step.number: first
                for step in steps
                if (first := _foreign(step, optimizer, used)) is not None
            }
            if len(mixed) < _ENOUGH or len(mixed) * 2 < len(steps):
                continue
            place, number = Counter(first.place for first in mixed.values()).most_common(1)[0]
            step = steps[-1]
            yield self.found(
                f"`{optimizer.kind}` also steps with the gradients of another optimizer's loss",
                place,
                [
                    ("step", f"{step.place.short}, {number} of {len(steps)} with such gradients"),
                    ("own backward", step.backwards[-1].place.short if step.backwards else ""),
                ],
                hint="detach what that loss must not reach, or clear before the own `backward()`",
                count=number,
            )


def _uses(run: Run) -> dict[Backward, list[Step]]:
    """Give the steps that used each backward pass."""
    used: dict[Backward, list[Step]] = {}
    for step in run.steps():
        for backward in step.backwards:
            used.setdefault(backward, []).append(step)
    return used


def _foreign(step: Step, optimizer: Optimizer, used: dict[Backward, list[Step]]) -> Backward | None:
    """Give a backward pass that another optimizer had used before this one's own came."""
    own = step.backwards[-1].number if step.backwards else 0
    for backward in step.backwards[:-1]:
        before = [other for other in used[backward] if other.optimizer is not optimizer]
        other_line = backward.place != step.backwards[-1].place
        if other_line and any(other.number < own for other in before):
            return backward
    return None
