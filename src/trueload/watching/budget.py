"""How much time may go into looking after memory: a share of that in which samples are made."""

FIRST_SECONDS, FIRST_SECONDS_PLAIN = 0.005, 0.01
_FIRST_SECONDS_TO_EXPLAIN = 2.0
"""How much more time may go into it at first."""

_MOST_SECONDS = 0.05
"""How much may be saved up."""

_BESIDE_SECONDS = 5e-6
"""What a look costs besides what is measured of it."""

_PARTS_TO_EXPLAIN = 5.0
"""How many times the guard's share of the time may go into explaining what was seen."""


class Budget:
    """How much time may go into looking, and into explaining what was seen.

    Args:
        share: The guard's share of the time.
        first_seconds: How much more may go into looking at first.
        part: How much of the guard's share may go into looking here.

    Attributes:
        share: The guard's share of the time.
        spent_seconds: How much has gone into both.
    """

    def __init__(
        self, share: float = 0.01, first_seconds: float = FIRST_SECONDS, part: float = 0.2
    ) -> None:
        self.share, self.spent_seconds, self._part = share, 0.0, part
        self._look_seconds, self._explain_seconds = first_seconds, _FIRST_SECONDS_TO_EXPLAIN

    def use_up(self) -> None:
        """Give up what there is at first: somebody else has had it."""
        self._look_seconds = min(self._look_seconds, 0.0)
        self._explain_seconds = min(self._explain_seconds, 0.0)

    def earn(self, seconds: float) -> None:
        """Take the share of the time that making samples took."""
        share = seconds * self.share
        self._look_seconds = min(self._look_seconds + share * self._part, _MOST_SECONDS)
        explaining = self._explain_seconds + share * _PARTS_TO_EXPLAIN
        self._explain_seconds = min(explaining, _FIRST_SECONDS_TO_EXPLAIN)

    def allows(self, ahead_seconds: float = 0.0) -> bool:
        """Say whether there may be a look now.

        Args:
            ahead_seconds: How much may be spent ahead.
        """
        return self._look_seconds > -ahead_seconds and self._explain_seconds > 0

    def spend(self, look_seconds: float, explain_seconds: float = 0.0) -> None:
        """Put down what was spent."""
        look_seconds += _BESIDE_SECONDS
        self._look_seconds -= look_seconds
        self._explain_seconds -= explain_seconds
        self.spent_seconds += look_seconds + explain_seconds


class Experience:
    """What is known of a dataset from earlier epochs, and how much time may still be spent.

    Attributes:
        arrays: For looking at arrays.
        plain: For looking at what else the dataset holds.
        doubts: How often something was written to without harm, by its name.
    """

    def __init__(self) -> None:
        self.arrays, self.plain = Budget(), Budget(first_seconds=FIRST_SECONDS_PLAIN, part=0.1)
        self.doubts: dict[str, int] = {}

    def take_share(self, share: float) -> None:
        """Let looking take the guard's share of the time from now on."""
        self.arrays.share = self.plain.share = share

    def earn(self, seconds: float) -> None:
        """Take the share of the time that making samples took."""
        self.arrays.earn(seconds)
        self.plain.earn(seconds)

    def use_up(self) -> None:
        """Give up what there is at first: somebody else has had it."""
        self.arrays.use_up()
        self.plain.use_up()
