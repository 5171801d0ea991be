"""Everything that the demo shows: live on a terminal, plain lines in a file or a pipe.

All is readable without color, and `NO_COLOR` is respected.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trueload.commands.blocks import can_show
from trueload.commands.demo.bars import INDENT, QUIET, EpochTable, ProcessBars, progress_bar, show
from trueload.commands.demo.pictures import Written
from trueload.commands.demo.proof import Proof
from trueload.commands.demo.resume import Watch
from trueload.commands.demo.thumbnails import thumbnails
from trueload.errors import count

WIDTH: Final = 78
"""Characters in a line, at most."""

GOOD, BAD = "bold green", "bold red"

EXAMPLE: Final = """\
from trueload import DataLoader        # takes every argument of torch's

loader = DataLoader(dataset, batch_size=64, transform=augment, seed=0)
for batch in loader.endless(steps=500):
    ...                                # loader.taken.indices: its samples
torch.save(loader.state_dict(), path)  # load_state_dict goes on from here"""


class Screen:
    """Where the story is told.

    Args:
        console: Where to write; by default to the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(highlight=False)
        console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
        self.console = console

    def title(self) -> None:
        """Say what this is."""
        self.console.print("[bold]trueload demo[/]  real pictures, a real training, a real crash")

    def act(self, number: int, title: str) -> None:
        """Begin an act."""
        self.console.print(f"\n[bold cyan]{number}[/]  [bold]{title}[/]")

    def say(self, text: str, style: str = "") -> None:
        """Write a paragraph."""
        self._print(text, style=style)

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Show that something is going on."""
        if not self.console.is_terminal:
            return nullcontext()
        return self.console.status(f"{what} ...", spinner="dots")

    def pictures(self, written: Written) -> None:
        """Show what the pictures are, and on a terminal with colors some of them."""
        if can_show(self.console):
            room = self.console.width - INDENT
            self._print(thumbnails(written.training, room), above=1, below=1)
        megabytes = written.size_bytes / 1e6
        self.say(
            f"{count(written.n_training)} pictures to learn from: handwritten digits in front of "
            f"photographs,\nand {count(written.n_held_out)} held out: other digits in front of "
            f"other photographs.\n{megabytes:.0f} MB of JPEG and PNG, made of what installed "
            "packages ship; no download."
        )

    @contextmanager
    def epochs(self, n_epochs: int, workers: int, n_samples: int) -> Iterator[EpochTable]:
        """Show the training epoch by epoch."""
        self.say(
            f"Each batch is decoded and augmented afresh, with {_workers(workers)}. `waiting` is "
            "the share of time in which the loop waited for a batch."
        )
        with progress_bar(self.console, "samples") as progress:
            yield EpochTable(progress, n_epochs, n_samples)

    def stage(self, epoch: int, workers: int, workers_resumed: int) -> None:
        """Say what is going to happen."""
        self.say(
            f"Epoch {epoch} is trained by a process of its own that saves model and loader every "
            "few batches. It is killed (SIGKILL) at a batch nobody chose. A new process goes on "
            f"from its last saved state, with {_workers(workers_resumed)} instead of {workers}. "
            "A third process trains the same epoch in peace, to compare with."
        )

    @contextmanager
    def processes(self, n_batches: int) -> Iterator[Watch]:
        """Show how far each process is."""
        self.console.print()
        with progress_bar(self.console, "batches") as progress:
            yield ProcessBars(progress, n_batches)

    def proof(self, proof: Proof, pids: tuple[int, int], *, same_weights: bool) -> None:
        """Show what the records say."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(min_width=46)
        table.add_column(justify="right", min_width=7)
        table.add_column(style=QUIET)
        for row in _history(proof, pids):
            table.add_row(*row)
        table.add_row()
        for good, *row in _checks(proof, same_weights=same_weights):
            table.add_row(*row, style=GOOD if good else BAD)
        self._print(table, below=1)

    def verdict(self, accuracy: float, epoch: int, *, holds: bool) -> None:
        """Say whether the proof holds."""
        if holds:
            self.say("PROVED: every sample once, every batch the same to the last bit", GOOD)
        else:
            self.say("NOT PROVED: the resumed epoch is not the epoch that would have been", BAD)
        self.say(f"accuracy after epoch {epoch}, killed and resumed: {accuracy:.1%}")

    def closing(self, kept: Path | None) -> None:
        """Say what to do next."""
        self.act(4, "Yours")
        code = Text(EXAMPLE)
        code.highlight_regex("#.*", QUIET)
        self._print(code, below=1)
        if kept is None:
            self.say("pictures and records were removed again")
        else:
            self.say("pictures and records are in")
            self.console.print(" " * INDENT + escape(str(kept)), soft_wrap=True)

    def _print(self, what: Any, *, style: str = "", above: int = 0, below: int = 0) -> None:
        show(self.console, Padding(what, (above, 0, below, INDENT), expand=False), style)


def _workers(number: int) -> str:
    return {0: "no workers", 1: "1 worker"}.get(number, f"{number} workers")


def _history(proof: Proof, pids: tuple[int, int]) -> list[tuple[str, str, str]]:
    """Say what happened: a name, a number and what it is measured by."""
    killed, resumed = pids
    together = count(proof.kept + proof.resumed)
    return [
        (f"killed process {killed}: after batch", count(proof.killed_at), _of(proof.batches)),
        ("  samples up to its last saved state", count(proof.kept), ""),
        ("  samples after that, lost with it", count(proof.lost), "to be made again"),
        (f"resumed process {resumed}: samples", count(proof.resumed), ""),
        ("together", together, _of(proof.expected)),
    ]


def _checks(proof: Proof, *, same_weights: bool) -> list[tuple[bool, str, str, str]]:
    """Say what had to hold, whether it does, and by which number."""
    different, weights = count(proof.different), "same" if same_weights else "differ"
    return [
        (not proof.repeated, "samples repeated", count(proof.repeated), ""),
        (not proof.missed, "samples missed", count(proof.missed), ""),
        (not proof.different, "batches with different bits", different, _of(proof.batches)),
        (same_weights, "network's weights at the end", weights, "as in peace"),
    ]


def _of(whole: int) -> str:
    return f"of {count(whole)}"
