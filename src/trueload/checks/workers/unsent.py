"""The check `unpicklable-dataset`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.source import assignment
from trueload.evidence import Run
from trueload.evidence.making import Unsent
from trueload.findings import Finding, Severity


class UnpicklableDataset(Check):
    """Something in the dataset cannot be sent to workers that are started anew.

    What it finds: the attribute that could not be pickled, as workers were to be started by `spawn`
    or `forkserver`.

    Why it matters: what is raised tells the type and not where it is. From Python 3.14 on,
    `forkserver` is the default on Linux, so that a dataset that was never pickled before must be.

    Example:
        self.transform = lambda image: image / 255

    Instead:
        def scale(image):
            return image / 255

        self.transform = scale

    When it is wrong: never, as it was tried.

    Source: https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled
    """

    code = "TL621"
    name = "unpicklable-dataset"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each thing that could not be sent."""
        for fact in run.data.making.facts:
            if isinstance(fact, Unsent):
                place = fact.place or assignment(run, fact.attribute) or fact.loader.place
                yield self.found(
                    f"`{fact.path}` cannot be sent to workers that are started anew",
                    place,
                    [
                        ("type", fact.type),
                        ("raises", fact.error.splitlines()[0]),
                        ("start", fact.start),
                        ("loader", f"made at {fact.loader.place.short}"),
                    ],
                    hint="make it in the worker, or leave it out by `__getstate__`; "
                    "functions and classes must stand at the top of a module",
                )
