"""No test here leaves a process, a descriptor, a mapping or shared memory behind."""

from multiprocessing import forkserver, resource_tracker

import pytest

from tests.leftovers import leaves_nothing, many_workers  # noqa: F401 - they serve by being here


@pytest.fixture(scope="session", autouse=True)
def _tracker():
    """Start what `multiprocessing` itself starts once for "spawn" and "forkserver", and keeps.

    The tests of `trueload check` fork their scripts from the same server, which has torch loaded.
    """
    resource_tracker.ensure_running()
    forkserver.set_forkserver_preload(["tests.sanitizer.template"])
    forkserver.ensure_running()
