"""Long runs leave no process, descriptor, mapping or shared memory behind either."""

from tests.leftovers import leaves_nothing, many_workers  # noqa: F401 - they serve by being here
