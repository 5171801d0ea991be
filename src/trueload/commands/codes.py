"""The exit codes of every command."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says."""

    CLEAN = 0
    FOUND = 1
    WRONG_USE = 2
    FAILED = 3
    INTERRUPTED = 130
