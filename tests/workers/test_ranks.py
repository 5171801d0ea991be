"""Ranks as they are: processes of a group that speak over gloo, each with workers of its own."""

import multiprocessing
import os
import random
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch.utils.data import IterableDataset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader
from trueload.errors import RanksDifferError

LENGTH = 23
FORK = multiprocessing.get_context("fork")


class Numbers:
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return torch.tensor(index)


class Mixed:
    """A sampler that draws from wherever it is told."""

    def __init__(self, draw):
        self.draw = draw

    def __iter__(self):
        return iter(sorted(range(LENGTH), key=lambda _: self.draw()))

    def __len__(self):
        return LENGTH


class Stream(IterableDataset):
    """Shuffles itself by the global generator."""

    def __iter__(self):
        numbers = list(range(LENGTH))
        random.shuffle(numbers)
        return map(torch.tensor, numbers)


def loader_of(kind, **more):
    arguments = {"batch_size": 4, "shard": "ranks", **more}
    if kind == "stream":
        return DataLoader(Stream(), **arguments)
    samplers = {
        "weighted": WeightedRandomSampler(torch.ones(LENGTH), LENGTH, replacement=False),
        "own": Mixed(lambda: torch.rand(()).item()),
        "unseeded": Mixed(random.random),
    }
    if kind in samplers:
        return DataLoader(Numbers(), sampler=samplers[kind], **arguments)
    return DataLoader(Numbers(), shuffle=True, **arguments)


def epoch_of(loader):
    """Give what this rank took in an epoch, and the state behind its first batch."""
    rows, state = [], None
    for batch in loader:
        rows.append(batch[loader.taken.mask].tolist())
        state = loader.state_dict() if state is None else state
    return rows, state


def differing(kind, **more):
    """Give what is said where the ranks do not agree."""
    try:
        epoch_of(loader_of(kind, **more))
    except RanksDifferError as error:
        return str(error).partition("\n")[0]
    return ""


def whole(rank):
    """Take two epochs of each kind of loader; ranks are seeded differently."""
    torch.manual_seed(rank)
    random.seed(rank)
    before = torch.get_rng_state()
    found = {}
    for kind in ("shuffled", "seeded", "weighted", "own", "stream"):
        loader = loader_of(kind, **({"seed": 1} if kind == "seeded" else {}))
        found[kind] = [epoch_of(loader) for _ in range(2)]
    draws = torch.equal(before, torch.get_rng_state())
    said = [differing("unseeded"), differing("shuffled", seed=rank)]
    return found, said, draws


def resumed(rank, workers, state):
    """Go on from a state, if there is one, for two steps or to the end."""
    loader = loader_of("shuffled", seed=5, num_workers=workers)
    loader.load_state_dict(state or {})
    rows = []
    for batch in loader:
        rows += batch[loader.taken.mask].tolist()
        if not state and loader.taken.batch == 1:
            break
    return rows, loader.state_dict()


def be_rank(task, arguments, place, pipe):
    rank, world_size, folder = place
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", store, rank=rank, world_size=world_size)
    try:
        pipe.send(task(rank, *arguments))
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def together(task, world_size, folder, *arguments):
    """Run a task on all ranks of a group, and give what each rank returned."""
    folder.mkdir(exist_ok=True)
    ranks = []
    for rank in range(world_size):
        here, there = FORK.Pipe()
        told = (task, arguments, (rank, world_size, folder), there)
        ranks.append((FORK.Process(target=be_rank, args=told), here))
        ranks[-1][0].start()
        there.close()
    try:
        return [pipe.recv() for _, pipe in ranks]
    finally:
        for process, _ in ranks:
            process.join(20)
            process.kill()


def test_two_ranks_read_every_sample_once_however_the_order_is_drawn(tmp_path):
    (zero, said, _), (one, said_too, drew_nothing) = together(whole, 2, tmp_path)
    for kind in zero:
        orders = []
        for (mine, state), (others, their_state) in zip(zero[kind], one[kind], strict=True):
            assert len(mine) == len(others)
            assert sorted(chain(*mine, *others)) == list(range(LENGTH))
            assert state == their_state
            orders.append(mine)
        assert orders[0] != orders[1]
    assert said == said_too
    assert said == [
        "Mixed gives each rank another order, so samples are repeated and missed [TL510]",
        "the ranks do not read the same order: the seed differs [TL511]",
    ]
    assert not drew_nothing


@pytest.mark.slow
@pytest.mark.parametrize("before", [(1, 2), (2, 0), (3, 1)], ids=str)
@pytest.mark.parametrize("after", [(1, 0), (2, 2), (3, 0)], ids=str)
def test_ranks_and_workers_may_both_be_others_when_a_run_is_resumed(before, after, tmp_path):
    first = together(resumed, before[0], tmp_path / "first", before[1], None)
    assert all(state == first[0][1] for _, state in first)
    rest = together(resumed, after[0], tmp_path / "rest", after[1], first[-1][1])
    rows = [row for part, _ in [*first, *rest] for row in part]
    assert sorted(rows) == list(range(LENGTH))


SCRIPT = """
import torch, torch.distributed as dist
from trueload import DataLoader
dist.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
loader = DataLoader(torch.arange(23.0)[:, None], batch_size=4, shuffle=True, shard="ranks")
rows = []
for batch in loader:
    model(batch).sum().backward()
    rows += batch[loader.taken.mask, 0].tolist()
told = [None] * dist.get_world_size()
dist.all_gather_object(told, rows)
if dist.get_rank() == 0:
    assert sorted(sum(told, [])) == list(range(23)), told
    print("every sample once")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_torchrun_and_ddp_train_to_the_end(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [*run, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": source},
        timeout=100,
    )
    assert "every sample once" in done.stdout, done.stderr


def test_torchs_own_sampler_splits_as_with_torch():
    for rank in range(2):
        sampler = DistributedSampler(range(9), num_replicas=2, rank=rank, seed=3)
        ours = DataLoader(range(9), batch_size=2, sampler=sampler)
        theirs = torch.utils.data.DataLoader(range(9), batch_size=2, sampler=sampler)
        for epoch in range(2):
            sampler.set_epoch(epoch)
            assert [b.tolist() for b in ours] == [b.tolist() for b in theirs]
