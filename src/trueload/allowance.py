"""How much time may go into what is done besides making batches: a share of all time."""

_MOST_SECONDS = 0.1
_LONGEST_SECONDS = 0.02
"""A longer pause, as for a validation, counts as so long."""


class Allowance:
    """Time that may be spent on looking at what is made.

    Args:
        first_seconds: How much there is at first.
    """

    def __init__(self, first_seconds: float) -> None:
        self._seconds = first_seconds
        self._since: float | None = None

    def allows(self, now: float, share: float) -> bool:
        """Say whether something may be done.

        Args:
            now: By `time.perf_counter`.
            share: How much of the time since the last question may be spent.
        """
        since, self._since = self._since, now
        if since is not None:
            passed = min(now - since, _LONGEST_SECONDS)
            self._seconds = min(self._seconds + passed * share, _MOST_SECONDS)
        return self._seconds > 0 and share > 0

    def use_up(self) -> None:
        """Leave nothing of what there was at first, as others have a copy of it."""
        self._seconds = min(self._seconds, 0.0)

    def spend(self, seconds: float) -> None:
        """Put down what was spent."""
        self._seconds -= seconds
