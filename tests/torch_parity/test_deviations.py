"""Where ours differs from torch's on purpose: each test shows both, side by side."""

import os
import random
import signal
import time

import numpy as np
import pytest
import torch
from torch.utils.data import get_worker_info

from .observe import OURS, TORCH


class Told:
    """Each sample is what a function tells for the index."""

    def __init__(self, tell, length=4):
        self.tell, self.length = tell, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.tell(index)


def told(loader):
    return [batch.tolist() for batch in loader]


def drawn(loader_class, workers, **arguments):
    torch.manual_seed(0)
    dataset = Told(lambda index: random.random())
    return [batch.item() for batch in loader_class(dataset, num_workers=workers, **arguments)]


def test_random_numbers_do_not_depend_on_the_number_of_workers():
    assert drawn(OURS, 1) == drawn(OURS, 2)
    assert drawn(TORCH, 1) != drawn(TORCH, 2)


def test_torchs_random_numbers_can_be_had():
    assert drawn(OURS, 1, rng="worker") == drawn(TORCH, 1)


def test_a_stop_iteration_of_a_sample_is_an_error_and_not_the_end():
    def stop(index):
        if index == 2:
            raise StopIteration
        return index

    assert told(TORCH(Told(stop))) == [[0], [1]]
    batches = iter(OURS(Told(stop)))
    assert [next(batches).item() for _ in range(2)] == [0, 1]
    with pytest.raises(RuntimeError, match=r"dataset\[2\] raised StopIteration \[TL203\]"):
        next(batches)


def test_the_dtype_of_a_batch_follows_all_samples():
    both = [1, 2.5], [2.5, 1]
    theirs = [next(iter(TORCH(samples, 2))).dtype for samples in both]
    assert theirs == [torch.float32, torch.float64]
    ours = [next(iter(OURS(samples, 2))).dtype for samples in both]
    assert ours == [torch.float64, torch.float64]


def test_the_dtype_of_a_batch_is_the_same_in_workers():
    samples = [torch.tensor([1.0], dtype=torch.float32), torch.tensor([2.5], dtype=torch.float64)]
    made = {
        loader_class: [next(iter(loader_class(samples, 2, num_workers=n))).dtype for n in (0, 1)]
        for loader_class in (TORCH, OURS)
    }
    assert made[TORCH] == [torch.float64, torch.float32]
    assert made[OURS] == [torch.float64, torch.float64]


def test_a_key_that_only_some_samples_have_is_an_error():
    samples = [{"a": 1}, {"a": 2, "b": 3}]
    assert list(next(iter(TORCH(samples, 2)))) == ["a"]
    with pytest.raises(KeyError, match="TL205"):
        next(iter(OURS(samples, 2)))


def test_arrays_with_negative_strides_and_tensors_among_arrays_make_a_batch():
    reversed_rows = [np.arange(3)[::-1]] * 2
    mixed = [torch.ones(2), np.zeros(2)]
    for samples, error in ((reversed_rows, ValueError), (mixed, TypeError)):
        with pytest.raises(error):
            next(iter(TORCH(samples, 2)))
        assert next(iter(OURS(samples, 2))).shape[0] == 2


def test_none_is_told_as_a_sample_that_is_missing():
    for loader_class, words in ((TORCH, "default_collate"), (OURS, r"dataset\[0\] gave `None`")):
        with pytest.raises(TypeError, match=words):
            next(iter(loader_class([None, 1], 2)))


class OwnError(Exception):
    """An exception that cannot be made of one text, as many of libraries."""

    def __init__(self, code, path):
        super().__init__(code, path)
        self.code = code


def fail(index):
    raise OwnError(5, f"file {index}")


def test_an_exception_of_a_worker_keeps_its_arguments():
    with pytest.raises(RuntimeError) as theirs:
        next(iter(TORCH(Told(fail), num_workers=1)))
    assert "Caught OwnError in DataLoader worker process 0" in str(theirs.value)
    with pytest.raises(OwnError) as ours:
        next(iter(OURS(Told(fail), num_workers=1)))
    assert ours.value.args == (5, "file 0")
    assert ours.value.code == 5


def test_an_exception_gets_a_note_that_names_the_sample():
    with pytest.raises(OwnError) as ours:
        next(iter(OURS(Told(fail))))
    assert ours.value.__notes__[0].startswith("dataset[0] raised OwnError")


def test_a_worker_that_dies_is_replaced(tmp_path):
    def die_once(index):
        flag = tmp_path / "died"
        if index == 1 and get_worker_info() is not None and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        told(TORCH(Told(die_once), num_workers=1))
    (tmp_path / "died").unlink()
    assert told(OURS(Told(die_once), num_workers=1)) == [[0], [1], [2], [3]]


def test_a_batch_that_takes_too_long_is_made_again_before_it_is_an_error(tmp_path):
    def hang_once(index):
        flag = tmp_path / "hung"
        if not flag.exists():
            flag.touch()
            time.sleep(60)
        return index

    with pytest.raises(RuntimeError, match="DataLoader timed out after"):
        told(TORCH(Told(hang_once), num_workers=1, timeout=0.5))
    (tmp_path / "hung").unlink()
    assert told(OURS(Told(hang_once), num_workers=1, timeout=0.5)) == [[0], [1], [2], [3]]


def test_a_free_worker_makes_the_next_batch(tmp_path):
    def tell(index):
        if index == 2:
            (tmp_path / "made").touch()
        return get_worker_info().id

    def wait_for_2(index):
        while index == 0 and not (tmp_path / "made").exists():
            time.sleep(0.01)
        return tell(index)

    assert told(TORCH(Told(tell), num_workers=2)) == [[0], [1], [0], [1]]
    (tmp_path / "made").unlink()
    (first,), (_,), (third,), (_,) = told(OURS(Told(wait_for_2), num_workers=2))
    assert first != third


def test_a_sample_that_cannot_be_pickled_is_an_error_at_once():
    loader = OURS(Told(lambda index: lambda: index), collate_fn=list, num_workers=1)
    with pytest.raises((AttributeError, TypeError), match=r"(?i)pickle|lambda"):
        next(iter(loader))


def test_the_batches_of_workers_are_no_longer_shared_with_them():
    rows = torch.zeros(4, 3)
    assert next(iter(TORCH(rows, 2, num_workers=1))).is_shared()
    assert not next(iter(OURS(rows, 2, num_workers=1))).is_shared()


class Counted:
    """A batch sampler that counts how often it is asked, and gives the same list every time."""

    def __init__(self):
        self.asked = 0

    def __iter__(self):
        self.asked += 1
        return self.batches()

    def batches(self):
        batch = [0, 0]
        for first in range(0, 6, 2):
            batch[:] = [first, first + 1]
            yield batch

    def __len__(self):
        return 3


def test_a_sampler_is_begun_once_an_epoch():
    asked = []
    for loader_class in (TORCH, OURS):
        sampler = Counted()
        loader = loader_class(range(6), batch_sampler=sampler, num_workers=1)
        list(loader)
        asked.append(sampler.asked)
    assert asked == [2, 1]


def test_a_list_that_a_batch_sampler_fills_again_is_copied():
    loader = OURS(range(6), batch_sampler=Counted(), num_workers=1)
    assert told(loader) == [[0, 1], [2, 3], [4, 5]]


class Owning(Told):
    """Samples draw from a generator that the dataset owns."""

    def __init__(self):
        super().__init__(lambda _: self.generator.random())
        self.generator = np.random.default_rng(0)


def test_a_generator_of_the_dataset_draws_differently_in_every_worker_and_epoch():
    distinct = []
    for loader_class in (TORCH, OURS):
        loader = loader_class(Owning(), num_workers=2)
        distinct.append(len({number for _ in range(2) for (number,) in told(loader)}))
    assert distinct == [2, 8]


class Telling(Told):
    """Samples tell the epoch that the dataset is in."""

    def __init__(self):
        super().__init__(lambda _: self.epoch)
        self.epoch = 0


def test_persistent_workers_see_what_changes_on_the_dataset():
    seen = []
    for loader_class in (TORCH, OURS):
        dataset = Telling()
        loader = loader_class(dataset, 4, num_workers=1, persistent_workers=True)
        told(loader)
        dataset.epoch = 1
        seen += [batch[0] for batch in told(loader)]
    assert seen == [0, 1]


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(range(4))


def test_a_stream_that_every_worker_reads_whole_is_told(caplog):
    told(TORCH(Stream(), 4, num_workers=2))
    assert not caplog.records
    assert told(OURS(Stream(), 4, num_workers=2)) == [[0, 1, 2, 3]] * 2
    assert "TL208" in caplog.text


def test_the_workers_scheme_gives_torchs_draws_however_long_samples_take():
    def slow(index):
        time.sleep(0.02 if index % 3 == 0 else 0)
        return torch.rand(()).item()

    found = []
    for loader_class, own in ((TORCH, {}), (OURS, {"rng": "worker"})):
        torch.manual_seed(3)
        loader = loader_class(Told(slow, 24), 2, num_workers=2, **own)
        found.append([batch.tolist() for batch in loader])
    assert found[0] == found[1]


def test_what_is_taken_can_be_written_to_without_writing_to_the_dataset():
    left = []
    for loader_class in (TORCH, OURS):
        data = torch.ones(4)
        for sample in loader_class(data, batch_size=None):
            sample.zero_()
        left.append(data.sum().item())
    assert left == [0, 4]


def test_a_buffer_that_is_filled_again_makes_the_right_batch():
    buffer = torch.zeros(1)
    dataset = Told(buffer.fill_, 4)
    batches = [next(iter(loader_class(dataset, 4))) for loader_class in (TORCH, OURS)]
    assert [batch.flatten().tolist() for batch in batches] == [[3] * 4, [0, 1, 2, 3]]
