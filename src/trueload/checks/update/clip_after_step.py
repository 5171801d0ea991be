"""The check `clip-after-step`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Clip, Run
from trueload.findings import Finding, Place, Severity

_ENOUGH: Final = 3
_NO_LIMIT: Final = 1e6


class ClipAfterStep(Check):
    """Gradients are clipped after the step has used them.

    What it finds: a line that clips gradients, at least three times, and only ever gradients that
    the optimizer has already stepped with.

    Why it matters: clipping does nothing then. The rare huge gradient that it should tame reaches
    the weights.

    Example:
        loss.backward()
        optimizer.step()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)

    Instead:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    When it is wrong: where the function is called only to learn the norm. With a limit that cannot
    bite, such as infinity, nothing is said.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    """

    code = "TL707"
    name = "clip-after-step"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that clips too late."""
        at: dict[Place, list[Clip]] = {}
        for clip in run.events(Clip):
            at.setdefault(clip.place, []).append(clip)
        for place, clips in at.items():
            late = all(clip.used and not clip.unused for clip in clips)
            if len(clips) < _ENOUGH or not late or clips[-1].limit >= _NO_LIMIT:
                continue
            optimizer = clips[-1].used[0]
            steps = run.steps(optimizer)
            yield self.found(
                f"gradients are clipped to {clips[-1].limit:g} after the step has used them",
                place,
                [("step", steps[-1].place.short if steps else ""), ("optimizer", optimizer.kind)],
                hint="clip between `backward()` and `step()`",
                count=len(clips),
            )
