"""The check `training-on-validation-data`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.mode.roles import is_for_validation
from trueload.evidence import Fetch, Optimizer, Run, Step
from trueload.findings import Finding, Severity

_FEW: Final = 2


class TrainingOnValidationData(Check):
    """The loop over the validation data trains.

    What it finds: an optimizer that steps after batches of a loader that is named after validation
    or test, while it is trained on another loader too, or another one is never read.

    Why it matters: what is measured there is no longer an estimate for unseen data, and nothing
    looks wrong: the better the fit, the better the figures.

    Example:
        for images, labels in val_loader:
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()

    Instead:
        with torch.no_grad():
            for images, labels in val_loader:
                loss = criterion(model(images), labels)

    When it is wrong: where the name means something else, or a model is fitted to all the data in
    the end. A second optimizer of its own on validation data (architecture search, calibration,
    adaptation) is not meant.

    Source: https://scikit-learn.org/stable/common_pitfalls.html#data-leakage
    """

    code = "TL904"
    name = "training-on-validation-data"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that reads validation data for steps."""
        for optimizer in run.optimizers:
            validation, training = _steps(run, optimizer)
            unread = [one for one in run.loaders if not one.fetched]
            if len(validation) < _FEW or not (training or unread):
                continue
            fetch, step = validation[0]
            other = (
                f"{training} steps on others" if training else f"{unread[0].place.short}, not read"
            )
            yield self.found(
                f"`{optimizer.kind}` steps on batches of a loader for validation",
                fetch.place,
                [
                    ("steps", f"{len(validation)} on it, at {step.place.short}"),
                    ("loader", fetch.loader.where),
                    ("training", other),
                ],
                hint="evaluate under `torch.no_grad()`, without `backward()` and `step()`",
                count=len(validation),
            )


def _steps(run: Run, optimizer: Optimizer) -> tuple[list[tuple[Fetch, Step]], int]:
    """Give the steps on nothing but validation data, and count those on other data."""
    validation: list[tuple[Fetch, Step]] = []
    training = 0
    fetched: list[Fetch] = []
    for event in run.events(Fetch, Step):
        if isinstance(event, Fetch):
            fetched.append(event)
        elif event.optimizer is optimizer and event.backwards:
            own = event.backwards[-1].fetch
            if fetched and own is not None and all(is_for_validation(one) for one in fetched):
                validation.append((own, event))
            elif fetched:
                training += not any(is_for_validation(one) for one in fetched)
            fetched = []
    return validation, training
