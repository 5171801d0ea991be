"""What the callbacks share: a watch that begins and ends with a trainer's loop."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from trueload.findings import Finding
from trueload.sanitizer.scope import Own
from trueload.sanitizer.watch import Watch, unwrapped


class Looking:
    """Looks on while a trainer trains."""

    _watch: Watch | None = None
    _looks: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is found by now, the gravest first."""
        return () if self._watch is None else self._watch.findings

    @property
    def grave(self) -> bool:
        """Whether anything is found above a note."""
        return self._watch is not None and self._watch.grave

    def report(self) -> str:
        """Give a report as text; empty before the training."""
        return "" if self._watch is None else self._watch.report()

    def begin(
        self, model: nn.Module, optimizers: Iterable[Any], accumulate: int | None = None
    ) -> None:
        """Begin to look on; an earlier training that was broken off has ended by then.

        Args:
            model: What is trained: itself is called, or only parts of it.
            optimizers: What trains it, wrapped or not.
            accumulate: How many backward passes a step uses, where that is known.
        """
        self.end()
        scope = Own([model], map(unwrapped, optimizers), [], parts=model.children())
        self._watch = Watch(scope, accumulate)
        self._watch.__enter__()
        self._looks = True

    def end(self, error: BaseException | None = None) -> None:
        """Look no more; does nothing the second time.

        Args:
            error: The exception that has ended the training, if one did.
        """
        if self._looks and self._watch is not None:
            self._looks = False
            self._watch.__exit__(type(error) if error is not None else None, error, None)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the watch out of a copy or a pickle: it belongs to this process."""
        return {name: value for name, value in vars(self).items() if not _is_own(name)}

    def __del__(self) -> None:
        """End with the trainer, which need not say that its training was broken off."""
        self.end()


def _is_own(name: str) -> bool:
    return name in {"_watch", "_looks"}
