"""The check `evaluating-in-train-mode`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.mode.roles import evaluations
from trueload.evidence import EpochEnded, Forward, Run
from trueload.findings import Finding, Severity

_FEW: Final = 2


class EvaluatingInTrainMode(Check):
    """A model is evaluated while its dropout drops or its batch norm uses the batch.

    What it finds: a loader that is never trained on, whose batches go through the model with
    dropout or batch norm in training mode.

    Why it matters: dropout makes the measured error larger than it is. Batch norm makes it depend
    on what else is in the batch, and learns the statistics of the validation data.

    Example:
        with torch.no_grad():
            for images, labels in val_loader:
                correct += (model(images).argmax(1) == labels).sum()

    Instead:
        model.eval()
        with torch.no_grad():
            ...
        model.train()

    When it is wrong: where the statistics of batch norm are made anew on data of their own by a
    loop of one's own. `update_bn` is not meant, nor is dropout that is averaged over several
    calls with the same input.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval
    """

    code = "TL901"
    name = "evaluating-in-train-mode"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that evaluates so."""
        ended = {end.loader for end in run.events(EpochEnded)}
        for loader, forwards in evaluations(run).items():
            bad = [forward for forward in forwards if _is_bad(forward)]
            judged = [forward for forward in bad if not forward.grad or loader in ended]
            if len(judged) < min(_FEW, loader.fetched) or _averages(forwards):
                continue
            first = judged[0]
            yield self.found(
                f"`{first.module.kind}` is evaluated in training mode",
                first.place,
                [
                    ("acting", f"{first.acting.shown} of {first.acting.of} in all"),
                    ("calls", f"{len(bad)} of {len(forwards)} with batches of this loader"),
                    ("loader", f"{loader.where}, never trained on"),
                    ("mode", f"set last at {first.switched.short}" if first.switched else ""),
                ],
                hint="call `model.eval()` before the evaluation and `model.train()` after it",
                count=len(bad),
            )


def _is_bad(forward: Forward) -> bool:
    """Say whether a whole model acts as in training, other than to make its statistics anew."""
    acting = forward.acting
    return forward.training and acting.any and not acting.averaging


def _averages(forwards: list[Forward]) -> bool:
    """Say whether a batch goes through dropout more than once, to average over it."""
    calls: dict[object, int] = {}
    for forward in forwards:
        calls[forward.module, forward.fetch] = calls.get((forward.module, forward.fetch), 0) + 1
    return not any(one.acting.norms for one in forwards) and max(calls.values(), default=0) > _FEW
