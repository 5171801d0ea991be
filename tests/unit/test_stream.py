"""The batches of a stream: one after another, and any of them again."""

import random

import pytest
from torch.utils.data import IterableDataset

from trueload.recipe import Randomness
from trueload.shares import Share
from trueload.stream import Stream, StreamRecipe
from trueload.tasks import Start, from_stream


class Source(IterableDataset):
    """Gives the numbers below a length; counts how often it was begun, and what it gave."""

    def __init__(self, length=10, fails=()):
        self.length, self.fails = length, fails
        self.begun = self.given = 0

    def __iter__(self):
        self.begun += 1
        return Counter(self)


class Counter:
    def __init__(self, source):
        self.source, self.at = source, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == self.source.length:
            raise StopIteration
        self.at += 1
        self.source.given += 1
        if self.at - 1 in self.source.fails:
            raise LookupError(self.at - 1)
        return self.at - 1


class Resumable(Source):
    """Has a state of its own."""

    start = 0

    def __iter__(self):
        counter = super().__iter__()
        counter.at, self.start = self.start, 0
        self.counter = counter
        return counter

    def state_dict(self):
        return {"at": self.counter.at}

    def load_state_dict(self, state):
        self.start = state["at"]


def recipe_of(source, *, drop_last=False, batched=True, transform=None, **options):
    return StreamRecipe(source, transform, list, batched, drop_last, **options)


def reader_of(source, number, count, **options):
    recipe = recipe_of(source, **options)
    recipe.work_for(number, count, lambda: True)
    return recipe


def tasks(count=20, size=4):
    return [task for task, _ in zip(from_stream(size, Start()), range(count), strict=False)]


def stream_of(source, *, drop_last=False, batched=True, transform=None):
    collate = list if batched else int
    return Stream(source, iter(source), transform, collate, batched, drop_last)


def all_of(make):
    """Make batches until the stream is over."""
    made = []
    for task in tasks():
        try:
            made.append(make(task))
        except StopIteration:
            break
    return made


def test_a_stream_is_cut_into_batches():
    assert all_of(stream_of(Source()).make) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_the_last_batch_is_left_out_when_asked():
    assert all_of(stream_of(Source(), drop_last=True).make) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_stream_of_whole_batches_ends_without_an_empty_one():
    assert all_of(stream_of(Source(8)).make) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_an_empty_stream_gives_no_batch():
    assert all_of(stream_of(Source(0)).make) == []


def test_a_stream_that_is_over_stays_over():
    stream = stream_of(Source(0))
    for task in tasks(3):
        with pytest.raises(StopIteration):
            stream.make(task)


def test_samples_are_transformed():
    made = all_of(stream_of(Source(4), transform=lambda sample: -sample).make)
    assert made == [[0, -1, -2, -3]]


def test_the_row_of_the_sample_in_hand_is_noted():
    hand = [-1]
    stream_of(Source()).make(tasks(1)[0], hand=hand)
    assert hand == [3]


def test_an_exception_names_the_sample():
    with pytest.raises(LookupError) as caught:
        all_of(stream_of(Source(fails=[5])).make)
    assert "at sample 5" in caught.value.__notes__[0]


def test_several_readers_make_each_their_own_batches():
    made = [reader_of(Source(), number, 2).make(tasks()[number]).batch for number in (0, 1)]
    assert made == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_readers_that_split_a_stream_make_the_batches_of_one():
    readers = [reader_of(Source(), number, 2, share=Share()) for number in (0, 1)]
    made = [readers[task.batch % 2].make(task).batch for task in tasks(3)]
    assert made == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_any_batch_can_be_made_first(wanted):
    recipe = recipe_of(Source())
    assert recipe.make(tasks()[wanted]).batch == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]][wanted]


def test_any_batch_can_be_made_again():
    recipe = recipe_of(Source())
    order = [2, 0, 1, 1, 0, 2]
    made = [recipe.make(tasks()[batch]).batch[0] for batch in order]
    assert made == [8, 0, 4, 4, 0, 8]


def test_batches_in_turn_read_the_stream_once():
    source = Source()
    recipe = recipe_of(source)
    for task in tasks(3):
        recipe.make(task)
    assert (source.begun, source.given) == (1, 10)


def test_a_batch_beyond_the_end_is_the_end():
    with pytest.raises(StopIteration):
        recipe_of(Source()).make(tasks()[7])


def test_a_batch_after_one_that_raised_is_the_batch_that_comes_next():
    recipe = recipe_of(Source(fails=[1]))
    with pytest.raises(LookupError):
        recipe.make(tasks()[0])
    assert recipe.make(tasks()[1]).batch == [2, 3, 4, 5]


def test_a_batch_after_one_that_raised_is_the_same_for_a_reader_that_comes_new():
    assert recipe_of(Source(fails=[1])).make(tasks()[1]).batch == [2, 3, 4, 5]


def test_another_epoch_begins_the_stream_again():
    source = Source()
    recipe = recipe_of(source)
    recipe.make(tasks()[0])
    assert recipe.make(tasks()[0]._replace(epoch=1)).batch == [0, 1, 2, 3]
    assert source.begun == 2


def test_a_stream_begins_from_a_state_of_its_own():
    first = recipe_of(Resumable())
    state = [first.make(task).state for task in tasks(2)][1]
    source = Resumable()
    second = recipe_of(source)
    second.begin(state)
    assert second.make(tasks()[2]).batch == [8, 9]
    assert source.given == 2


def test_a_state_beyond_the_batch_that_is_wanted_is_not_used():
    first = recipe_of(Resumable())
    state = [first.make(task).state for task in tasks(2)][1]
    second = recipe_of(Resumable())
    second.begin(state)
    assert second.make(tasks()[0]).batch == [0, 1, 2, 3]


def test_a_batch_that_is_made_again_draws_the_same():
    class Drawing(Source):
        def __iter__(self):
            for _ in range(10):
                yield random.random()

    keys = Randomness(7, each_sample=False)
    whole = recipe_of(Drawing())
    made = [whole.make(task, keys).batch for task in tasks(3)]
    assert recipe_of(Drawing()).make(tasks()[2], keys).batch == made[2]
    assert whole.make(tasks()[1], keys).batch == made[1]
