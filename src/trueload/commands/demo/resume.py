"""Kill a training in mid-epoch, resume it in a new process, and collect what both wrote down.

Three processes train the same epoch: one in peace, one that is killed at a batch nobody chose,
and one that goes on from what the killed one had saved. All three end with this module's `with`
block, however that is left.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Final, Self

import torch

from trueload.commands.demo.child import SAVE_EVERY, Plan, load
from trueload.commands.demo.proof import Proof, prove, read

POLL_SECONDS: Final = 0.005
ATTEMPTS: Final = 5
"""How often to try to be quick enough to kill a process before it is done."""

Watch = Callable[[str, int], object]
"""Called with `calm`, `killed` or `resumed` and how many batches that process has taken."""


class ChildError(RuntimeError):
    """A process ended in another way than it was meant to."""


@dataclass
class Child:
    """A process that trains an epoch."""

    plan: Plan
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, plan: Plan) -> Self:
        """Start it in a process group of its own, so that Ctrl-C comes to us alone."""
        path = plan.write()
        with Path(plan.folder, "stderr.txt").open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "trueload.commands.demo.child", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        return cls(plan, process)

    def taken(self) -> int:
        """Count the batches that it has taken."""
        try:
            return self.plan.records.read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def is_running(self) -> bool:
        """Tell whether it is running still.

        Raises:
            ChildError: It has failed.
        """
        code = self.process.poll()
        if code:
            told = Path(self.plan.folder, "stderr.txt").read_text(errors="replace")
            message = f"a training process ended with exit code {code}\n{told[-4000:]}"
            raise ChildError(message)
        return code is None

    def kill(self) -> None:
        """Kill the process, and only this one: its workers have to notice by themselves."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Leave nothing of it or of its workers."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.kill()


@dataclass(frozen=True)
class Crash:
    """What came of it.

    Attributes:
        proof: What the records say.
        same_weights: Whether the network is, bit for bit, the one of the uninterrupted epoch.
        saved: The training as the resumed process left it.
        pids: Process ids of the killed and of the resumed process.
    """

    proof: Proof
    same_weights: bool
    saved: Path
    pids: tuple[int, int]

    @property
    def holds(self) -> bool:
        """Whether both the samples and what was learned from them are as in peace."""
        return self.proof.holds and self.same_weights


class Drama:
    """The three processes of a crash.

    Args:
        plan: What each has to do; each gets a folder of its own inside the plan's.
        n_samples: Samples in the dataset.
        n_batches: Batches in the epoch.
        watch: Told how far each is.
    """

    def __init__(self, plan: Plan, n_samples: int, n_batches: int, watch: Watch) -> None:
        self.plan, self.watch = plan, watch
        self.n_samples, self.n_batches = n_samples, n_batches
        self.children: dict[str, Child] = {}

    def play(self, workers_resumed: int) -> Crash:
        """Run all three and judge what they wrote down.

        Args:
            workers_resumed: Worker processes of the loader that goes on.
        """
        try:
            self._start("calm", self.plan)
            killed = self._kill_one()
            again = replace(self.plan, saved=str(killed.plan.saving), workers=workers_resumed)
            self._start("resumed", again)
            self._wait("calm")
            self._wait("resumed")
            return self._judge()
        finally:
            for child in self.children.values():
                child.end()

    def _start(self, name: str, plan: Plan) -> Child:
        folder = Path(plan.folder, name)
        child = Child.start(replace(plan, folder=str(folder)))
        self.children[name] = child
        return child

    def _kill_one(self) -> Child:
        """Start a training and kill it before it is done."""
        for attempt in range(ATTEMPTS):
            plan = replace(self.plan, folder=str(Path(self.plan.folder, str(attempt))))
            child = self._start("killed", plan)
            self._kill_in_mid_epoch(child)
            if child.taken() < self.n_batches:
                return child
            child.end()
        message = f"{ATTEMPTS} processes were done before they could be killed"
        raise ChildError(message)

    def _kill_in_mid_epoch(self, child: Child) -> None:
        """Kill a training at a moment of chance, after it has saved a state."""
        chance = SystemRandom()
        first = max(SAVE_EVERY + 1, self.n_batches * 3 // 10)
        last_breath = chance.randint(first, max(first, self.n_batches * 7 // 10))
        while child.is_running() and child.taken() < last_breath:
            self._look()
        time.sleep(chance.uniform(0, 0.03))
        child.kill()
        self._look()

    def _wait(self, name: str) -> None:
        while self.children[name].is_running():
            self._look()
        self._look()

    def _look(self) -> None:
        for name, child in self.children.items():
            self.watch(name, child.taken())
        time.sleep(POLL_SECONDS)

    def _judge(self) -> Crash:
        calm, killed, resumed = (self.children[name] for name in ("calm", "killed", "resumed"))
        proof = prove(
            self.n_samples,
            load(killed.plan.saving)["batches"],
            calm=read(calm.plan.records),
            killed=read(killed.plan.records),
            resumed=read(resumed.plan.records),
        )
        return Crash(
            proof=proof,
            same_weights=_same_weights(calm.plan.saving, resumed.plan.saving),
            saved=resumed.plan.saving,
            pids=(killed.process.pid, resumed.process.pid),
        )


def _same_weights(one: Path, other: Path) -> bool:
    weights, others = (load(path)["learner"]["network"] for path in (one, other))
    return all(torch.equal(weights[name], others[name]) for name in weights)
