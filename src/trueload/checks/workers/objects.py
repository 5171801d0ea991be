"""The check `objects-copied`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.errors import count, several
from trueload.evidence import Run
from trueload.evidence.making import Heap
from trueload.findings import Finding, Severity

_MUCH: Final = 0.25


class ObjectsCopied(Check):
    """Workers copy millions of Python objects, as reading one writes to it.

    What it finds: a dataset that holds more than a million Python objects, and is read by forked
    workers. It is a warning where all workers together copy a quarter of the machine's memory.

    Why it matters: whoever reads an object counts a reference to it, and so writes to the page on
    which it lies. A worker that has read them all has a copy of them all: memory grows through the
    epoch, with each worker, until there is none left.

    Example:
        self.paths = [line.strip() for line in file]  # ten million

    Instead:
        self.paths = np.array([line.strip() for line in file])

    When it is wrong: where memory is no concern. How many there are is told from a few.

    Source: https://github.com/pytorch/pytorch/issues/13246
    """

    code = "TL622"
    name = "objects-copied"
    severity = Severity.NOTE

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each place with so many objects."""
        for heap in run.data.making.facts:
            if isinstance(heap, Heap):
                workers = heap.loader.num_workers
                megabytes = count(round(heap.copied_bytes / 1e6))
                yield self.found(
                    f"each of {several(workers, 'worker')} will copy the objects of `{heap.path}`",
                    heap.loader.place,
                    [
                        ("holds", f"a {heap.kind} of {count(heap.length)} {heap.item}"),
                        ("objects", f"about {count(_rough(heap.objects))}"),
                        ("memory", f"about {megabytes} MB more in each worker"),
                    ],
                    hint="hold arrays instead, or `trueload.pack(...)` of it: it reads like a list",
                    severity=Severity.WARNING if heap.share >= _MUCH else Severity.NOTE,
                )


def _rough(number: int) -> int:
    return int(float(f"{number:.1e}"))
