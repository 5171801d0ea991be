"""No fault leaves a process, a descriptor, a mapping or shared memory behind."""

from tests.leftovers import leaves_nothing, many_workers  # noqa: F401 - they serve by being here
