"""When enough has been seen of a script, and how it is stopped then."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

STEPS: Final = 200
SECONDS: Final = 60.0
_PASSES: Final = 2
_MOST_STEPS: Final = 5
_REFUSALS: Final = 100


class Enough(BaseException):
    """Ends the script from within; not an `Exception`, so that `except Exception` lets it by."""


@dataclass(slots=True)
class Limits:
    """When to stop.

    By default that is after 200 steps, two passes over the loader that trains and one evaluation,
    but after 1 000 steps or a minute in any case: what goes wrong between epochs shows in the
    second one.

    Attributes:
        steps: Optimizer steps; `None` for the default.
        seconds: Time; `None` for the default.
        full: Whether the script runs to its end whatever happens.
        give_up: Called once a script has caught `Enough` a hundred times; it should not return.
        started: When the first thing was seen, by `time.monotonic`; imports do not count.
        refused: How often the script caught `Enough` and went on.
    """

    steps: int | None = None
    seconds: float | None = None
    full: bool = False
    give_up: Callable[[], None] | None = None
    started: float | None = None
    refused: int = 0
    _process: int = field(default_factory=os.getpid)

    def reached(self, steps: int, passes: int, *, evaluated: bool) -> bool:
        """Say whether it is time to stop.

        Args:
            steps: Optimizer steps so far.
            passes: Passes over the loader that trains that have ended.
            evaluated: Whether there was an evaluation.
        """
        if self.full or os.getpid() != self._process:
            return False
        now = time.monotonic()
        self.started = now if self.started is None else self.started
        if now - self.started >= (SECONDS if self.seconds is None else self.seconds):
            return True
        if self.steps is not None:
            return steps >= self.steps
        if self.seconds is not None or steps < STEPS:
            return False
        return steps >= _MOST_STEPS * STEPS or (passes >= _PASSES and evaluated)

    def stop(self) -> None:
        """Stop the script.

        Raises:
            Enough: Always.
        """
        self.refused += 1
        if self.refused > _REFUSALS and self.give_up is not None:
            self.give_up()
        raise Enough
