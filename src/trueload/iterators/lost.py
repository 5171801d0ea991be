"""Word that a batch was lost with its worker for good."""

from itertools import takewhile

from trueload.blame import Blame
from trueload.engine import TOO_LONG, LostError
from trueload.errors import is_ours, render
from trueload.workers.base import StartError
from trueload.workers.crew import KILLED


def told_lost(error: LostError, timeout_seconds: float, *, stream: bool) -> str:
    """Word it; the message begins as torch's does.

    Args:
        error: Which order was lost, and how.
        timeout_seconds: The loader's `timeout`.
        stream: Whether the dataset is iterable.
    """
    lost = error.lost
    blame = Blame(error.order.task, "fetch", row=lost.row, stream=stream)
    killed = lost.reason.startswith(KILLED)
    how = f"is {lost.reason}" if killed else f"exited unexpectedly: {lost.reason}"
    what = f"DataLoader worker (pid {lost.pid}) {how}"
    if lost.reason == TOO_LONG:
        what = f"DataLoader timed out after {timeout_seconds:g} seconds"
    subject = "a batch" if lost.row is None else blame.subject()
    stack = _users_frames(lost.stack)
    facts = [*blame.facts(), *zip(["stack", *[" "] * len(stack)], stack, strict=False)]
    return render(f"{what}, twice, making {subject}", "TL207", facts, _HINT)


def told_unstarted(error: StartError) -> str:
    """Word that a worker that was started anew never began to work."""
    title = "a worker that was started anew ended before it began to work"
    return render(title, "TL212", [("pid", str(error.pid)), ("how", error.reason)], _START_HINT)


def _users_frames(dumped: str) -> list[str]:
    """Give the frames above ours, the last call first, as `faulthandler` has written them."""
    lines = [line.strip() for line in dumped.splitlines()[1:]]
    return list(takewhile(lambda line: not is_ours(line.removeprefix('File "')), lines))


_START_HINT = (
    "read what it printed: a script must not start workers as it is imported, but below "
    '`if __name__ == "__main__":`'
)
_HINT = "make that sample alone, `dataset[index]` in the main process, to see what ends it"
