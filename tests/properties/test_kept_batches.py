"""A batch that somebody keeps, in whatever form, is never changed by the batches after it."""

import pickle
import random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trueload import DataLoader
from trueload.workers.memory import LEAST_BYTES

SHAPE = (3, 128, 128)
BATCH_SIZE = 6
assert BATCH_SIZE * 4 * np.prod(SHAPE) > LEAST_BYTES


class Images:
    """Large samples that all differ, as tensors, arrays or both within a dictionary."""

    def __init__(self, kind):
        self.kind = kind

    def __len__(self):
        return 1 << 20

    def __getitem__(self, index):
        image = torch.full(SHAPE, float(index))
        if self.kind == "arrays":
            return image.numpy()
        return {"image": image, "index": index, "mask": image.numpy()[:1]}


class Saved(torch.autograd.Function):
    """Keeps a batch for the backward pass and gives it as the gradient."""

    @staticmethod
    def forward(ctx, weight, batch):
        ctx.save_for_backward(batch)
        return weight.sum()

    @staticmethod
    def backward(ctx, gradient):
        (batch,) = ctx.saved_tensors
        return batch.clone(), None


def saved_by_autograd(batch):
    weight = torch.zeros_like(batch, requires_grad=True)
    loss = Saved.apply(weight, batch)

    def look():
        weight.grad = None
        loss.backward(retain_graph=True)
        return weight.grad

    return look


def stored(batch):
    storage = batch.untyped_storage()
    shape = batch.shape
    return lambda: torch.empty(0).set_(storage, 0, shape)


def buffered(batch):
    view = memoryview(batch.numpy())
    return lambda: np.asarray(view)


def exported(batch):
    array = np.from_dlpack(batch)
    return lambda: array


def pickled(batch):
    data = pickle.dumps(batch)
    return lambda: pickle.loads(data)


def shared(batch):
    """Move a batch to where another process could look at it, and keep what that one sees."""
    descriptor = batch.untyped_storage()._share_fd_cpu_()
    shape = batch.shape
    storage = torch.UntypedStorage._new_shared_fd_cpu(*descriptor)
    return lambda: torch.empty(0).set_(storage, 0, shape)


def kept_as(convert):
    def keep(batch):
        kept = convert(batch)
        return lambda: kept

    return keep


WAYS = {
    "kept": kept_as(lambda batch: batch),
    "viewed": kept_as(lambda batch: batch.view(len(batch), -1)),
    "sliced": kept_as(lambda batch: batch[1:, :, ::2]),
    "one row": kept_as(lambda batch: batch[-1]),
    "data": kept_as(lambda batch: batch.data),
    "detached": kept_as(torch.Tensor.detach),
    "array": kept_as(torch.Tensor.numpy),
    "slice of an array": kept_as(lambda batch: batch.numpy()[2:]),
    "tensor of an array": kept_as(lambda batch: torch.from_numpy(batch.numpy())),
    "as bytes of another dtype": kept_as(lambda batch: batch.view(torch.uint8)),
    "DLPack": exported,
    "buffer": buffered,
    "storage": stored,
    "autograd": saved_by_autograd,
    "pickled": pickled,
    "shared": shared,
}
keepings = st.lists(st.sets(st.sampled_from(sorted(WAYS)), max_size=3), min_size=4, max_size=24)
kinds = st.sampled_from(["tensors", "arrays", "dataset of rows"])


def dataset_of(kind, length):
    if kind == "dataset of rows":
        rows = torch.arange(float(length))[:, None, None, None]
        return torch.utils.data.TensorDataset(rows.expand(length, *SHAPE))
    return torch.utils.data.Subset(Images(kind), range(length))


def leaves_of(batch):
    if isinstance(batch, dict):
        return [batch["image"], batch["mask"]]
    return list(batch) if isinstance(batch, list) else [batch]


def content(look):
    return np.asarray(look()).copy()


def take_and_keep(kind, keepings, seed, **arguments):
    """Keep some batches in some ways, let some go, and look at all that is left each time."""
    generator = random.Random(seed)
    dataset = dataset_of(kind, len(keepings) * BATCH_SIZE)
    loader = DataLoader(dataset, batch_size=BATCH_SIZE, **arguments)
    kept = []
    for number, (batch, ways) in enumerate(zip(loader, keepings, strict=True)):
        for leaf in leaves_of(batch):
            assert leaf[:, 0, 0, 0].tolist() == indices_of(number)
            looks = [WAYS[way](leaf) for way in sorted(ways, key=moved_first)]
            kept += [(look, content(look)) for look in looks]
        del batch, leaf
        generator.shuffle(kept)
        del kept[generator.randint(4, 40) :]
        assert all(np.array_equal(content(look), before) for look, before in kept)


def indices_of(batch):
    return list(range(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE))


def moved_first(way):
    """Put first what gives a batch other memory: arrays made before would be torch's to lose."""
    return way != "shared", way


@settings(max_examples=60, deadline=None)
@given(kinds, keepings, st.integers())
def test_a_kept_batch_is_never_changed(kind, keepings, seed):
    take_and_keep(kind, keepings, seed)


@settings(max_examples=6, deadline=None)
@given(kinds, keepings, st.integers())
def test_a_kept_batch_of_workers_is_never_changed(kind, keepings, seed):
    take_and_keep(kind, keepings, seed, num_workers=2)


@settings(max_examples=3, deadline=None)
@given(kinds)
def test_keeping_every_batch_of_an_epoch_changes_none(kind):
    loader = DataLoader(dataset_of(kind, 600), batch_size=BATCH_SIZE, num_workers=2)
    kept = list(loader)
    for number, batch in enumerate(kept):
        for leaf in leaves_of(batch):
            assert torch.equal(leaf[:, 0, 5, 7], torch.tensor(indices_of(number)).float())
