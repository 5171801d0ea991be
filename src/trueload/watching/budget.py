"""How much time may go into looking after memory."""

import time

FIRST_SECONDS = 0.01
_FIRST_SECONDS_TO_EXPLAIN = 2.0
"""How much more time may go into it at first."""

_PARTS_TO_LOOK, _PARTS_TO_EXPLAIN = 0.5, 5.0
"""How many times the guard's share of the time each may take."""


class Budget:
    """How much time may go into looking, and into explaining what was seen.

    Args:
        share: The guard's share of the time.
        first_seconds: How much more may go into looking at first.

    Attributes:
        share: The guard's share of the time.
        spent_seconds: How much has gone into both.
    """

    def __init__(self, share: float = 0.01, first_seconds: float = FIRST_SECONDS) -> None:
        self.share, self.spent_seconds = share, 0.0
        self._since = time.perf_counter()
        self._look_seconds, self._explain_seconds = first_seconds, _FIRST_SECONDS_TO_EXPLAIN

    def allows(self, now: float) -> bool:
        """Say whether there may be a look now, by `time.perf_counter`."""
        passed, self._since = now - self._since, now
        self._look_seconds += passed * self.share * _PARTS_TO_LOOK
        self._explain_seconds += passed * self.share * _PARTS_TO_EXPLAIN
        return self._look_seconds > 0 and self._explain_seconds > 0

    def spend(self, look_seconds: float, explain_seconds: float = 0.0) -> None:
        """Put down what was spent."""
        self._look_seconds -= look_seconds
        self._explain_seconds -= explain_seconds
        self.spent_seconds += look_seconds + explain_seconds
