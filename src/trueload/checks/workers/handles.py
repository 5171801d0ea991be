"""The check `handle-shared`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.source import assignment
from trueload.evidence import Run
from trueload.evidence.making import Handle
from trueload.findings import Finding, Severity


class HandleShared(Check):
    """A file, a connection or a thread that was opened before the workers were forked.

    What it finds: what the dataset holds open and its workers use: files that are read at a
    position, pipes, sockets, connections to databases, pools and threads. What was measured to be
    harmless is not meant, such as HDF5 on a local file, or selects of SQLite.

    Why it matters: a forked worker has the same file as all others, and one position in it. Each
    reads where another one has left off: records are mixed, and nothing says so. Of a connection,
    workers take one another's answers. The threads of a pool are not in the worker at all.

    Example:
        def __init__(self, path):
            self.archive = zipfile.ZipFile(path)

    Instead:
        def __getitem__(self, index):
            if self.archive is None:
                self.archive = zipfile.ZipFile(self.path)

    When it is wrong: where the file is opened anew in a worker in a way that its code does not
    name. Datasets that ask for their process or worker are not meant, nor what a `worker_init_fn`
    names.

    Source: https://github.com/pytorch/pytorch/issues/11887; fork(2), on open file descriptions.
    """

    code = "TL620"
    name = "handle-shared"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each thing that does not survive a fork."""
        for fact in run.data.making.facts:
            if isinstance(fact, Handle):
                loader = fact.loader
                yield self.found(
                    f"`{fact.path}` does not work in workers: {fact.happens}",
                    assignment(run, fact.attribute) or loader.place,
                    [
                        ("is", f"a {fact.kind}" + (f", {fact.detail}" if fact.detail else "")),
                        ("type", fact.type),
                        ("workers", f"{loader.num_workers}, forked at {loader.place.short}"),
                    ],
                    hint=fact.hint,
                )
