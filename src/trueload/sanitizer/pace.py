"""How closely to look, and when: so that looking takes no more than a share of the run's time.

The first steps are looked at in detail whatever it costs, and those at powers of two. In between,
a look is taken where it can be afforded: where all that the instruments have cost so far is no
more than a share of the time that the script took itself. A look lasts for as many steps as there
are optimizers, so that none of several that take turns is passed over. Only what makes something
infinite is looked for in each of the first losses, since it cannot be found later.

What is looked at may thus differ from run to run, but nothing is concluded from what was not
looked at.
"""

import time
from dataclasses import dataclass
from typing import Final

_MOST_BACKWARDS: Final = 64


@dataclass(slots=True)
class Pace:
    """Decides when to look.

    Attributes:
        first: How many steps are looked at in any case.
        most: How many are looked at in all, but for those at powers of two.
        share: How much the instruments may cost, as a part of the time that the script itself
            takes.
        spent_seconds: What they have cost since the first step.
        scanned: How many steps are looked through for what makes something infinite.
        detailed: Whether values and graphs are looked at now.
        scans: Whether the losses of this step are looked through so.
    """

    first: int = 16
    most: int = 64
    share: float = 0.2
    scanned: int = 64
    spent_seconds: float = 0.0
    detailed: bool = True
    scans: bool = True
    _began: float | None = None
    _looks: int = 0
    _left: int = 0
    _backwards: int = 0

    def stepped(self, steps: int, optimizers: int) -> None:
        """Decide about the next step.

        Args:
            steps: How many steps there have been.
            optimizers: How many optimizers made them.
        """
        self._backwards = 0
        self.scans = steps < self.scanned
        if self._began is None:  # the first step of an optimizer imports half of torch's compiler
            self._began, self.spent_seconds = time.perf_counter(), 0.0
        self._looks += self.detailed
        if steps < self.first:
            self.detailed = True
            return
        self._left -= 1
        due = steps & (steps - 1) == 0 or (self._looks < self.most and self.is_affordable())
        if self._left <= 0 and due:
            self._left = optimizers
        self.detailed = self._left > 0

    def went_back(self) -> None:
        """Note a backward pass; after very many without a step, no more is looked at."""
        self._backwards += 1
        if self._backwards > _MOST_BACKWARDS:
            self.detailed = self.scans = False

    def is_affordable(self) -> bool:
        """Say whether the instruments have cost less than their share."""
        if self._began is None:
            return True
        own = time.perf_counter() - self._began - self.spent_seconds
        return self.spent_seconds <= self.share * own
