"""Datasets of which some samples cannot be made."""

from torch.utils.data import IterableDataset


class Photos:
    """Raises, or gives, what it was told to instead of some samples."""

    def __init__(self, odd=None, length=16):
        self.odd, self.length, self.asked = odd or {}, length, []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.asked.append(index)
        sample = self.odd.get(index, index)
        if isinstance(sample, Exception):
            raise sample
        return sample


class Together(Photos):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Numbers(IterableDataset):
    """Goes on after it has raised."""

    def __init__(self, odd=None, length=16):
        self.odd, self.length = odd or {}, length

    def __iter__(self):
        return Reading(self)


class Reading:
    def __init__(self, numbers):
        self.numbers, self.next = numbers, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.next == self.numbers.length:
            raise StopIteration
        self.next += 1
        sample = self.numbers.odd.get(self.next - 1, self.next - 1)
        if isinstance(sample, Exception):
            raise sample
        return sample


class Lines(Numbers):
    """Is over once it has raised, as generators are."""

    def __iter__(self):
        yield from iter(Reading(self))


def bad(*indices):
    return {index: ValueError(f"number {index}") for index in indices}


def batches_of(loader):
    return [batch.tolist() for batch in loader]
