"""Tell the demo's story in four acts: pictures, training, crash, and what to do next."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from trueload.commands.codes import Exit
from trueload.commands.demo import pictures
from trueload.commands.demo.child import Plan, load, save
from trueload.commands.demo.resume import Crash, Drama
from trueload.commands.demo.screen import Screen
from trueload.commands.demo.training import Learner, held_out_loader, train_epoch, training_loader

CACHE: Final = "TORCHINDUCTOR_CACHE_DIR"


@dataclass(frozen=True)
class Options:
    """What can be chosen on the command line.

    Attributes:
        epochs: Epochs of the whole training; the last one is the one that is killed.
        workers: Worker processes of the loader.
        seed: Seed of the pictures, of the order and of the network.
        keep: Folder to leave everything in; None for a temporary one.
        quick: Whether to use few pictures.
    """

    epochs: int
    workers: int
    seed: int
    keep: Path | None
    quick: bool


def tell(options: Options, screen: Screen | None = None) -> int:
    """Tell the story, and give the exit code."""
    screen = screen or Screen()
    # The network is small, and the cores are the workers' too: threads that wait for one another
    # on busy cores take up to ten times as long as one thread.
    torch.set_num_threads(1)
    with _ended_cleanly(), _folder(options.keep) as folder:
        screen.title()
        written = _show_pictures(options, folder, screen)
        learner = _train(options, folder, written, screen)
        crash = _crash(options, folder, written, screen)
        learner.load_state_dict(load(crash.saved)["learner"])
        accuracy = learner.accuracy(held_out_loader(written.held_out))
        screen.proof(crash.proof, crash.pids, same_weights=crash.same_weights)
        screen.verdict(accuracy, options.epochs, holds=crash.holds)
    screen.closing(options.keep)
    return Exit.CLEAN if crash.holds else Exit.FOUND


def _show_pictures(options: Options, folder: Path, screen: Screen) -> pictures.Written:
    screen.act(1, "Real pictures")
    amount = {"variants": 2, "limit": 600} if options.quick else {}
    with screen.busy("writing pictures"):
        written = pictures.write(folder, options.seed, **amount)
    screen.pictures(written)
    return written


def _train(options: Options, folder: Path, written: pictures.Written, screen: Screen) -> Learner:
    """Train for all epochs but the last, and save where the training stands."""
    screen.act(2, "Training")
    loader = training_loader(written.training, workers=options.workers, seed=options.seed)
    held_out = held_out_loader(written.held_out)
    learner = Learner(options.epochs * len(loader), options.seed)
    with screen.epochs(options.epochs, options.workers, written.n_training) as table:
        for number in range(1, options.epochs):
            table.begin(number)
            epoch = train_epoch(learner, loader, taken=table.advance)
            table.row(number, epoch, learner.accuracy(held_out))
    save(folder / "training.pt", learner, loader, n_batches=0)
    return learner


def _crash(options: Options, folder: Path, written: pictures.Written, screen: Screen) -> Crash:
    """Train the last epoch in processes, one of which is killed."""
    screen.act(3, "A crash")
    other_workers = 0 if options.workers else 2
    screen.stage(options.epochs, options.workers, other_workers)
    n_batches = len(training_loader(written.training, workers=0, seed=options.seed))
    plan = Plan(
        pictures=str(written.training),
        saved=str(folder / "training.pt"),
        folder=str(folder / "crash"),
        workers=options.workers,
        seed=options.seed,
        n_steps=options.epochs * n_batches,
    )
    with screen.processes(n_batches) as watch:
        return Drama(plan, written.n_training, n_batches, watch).play(other_workers)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Give the folder to be kept, or a temporary one that is removed at the end."""
    with TemporaryDirectory(prefix="trueload-demo-") as temporary, _caches_in(temporary):
        if keep is None:
            yield Path(temporary)
        else:
            keep.mkdir(parents=True, exist_ok=True)
            yield keep.resolve()


@contextmanager
def _caches_in(folder: str) -> Iterator[None]:
    """Let torch, which with the first optimizer makes a cache for its compiler, make it here."""
    before = os.environ.get(CACHE)
    os.environ[CACHE] = str(Path(folder, "torch"))
    try:
        yield
    finally:
        del os.environ[CACHE]
        if before is not None:
            os.environ[CACHE] = before


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end us as Ctrl-C does: with all cleaned up."""
    both = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    ours = {number for number in both if signal.getsignal(number) == signal.SIG_DFL}
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
