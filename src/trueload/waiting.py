"""Wait for a descriptor: `select` would refuse those from 1,024 on."""

import select


def is_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait at most so many seconds, `None` for ever, until it can be read; say whether it can."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(seconds, 0.0) * 1000))
