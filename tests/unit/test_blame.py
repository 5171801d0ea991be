"""The note that names the sample: on the exception that the user raised, or one of our own."""

import numpy as np
import pytest
import torch

from trueload.blame import Blame
from trueload.errors import KeysDifferError, NoneSampleError, StopIterationError
from trueload.tasks import Task

TASK = Task(epoch=2, batch=1178, position=75392, indices=[4711, 17, 4713], size=3)


class DecodeError(Exception):
    """An exception with attributes of its own."""

    def __init__(self, message, *, path):
        super().__init__(message)
        self.path = path


def told(error, *, samples=None, task=TASK, stage="fetch", **where):
    """Give what is raised in the place of an error that user code raised."""
    try:
        _raising(error, samples, Blame(task, stage, **where))
    except Exception as raised:
        return raised


def _raising(error, samples, blame):
    try:
        raise error  # noqa: TRY301 - it must be in hand when it is told
    except Exception as caught:
        blame.tell(caught, samples)


def note_of(error, **where):
    (note,) = told(error, **where).__notes__
    return note


def test_the_exception_stays_the_same_object_with_its_attributes():
    error = DecodeError("truncated", path="a.jpg")
    raised = told(error, row=0)
    assert raised is error
    assert (raised.args, raised.path) == (("truncated",), "a.jpg")
    assert raised.__cause__ is raised.__context__ is None


def test_the_note_begins_with_the_sample_and_what_it_raised():
    first = note_of(ValueError("truncated"), row=1).splitlines()[0]
    assert first == "dataset[17] raised ValueError: truncated [TL204]"


def test_only_the_first_line_of_a_long_text_is_repeated():
    first = note_of(ValueError("one\ntwo"), row=1).splitlines()[0]
    assert first == "dataset[17] raised ValueError: one [TL204]"


def test_an_exception_without_text_is_named_by_its_type():
    assert note_of(ValueError(), row=1).startswith("dataset[17] raised ValueError [TL204]")


def test_the_position_is_that_of_the_sample_not_of_the_batch():
    assert "index 4713, position 75 394 of epoch 2" in note_of(ValueError(), row=2)


@pytest.mark.parametrize(
    ("where", "subject"),
    [
        ({"row": 1}, "dataset[17]"),
        ({"row": None}, "`dataset.__getitems__`"),
        ({"row": None, "task": TASK._replace(indices=5)}, "dataset[5]"),
        ({"row": None, "task": TASK._replace(indices="name")}, "dataset['name']"),
        ({"row": None, "task": TASK._replace(indices=(1, 2))}, "dataset[(1, 2)]"),
        ({"row": 1, "task": TASK._replace(indices=np.array([3, 4]))}, "dataset[4]"),
        ({"row": 1, "task": TASK._replace(indices=["a", "b"])}, "dataset['b']"),
        ({"row": 1, "stage": "transform"}, "`transform`"),
        ({"stage": "collate"}, "`collate_fn`"),
        ({"row": 1, "stream": True}, "`next(dataset)` at sample 75 393"),
    ],
    ids=range(10),
)
def test_whose_fault_it_was_is_named(where, subject):
    assert note_of(ValueError("text"), **where).startswith(f"{subject} raised ValueError: text")


def test_of_many_indices_the_first_are_told():
    task = TASK._replace(indices=list(range(100)), size=100)
    assert "indices 0, 1, 2, 3, 4, 5, ... (100 in all)" in note_of(ValueError(), task=task)


def test_a_transform_names_the_sample_it_was_given():
    assert "index 17, position 75 393 of epoch 2" in note_of(ValueError(), stage="transform", row=1)


def test_a_stream_has_positions_and_no_index():
    task = TASK._replace(indices=3)
    note = note_of(ValueError(), row=1, stream=True, task=task)
    assert "  sample  position 75 393 of epoch 2\n" in note


def test_a_stop_iteration_becomes_an_error_that_does_not_end_the_loop():
    stop = StopIteration("over")
    raised = told(stop, row=1)
    assert type(raised) is StopIterationError
    assert raised.__cause__ is stop
    assert str(raised).startswith("dataset[17] raised StopIteration: over [TL203]")


@pytest.mark.parametrize("stage", ["transform", "collate"])
def test_a_stop_iteration_of_other_code_does_not_end_the_loop_either(stage):
    assert type(told(StopIteration(), stage=stage)) is StopIterationError


def test_a_sample_that_is_none_is_named():
    raised = told(TypeError("found NoneType"), stage="collate", samples=[1, None, None])
    assert type(raised) is NoneSampleError
    assert str(raised).startswith("dataset[17] gave `None` instead of a sample [TL201]")
    assert "2 of the 3 samples of the batch" in str(raised)


def test_samples_that_do_not_stack_get_a_note_on_torchs_error():
    error = RuntimeError("stack expects each tensor to be equal size")
    samples = [{"x": torch.ones(2)}, {"x": torch.ones(3)}, {"x": torch.ones(2)}]
    raised = told(error, stage="collate", samples=samples)
    assert raised is error
    first, most, other, *_ = raised.__notes__[0].splitlines()
    assert first == 'samples of batch 1 178 do not stack: `batch["x"]` has 2 shapes [TL205]'
    assert most == "  most   (2,) float32, 2 of 3 samples"
    assert other == "  other  (3,) float32, sample 17 (row 1)"


def test_samples_without_indices_are_named_by_their_row():
    samples = [torch.ones(2), torch.ones(3)]
    task = TASK._replace(indices=2)
    note = note_of(RuntimeError(), stage="collate", samples=samples, task=task)
    assert "  other  (3,) float32, row 1\n" in note


def test_keys_that_differ_are_told_in_full_by_the_error_itself():
    error = KeysDifferError("the sample in row 1 has other keys")
    raised = told(error, stage="collate", samples=[{"a": 1}, {"b": 1}, {"a": 2}])
    assert type(raised) is KeysDifferError
    assert str(raised).startswith("samples of batch 1 178 do not stack: `batch` has 2 sets of keys")
    assert raised.__suppress_context__


def test_a_leaf_that_no_collate_knows_is_named():
    note = note_of(TypeError("no"), stage="collate", samples=[{"a": {1}}] * 3)
    assert "[TL206]" in note
    assert '  leaf    `batch["a"]` is set\n' in note


def test_an_error_of_collate_that_nothing_explains_is_told_without_advice():
    note = note_of(RuntimeError("odd"), stage="collate", samples=[1, 2, 3])
    assert note.startswith("`collate_fn` raised RuntimeError: odd [TL206]\n")
    assert "hint" not in note
    assert "leaf" not in note


def test_the_line_of_the_user_is_told():
    note = note_of(ValueError(), row=1)
    assert "test_blame.py:" in note
    assert " in _raising" in note


@pytest.mark.parametrize("stage", ["fetch", "transform"])
def test_without_batches_the_one_index_is_told(stage):
    note = note_of(ValueError(), stage=stage, task=TASK._replace(indices=5, size=1))
    assert "  sample  index 5, position 75 392 of epoch 2\n" in note


def test_a_stream_without_a_row_tells_no_index():
    assert "index" not in note_of(ValueError(), stream=True, task=TASK._replace(indices=4))
