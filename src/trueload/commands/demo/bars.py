"""The demo's live parts: the bars of an epoch and of the processes, and the table of epochs."""

from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from trueload.commands.demo.training import Epoch
from trueload.errors import count

INDENT: Final = 3
QUIET: Final = "dim"


def progress_bar(console: Console, unit: str) -> Progress:
    """Return a bar that goes away when it is done, and does not show up in a file."""
    return Progress(
        TextColumn(" " * INDENT + "{task.description:<12}"),
        BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
        Amount(unit),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Amount(ProgressColumn):
    """How much is done, of how much, and how fast."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Render it for one bar."""
        whole = count(int(task.total or 0))
        done = f" {count(int(task.completed)):>{len(whole)}} of {whole} {self.unit}"
        speed = f"   {count(round(task.speed))}/s" if task.speed else ""
        return Text.assemble(done, (speed, QUIET), no_wrap=True, overflow="ellipsis")


class ProcessBars:
    """A bar for each process; a `Watch`."""

    def __init__(self, progress: Progress, n_batches: int) -> None:
        self.progress = progress
        self.tasks = {
            "calm": progress.add_task("in peace", total=n_batches),
            "killed": progress.add_task("to be killed", total=n_batches),
            "resumed": progress.add_task("resumed", total=n_batches, visible=False),
        }

    def __call__(self, name: str, n_taken: int) -> None:
        """Show how many batches a process has taken."""
        self.progress.update(self.tasks[name], completed=n_taken, visible=True)
        if name == "resumed":
            self.progress.update(self.tasks["killed"], description="killed")


class EpochTable:
    """One line for each epoch that is done, and a bar for the one under way."""

    def __init__(self, progress: Progress, n_epochs: int, n_samples: int) -> None:
        self.progress, self.n_epochs, self.n_samples = progress, n_epochs, n_samples
        self.task = progress.add_task("", total=n_samples)
        ascii_only = progress.console.options.ascii_only
        self.full, self.empty = ("=", ".") if ascii_only else ("━", "·")
        self._print(f"\n[{QUIET}]epoch    loss   accuracy{'':27}samples/s   waiting[/]")

    def begin(self, number: int) -> None:
        """Begin an epoch."""
        self.progress.reset(self.task, description=f"epoch {number} of {self.n_epochs}")

    def advance(self, n_samples: int) -> None:
        """Go on by a batch."""
        self.progress.advance(self.task, n_samples)

    def row(self, number: int, epoch: Epoch, accuracy: float) -> None:
        """Write down an epoch that is done."""
        n_full = round(20 * accuracy)
        bar = f"[cyan]{self.full * n_full}[/][{QUIET}]{self.empty * (20 - n_full)}[/]"
        self._print(
            f"{number:>5}   {epoch.loss:5.3f}   [bold]{accuracy:>8.1%}[/]  {bar}   "
            f"{count(round(epoch.samples_per_second)):>11}   {epoch.waiting:>7.0%}"
        )

    def _print(self, line: str) -> None:
        show(self.progress.console, Padding(line, (0, 0, 0, INDENT)))


def show(console: Console, what: Padding, style: str = "") -> None:
    """Write something; in a file, without the spaces that fill its lines up."""
    if console.is_terminal:
        console.print(what, style=style)
        return
    with console.capture() as written:
        console.print(what, style=style)
    for line in written.get().splitlines():
        console.out(line.rstrip(), highlight=False)
