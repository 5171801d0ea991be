"""What each rank reads of an order: pure arithmetic, the same on every rank, from any position on.

A step is one batch on every rank. It takes the next samples of the order, and the ranks take turns
at them: so whatever the number of ranks, the steps taken so far have read a beginning of the order
without a gap, and any other number of ranks can go on from there. Every rank takes the same
number of steps, since a rank that is done early would leave the others waiting for its gradients.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Even = Literal["drop", "pad"]


class Step(NamedTuple):
    """What one step takes from an order, and what one rank gets of it.

    Attributes:
        taken: How many samples all ranks together take.
        rows: This rank's, counted from the beginning of the step. Those beyond what is left of the
            order begin again with its first ones.
        real: How many of the rows count: fewer than all where samples are repeated, so that a rank
            has a batch at all.
    """

    taken: int
    rows: range
    real: int


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of whatever there is.

    Args:
        rank: From 0 to `world_size - 1`.
        world_size: How many ranks there are.
        even: What makes the ranks' parts equally long: "drop" leaves out the last samples, "pad"
            begins again with the first ones, as torch's DistributedSampler; `None` lets them
            differ by one.

    Raises:
        ValueError: The rank is out of range, or `even` none of these.
    """

    rank: int = 0
    world_size: int = 1
    even: Even | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            known = f"0..{self.world_size - 1}"
            message = f"the rank of {self.world_size} must be in {known}, got {self.rank}"
            raise ValueError(message)
        if self.even not in (None, "drop", "pad"):
            message = f"even must be 'drop', 'pad' or None, got {self.even!r}"
            raise ValueError(message)

    def step(self, left: int, batch_size: int, *, drop_last: bool = False) -> Step | None:
        """Give the next step, or `None` where there is none.

        It depends on nothing but what is left, so that it does not matter who took the rest.
        Where the samples of the last step would not go round, the step before leaves some to it.
        Where even that is not possible, a rank without a sample gets one that another has.

        Args:
            left: How many samples of the order are left; if there are more than two steps' worth,
                it may also be any number above that.
            batch_size: Samples a batch.
            drop_last: Whether a step is left out in which a batch would not be full.
        """
        ranks, full = self.world_size, self.world_size * batch_size
        there = left - left % ranks if self.even == "drop" else left
        padded = there + (-there % ranks if self.even == "pad" else 0)
        if padded <= 0 or (drop_last and padded < full):
            return None
        total, rest = min(padded, full), padded - full
        if 0 < rest < ranks and batch_size > 1 and not drop_last:
            total = padded - ranks
        rows = range(self.rank, total, ranks)
        if not rows:
            again = self.rank % total
            return Step(total, range(again, again + 1), 0)
        taken = min(total, there)
        return Step(taken, rows, len(range(self.rank, taken, ranks)))

    def steps(self, count: int, batch_size: int, *, drop_last: bool = False) -> int:
        """Give how many steps a whole order of so many samples takes."""
        each = count // self.world_size
        if self.even != "drop" and not (drop_last and self.even is None):
            each = -(-count // self.world_size)
        return each // batch_size if drop_last else -(-each // batch_size)
