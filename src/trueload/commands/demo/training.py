"""Train the demo's network: the loaders, one step, one epoch, and what can be saved of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from trueload import DataLoader
from trueload.commands.demo import network
from trueload.commands.demo.dataset import Pictures, augment, prepare

BATCH_SIZE: Final = 64
LEARNING_RATE: Final = 6e-3

Batch = list[Tensor]


def training_loader(folder: Path, *, workers: int, seed: int) -> DataLoader:
    """Return the loader that all of the demo is about."""
    return DataLoader(
        Pictures(folder),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=workers,
        transform=augment,
        seed=seed,
        rng="batch",
    )


def held_out_loader(folder: Path) -> DataLoader:
    """Return a loader of the held-out pictures, in their order and without augmentation."""
    return DataLoader(Pictures(folder), batch_size=256, transform=prepare)


class Learner:
    """The network with its optimizer and the schedule of its learning rate.

    Args:
        n_steps: How many batches the whole training has.
        seed: What the first weights are drawn from.
    """

    def __init__(self, n_steps: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.network = network.build()
        self.optimizer = AdamW(self.network.parameters(), LEARNING_RATE)
        self.schedule = OneCycleLR(self.optimizer, LEARNING_RATE, total_steps=n_steps)

    def step(self, batch: Batch) -> float:
        """Learn from one batch and return its loss."""
        pictures, labels, _ = batch
        self.network.train()
        loss = cross_entropy(self.network(pictures), labels, label_smoothing=0.05)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    @torch.inference_mode()
    def accuracy(self, loader: DataLoader) -> float:
        """Return the share of pictures whose digit is recognized."""
        self.network.eval()
        right = torch.cat(
            [self.network(pictures).argmax(1) == labels for pictures, labels, _ in loader]
        )
        return right.float().mean().item()

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on learning as if nothing had happened."""
        return {name: part.state_dict() for name, part in vars(self).items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was saved."""
        for name, part in vars(self).items():
            part.load_state_dict(state[name])


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to.

    Attributes:
        loss: Mean loss over its batches.
        samples_per_second: Samples learned from, over all of the epoch's time.
        waiting: Share of that time in which the loop waited for a batch, in [0, 1].
    """

    loss: float
    samples_per_second: float
    waiting: float


def train_epoch(learner: Learner, loader: DataLoader, taken: Callable[[int], object]) -> Epoch:
    """Train for one epoch.

    Args:
        learner: Learns from each batch.
        loader: Gives the batches.
        taken: Called after each batch with the number of its samples.
    """
    losses, n_samples, waited_seconds = [], 0, 0.0
    begun = asked = time.perf_counter()
    for batch in loader:
        waited_seconds += time.perf_counter() - asked
        losses.append(learner.step(batch))
        n_samples += len(batch[0])
        taken(len(batch[0]))
        asked = time.perf_counter()
    seconds = time.perf_counter() - begun
    return Epoch(sum(losses) / len(losses), n_samples / seconds, waited_seconds / seconds)
