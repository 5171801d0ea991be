"""Run programs as a user does, and see what they leave behind."""

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

PATIENCE_SECONDS = 10.0
MARK = "TRUELOAD_TEST_MARK"
"""A variable that all processes of a program inherit, by which they are found again."""


def environment(**more):
    """Give an environment in which what is shown depends on nothing of this machine."""
    left_out = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "COLUMNS": "80", MARK: uuid4().hex, **more}


def python(*arguments, **options):
    """Run Python with these arguments."""
    options = {"env": environment(), "stdin": subprocess.DEVNULL, **options}
    if "input" in options:
        del options["stdin"]
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def trueload(*arguments, **options):
    """Run `trueload` with these arguments."""
    return python("-m", "trueload", *arguments, **options)


def told(done):
    """Give all that a program shows: its exit code, its output and its errors."""
    return done.returncode, done.stdout, done.stderr


def still_running(mark):
    """Give the processes that carry a mark."""
    wanted = f"{MARK}={mark}".encode()
    return [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/environ")
        if wanted in _variables(path)
    ]


def _variables(path):
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


def ends_soon(condition):
    """Say whether a condition comes true before patience ends."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
