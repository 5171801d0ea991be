"""torchdata's `StatefulDataLoader`: our loader has its state, so it takes its place."""

from typing import Any

from trueload.loader import DataLoader


class StatefulDataLoader(DataLoader):
    """Our loader with the one argument that torchdata's adds to torch's.

    Args:
        args: As for `DataLoader`.
        snapshot_every_n_steps: Accepted and not needed: a state of ours costs microseconds, so
            it is made when it is asked for.
        kwargs: As for `DataLoader`.
    """

    def __init__(self, *args: Any, snapshot_every_n_steps: int | None = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.snapshot_every_n_steps = snapshot_every_n_steps
