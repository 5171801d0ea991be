"""Every message that a loader in one process gives, word for word.

The user's code is compiled as if it stood in `train.py`, so that nothing depends on this file.
"""

import logging
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info
from torch.utils.data.datapipes.iter import IterableWrapper
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader, ErrorPolicy, exclude
from trueload.iterators import telling

_USERS = '''
class Photos:
    """Raises what it was given instead of one sample."""

    def __init__(self, length=16, odd=None):
        self.length, self.odd = length, odd or {}

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        sample = self.odd.get(index, self.usual(index))
        if isinstance(sample, Exception):
            raise sample
        return sample

    def usual(self, index):
        return index


class Pairs(Photos):
    def usual(self, index):
        return {"image": zeros(3, 224, 224), "label": index}


class Together(Photos):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Lines(IterableDataset):
    def __init__(self, lines):
        self.lines = lines

    def __iter__(self):
        for line in self.lines:
            yield int(line)


def brighten(sample):
    return sample / (sample - 5)


def draw(sample):
    return next(iter(()))


def brighten_two(sample):
    return 2 / (sample - 2)


def drop(samples):
    return [sample for sample in samples if sample is not None]


class Stills(Dataset):
    def __init__(self, length=16):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index


def pad(samples):
    return samples[0].missing
'''
users = {
    "zeros": torch.zeros,
    "IterableDataset": IterableDataset,
    "Dataset": Dataset,
    "__name__": "train",
}
exec(compile(_USERS, "train.py", "exec"), users)  # noqa: S102 - the user's script
Photos, Pairs, Together, Lines = (users[name] for name in ("Photos", "Pairs", "Together", "Lines"))
LARGE = 1_000_003


def message_of(run, *args, **kwargs):
    """Give what a user reads: the type, the text and the notes."""
    try:
        run(*args, **kwargs)
    except Exception as error:
        lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        return "\n".join(lines)
    raise AssertionError


def no_file():
    return FileNotFoundError(2, "No such file or directory", "photos/000811.jpg")


def read(dataset, **arguments):
    return message_of(lambda: list(DataLoader(dataset, **{"batch_size": 16, **arguments})))


def after_epochs(loader, epochs=1):
    for _ in range(epochs):
        list(loader)
    return loader


ASKED = {
    "TL101 nothing of ours": lambda: DataLoader(Photos()).load_state_dict({"model": 1, "epoch": 2}),
    "TL101 less than none": lambda: DataLoader(Photos()).load_state_dict(
        {**DataLoader(Photos()).state_dict(), "_num_yielded": -1}
    ),
    "TL102": lambda: DataLoader(Photos()).load_state_dict(
        {**DataLoader(Photos()).state_dict(), "version": 2}
    ),
    "TL103 length": lambda: DataLoader(Photos(LARGE)).load_state_dict(
        DataLoader(Photos(64)).state_dict()
    ),
    "TL103 dataset": lambda: DataLoader(Photos()).load_state_dict(DataLoader(Pairs()).state_dict()),
    "TL103 seed": lambda: DataLoader(Photos(), seed=2).load_state_dict(
        DataLoader(Photos()).state_dict()
    ),
    "TL103 order": lambda: DataLoader(Photos(), shuffle=True).load_state_dict(
        DataLoader(Photos()).state_dict()
    ),
    "TL104 too short": lambda: next(
        DataLoader(Photos(64), batch_size=99, drop_last=True).endless()
    ),
    "TL104 empty stream": lambda: next(DataLoader(Lines([]), batch_size=4).endless()),
    "TL105 transform": lambda: DataLoader(Photos(), transform="flip"),
    "TL105 seed": lambda: DataLoader(Photos(), seed=0.5),
    "TL105 true as a seed": lambda: DataLoader(Photos(), seed=True),
    "TL105 rng": lambda: DataLoader(Photos(), rng="epoch"),
    "TL105 steps": lambda: DataLoader(Photos()).endless(-1),
    "TL106": lambda: DataLoader(IterableWrapper([1, 2])).state_dict(),
    "TL107 no such index": lambda: DataLoader(Photos(LARGE), seed=1).replay(-3),
    "TL107 no such position": lambda: DataLoader(Photos(LARGE), seed=1).replay(3, position=LARGE),
    "TL107 order": lambda: after_epochs(DataLoader(Photos(), shuffle=True), 2).replay(3, 0),
    "TL107 randomness": lambda: DataLoader(Photos()).replay(3),
    "TL107 torch's randomness": lambda: DataLoader(Photos(), seed=1, rng="worker").replay(3),
    "TL107 stream": lambda: DataLoader(Lines([1, 2]), seed=1).replay(1),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:.*DataPipes")
def test_what_cannot_be_asked_of_a_loader(ask, snapshot):
    assert message_of(ask) == snapshot


BAD = {5: ValueError("truncated"), 11: None}
PLACED = {"on_error": "replace", "batch_sampler": [[5, 11], [1, 2]], "batch_size": 1}
SHUFFLED = {"sampler": [*range(100, 105), 11, *range(10)], "batch_size": 8}
READ = {
    "TL201": lambda: read(Photos(odd={5: None})),
    "TL201 in the second batch": lambda: read(Photos(odd={12: None, 13: None}), batch_size=8),
    "TL203": lambda: read(Photos(odd={5: StopIteration()})),
    "TL203 transform": lambda: read(Photos(), transform=users["draw"]),
    "TL204": lambda: read(Photos(odd={11: no_file()})),
    "TL204 in a shuffled epoch": lambda: read(Photos(200, odd={11: no_file()}), **SHUFFLED),
    "TL204 transform": lambda: read(Photos(), transform=users["brighten"]),
    "TL204 collate_fn": lambda: read(Photos(), collate_fn=users["pad"]),
    "TL204 together": lambda: read(Together(odd={5: ValueError("truncated\nin the middle")})),
    "TL204 without batches": lambda: read(Photos(odd={5: ValueError()}), batch_size=None),
    "TL204 transform without batches": lambda: read(
        Photos(), transform=users["brighten"], batch_size=None
    ),
    "TL204 stream": lambda: read(Lines("0123x56"), batch_size=3),
    "TL204 far into an epoch": lambda: read(
        Photos(LARGE, odd={811: KeyError("label")}), sampler=[*range(100), 811], batch_size=1
    ),
    "TL205 layout": lambda: read(Pairs(odd={11: {"image": torch.zeros(224, 224, 3), "label": 11}})),
    "TL205 array layout": lambda: read(
        Photos(2, odd={0: np.zeros((3, 8, 9), "f4"), 1: np.zeros((8, 9, 3), "f4")})
    ),
    "TL205 mode": lambda: read(Pairs(odd={11: {"image": torch.zeros(1, 224, 224), "label": 11}})),
    "TL205 size": lambda: read(Pairs(odd={11: {"image": torch.zeros(3, 224, 200), "label": 11}})),
    "TL205 length": lambda: read(Photos(3, odd={0: [1, 2], 1: [1, 2], 2: [1]})),
    "TL205 types": lambda: read(Photos(odd={3: "three"})),
    "TL205 a missing key": lambda: read(Pairs(odd={11: {"image": torch.zeros(3, 224, 224)}})),
    "TL205 another key": lambda: read(
        Pairs(odd={11: {"image": torch.zeros(3, 224, 224), "target": 11}})
    ),
    "TL205 None": lambda: read(Pairs(odd={11: {"image": None, "label": 11}})),
    "TL206": lambda: read(Photos(2, odd={0: {"meta": {1}}, 1: {"meta": {2}}})),
    "TL213": lambda: read(
        Photos(odd=BAD), batch_size=8, on_error=ErrorPolicy("skip", budget_count=1)
    ),
    "TL213 in a row": lambda: read(
        Photos(LARGE, odd=dict.fromkeys(range(20, 40), KeyError("label"))),
        batch_size=8,
        on_error="skip",
    ),
    "TL216": lambda: read(Lines("0123x56"), batch_size=3, on_error="skip"),
    "TL217": lambda: message_of(lambda: exclude(Photos(12), quarantine_of(Photos(16, odd=BAD)))),
    "TL217 no indices": lambda: message_of(exclude, Lines("12"), "bad.jsonl"),
    "TL219": lambda: read(Photos(odd=BAD), **PLACED),
    "TL206 None": lambda: read(Photos(2, odd={0: {"mask": None}, 1: {"mask": None}})),
}


@pytest.mark.parametrize("run", READ.values(), ids=READ)
def test_what_goes_wrong_in_an_epoch(run, snapshot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert get_worker_info() is None
    assert run() == snapshot


def taken(dataset, **arguments):
    """Take an epoch or two, and give the loader."""
    loader = DataLoader(dataset, **{"batch_size": 16, **arguments})
    for _ in loader:
        pass
    return loader


def quarantine_of(dataset):
    """Give the quarantine of an epoch, in the working folder."""
    policy = ErrorPolicy("skip", quarantine="bad.jsonl")
    taken(dataset, on_error=policy)
    return "bad.jsonl"


class Counted:
    """A sampler that says that it has twelve indices, and has eight."""

    replacement = False

    def __init__(self, indices):
        self.indices = indices

    def __iter__(self):
        return iter(self.indices)

    def __len__(self):
        return 12


def read_on(sampler):
    """Go on from a state with a sampler that has changed."""
    loader = DataLoader(Photos(), 2, sampler=sampler)
    batches = iter(loader)
    next(batches), next(batches)
    sampler.indices = sampler.indices[::-1]
    resumed = DataLoader(Photos(), 2, sampler=sampler)
    resumed.load_state_dict(loader.state_dict())
    next(iter(resumed))


TOLD = {
    "TL214 and TL215": lambda: taken(Photos(200, odd=BAD), batch_size=8, on_error="skip"),
    "TL214 and TL215 replaced": lambda: taken(Photos(200, odd=BAD), on_error="replace", seed=0),
    "TL214 and TL215 without a limit in a row": lambda: taken(
        Lines([1, 2, 3]),
        transform=users["brighten_two"],
        on_error=ErrorPolicy("skip", 1, None, None),
    ),
    "TL218": lambda: taken(Photos(odd={5: None}), collate_fn=users["drop"], batch_size=4),
    "TL501": lambda: taken(Photos(), sampler=Counted(range(8)), batch_size=4),
    "TL501 used up": lambda: list(taken(Photos(), sampler=iter(range(16)))),
    "TL502 below": lambda: taken(Photos(), sampler=[-1, 0, 1, 2, -2]),
    "TL502 beyond": lambda: taken(Photos(4), sampler=[0, 1, 2, 3, 4, 5]),
    "TL503": lambda: taken(
        users["Stills"](), sampler=torch.utils.data.SequentialSampler(users["Stills"](12))
    ),
    "TL504": lambda: taken(Photos(), sampler=Counted([*range(8), 0, 1, 2, 3])),
    "TL505": lambda: taken(Photos(), sampler=DistributedSampler(Photos(), 3, 0, shuffle=False)),
    "TL505 left out": lambda: taken(
        Photos(), sampler=DistributedSampler(Photos(), 3, 0, shuffle=False, drop_last=True)
    ),
    "TL506": lambda: read_on(Counted(list(range(8)))),
}


@pytest.mark.parametrize("run", TOLD.values(), ids=TOLD)
def test_what_is_told_while_an_epoch_goes_on(run, caplog, monkeypatch, snapshot):
    monkeypatch.setattr(telling, "_told", set())
    run()
    assert caplog.messages == snapshot


def test_a_stream_that_is_read_over_to_resume_says_so(caplog, snapshot):
    loader = DataLoader(Lines("0123456789"), batch_size=2)
    iterator = iter(loader)
    next(iterator), next(iterator)
    resumed = DataLoader(Lines("0123456789"), batch_size=2)
    resumed.load_state_dict(loader.state_dict())
    with caplog.at_level(logging.WARNING, "trueload"):
        next(iter(resumed))
    assert caplog.messages == snapshot


def test_what_torch_says_of_nested_tensors_comes_out():
    def nested(_):
        return torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])

    loader = DataLoader(range(2), batch_size=2, transform=nested)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="not currently supported by the default collate_fn"):
            next(iter(loader))
