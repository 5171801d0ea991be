"""The check `memmap-writable`."""

from collections.abc import Iterator
from pathlib import Path

from trueload.checks.base import Check
from trueload.checks.memory.dataset_mutated import evidence_of
from trueload.evidence import Run
from trueload.findings import Finding, Severity


class WritableMemmap(Check):
    """A file of data is mapped into memory so that a write to an array changes the file.

    What it finds: reading a sample that writes to an array which is a file, as `np.memmap` opens
    it by default (`mode="r+"`). That it may be written to and is not is a note.

    Why it matters: the data on the disk are changed for good, for this run and for all others, and
    for other workers at once.

    Example:
        self.images = np.memmap("images.bin", dtype="float32", shape=(60000, 28, 28))

    Instead:
        self.images = np.memmap("images.bin", dtype="float32", shape=(60000, 28, 28), mode="r")

    When it is wrong: where the file is meant to be written to, as a cache is.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.memmap.html
    """

    code = "TL304"
    name = "memmap-writable"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield an error for each line that writes to a file, and a note for each that may be."""
        memory = run.data.memory
        for changed in memory.changed:
            if changed.file and not changed.counts:
                yield self.found(
                    f"`__getitem__` writes to the file `{Path(changed.file).name}`: sample "
                    f"{changed.index} differs between two reads",
                    changed.place or changed.loader.place,
                    [("file", changed.file), *evidence_of(changed)],
                    hint='open it with `mode="r"`, or `mode="c"` to keep changes to one process',
                )
        written = {changed.file for changed in memory.changed}
        told: set[tuple[str, str]] = set()
        for mapped in memory.mapped:
            if mapped.file in written or (mapped.path, mapped.file) in told:
                continue
            told.add((mapped.path, mapped.file))
            yield self.found(
                f"whoever writes to `{mapped.path}` changes the file `{Path(mapped.file).name}`",
                mapped.loader.place,
                [("file", mapped.file), ("dataset", mapped.loader.dataset)],
                hint='open it with `mode="r"`, as nothing was seen to write to it',
                severity=Severity.NOTE,
            )
