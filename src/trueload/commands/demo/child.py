"""The process that trains one epoch and may be killed at any moment.

Run as `python -m trueload.commands.demo.child PLAN`. It goes on from a saved training, saves
its own every few batches as any careful script does, and writes down which samples it took.
It knows nothing of being killed and does nothing about it.
"""

import json
import sys
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import torch

from trueload import DataLoader
from trueload.commands.demo.proof import Record
from trueload.commands.demo.training import Batch, Learner, training_loader

SAVE_EVERY: Final = 5
"""Batches between two saved states."""


@dataclass(frozen=True)
class Plan:
    """What a child has to do; sent to it as a JSON file.

    Attributes:
        pictures: Folder of the training pictures.
        saved: The saved training to go on from.
        folder: Where this child saves its own training and its records.
        workers: Worker processes of its loader.
        seed: Seed of its loader.
        n_steps: How many batches the whole training has.
    """

    pictures: str
    saved: str
    folder: str
    workers: int
    seed: int
    n_steps: int

    @property
    def records(self) -> Path:
        """The file that has one line for each batch that was taken."""
        return Path(self.folder, "records.jsonl")

    @property
    def saving(self) -> Path:
        """The file that the training is saved to, again and again."""
        return Path(self.folder, "training.pt")

    def write(self) -> Path:
        """Write the plan into its folder, and return the file."""
        path = Path(self.folder, "plan.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` has written."""
        return cls(**json.loads(path.read_text()))


def save(path: Path, learner: Learner, loader: DataLoader, n_batches: int) -> None:
    """Save the training so that a kill leaves the last one or this one, never half of one.

    Args:
        path: The file to replace.
        learner: What has learned.
        loader: What knows which batch comes next.
        n_batches: Batches taken in this epoch, counted by us and not by the loader.
    """
    state = {"learner": learner.state_dict(), "loader": loader.state_dict(), "batches": n_batches}
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` has written."""
    return torch.load(path, weights_only=True)


def train(plan: Plan) -> None:
    """Train to the end of the epoch."""
    # With one thread, sums are added up in one order, so that weights can be compared bit for bit.
    torch.set_num_threads(1)
    learner = Learner(plan.n_steps, plan.seed)
    loader = training_loader(Path(plan.pictures), workers=plan.workers, seed=plan.seed)
    state = load(Path(plan.saved))
    learner.load_state_dict(state["learner"])
    loader.load_state_dict(state["loader"])
    n_batches = state["batches"]
    with plan.records.open("a") as records:
        for batch in loader:
            record = record_of(batch)
            learner.step(batch)
            n_batches += 1
            records.write(record.to_line())
            records.flush()
            if n_batches % SAVE_EVERY == 0:
                save(plan.saving, learner, loader, n_batches)
    save(plan.saving, learner, loader, n_batches)


def record_of(batch: Batch) -> Record:
    """Write down which samples a batch has, and a digest of every bit, dtype and shape in it."""
    digest = blake2b(digest_size=16)
    for tensor in batch:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    _, _, indices = batch
    return Record(tuple(indices.tolist()), digest.hexdigest())


if __name__ == "__main__":
    train(Plan.read(Path(sys.argv[1])))
