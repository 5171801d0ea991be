"""Packed lists: what they do beyond giving back what was put in, which tests/properties hold."""

import copy
import doctest
import pickle

import numpy as np
import pytest
import torch

import trueload
from trueload import ArgumentError, Packed, pack, packed

RECORDS = [{"file": f"{number}.jpg", "size": (number, 2.5), "tags": None} for number in range(1000)]

MAPPING_HINT = "hint: pack its keys and its values apart, and use the same index for both"
PICKLE_HINT = (
    "hint: hold what can be pickled: no open files, locks, lambdas, or objects of a local class"
)


def test_strings_take_their_bytes_and_a_boundary_each():
    assert pack(["ab", "cde", ""]).nbytes == 5 + 4 * 8


def test_records_that_are_built_alike_are_stored_field_by_field():
    letters = sum(len(record["file"]) for record in RECORDS)
    assert pack(RECORDS).nbytes == letters + 1001 * 8 + 1000 * 8 + 1000 * 8


def test_the_keys_of_a_record_keep_their_order():
    packed = pack([{"b": 1, "a": 2}, {"a": 3, "b": 4}])
    assert [list(record) for record in packed] == [["b", "a"], ["a", "b"]]


def test_equal_keys_of_other_types_are_not_taken_for_each_other():
    assert [type(next(iter(record))) for record in pack([{1: 0}, {True: 0}])] == [int, bool]


def test_integers_beyond_64_bits_stay_exact():
    assert list(pack([1, 2**63, -(2**200)])) == [1, 2**63, -(2**200)]


def test_mixed_types_stay_what_they_are():
    items = [1, 1.0, True, "1", b"1", None, (1,), [1]]
    assert list(map(type, pack(items))) == list(map(type, items))


def test_a_list_that_contains_itself_comes_out_so():
    items = []
    items.append(items)
    (inner,) = pack([items])
    for _ in range(20):  # as deep as columns nest, it is another list each time
        inner = inner[0]
    assert inner[0] is inner


def test_what_is_read_can_be_changed_without_changing_the_packed_list():
    packed = pack([[1, 2], [3, 4]])
    packed[0].append(5)
    assert packed[0] == [1, 2]


def test_a_packed_list_takes_no_assignment():
    with pytest.raises(TypeError, match="does not support item assignment"):
        pack([1])[0] = 2


def test_a_slice_shares_the_arrays():
    packed = pack(RECORDS)
    assert packed[10:20].nbytes == packed.nbytes


def test_a_pickled_slice_takes_only_its_own_items_along():
    packed = pack([f"{number}.jpg" for number in range(10_000)])
    assert len(pickle.dumps(packed[:10])) < 1000


def test_packing_a_packed_list_gives_it_back():
    packed = pack([1, 2])
    assert pack(packed) is packed


def test_packing_a_slice_takes_only_its_own_items_along():
    packed = pack(["a" * 100, "b"])[1:]
    assert pack(packed).nbytes < packed.nbytes


def test_copies_are_the_list_itself():
    packed = pack([[1]])
    assert copy.copy(packed) is copy.deepcopy(packed) is packed


def test_arrays_travel_out_of_band_and_are_not_copied_on_arrival():
    buffers = []
    data = pickle.dumps(pack(["x" * 10_000]), protocol=5, buffer_callback=buffers.append)
    assert len(data) < 1000
    arrived = pickle.loads(data, buffers=buffers)
    assert arrived == ["x" * 10_000]
    sent = np.frombuffer(buffers[0].raw(), np.uint8)
    assert np.shares_memory(sent, arrived._column._arrays[0])


def test_a_tensor_takes_only_its_own_rows_along():
    rows = torch.arange(100_000).reshape(1000, 100)
    packed = pack([("row", row) for row in rows])
    assert packed.nbytes < 2 * rows.nbytes
    assert torch.equal(packed[7][1], rows[7])


def test_a_tensor_that_numpy_does_not_know_takes_only_its_own_rows_along():
    rows = torch.arange(100_000, dtype=torch.bfloat16).reshape(10, -1)
    packed = pack(list(rows))
    assert packed.nbytes < 2 * rows.nbytes
    assert packed[7].dtype == torch.bfloat16
    assert torch.equal(packed[7], rows[7])


def test_a_parameter_stays_one():
    (packed,) = pack([torch.nn.Parameter(torch.ones(2))])
    assert type(packed) is torch.nn.Parameter
    assert packed.requires_grad


def test_an_array_that_is_read_can_be_written_to():
    packed = pack([np.zeros(2), np.zeros(3)])
    packed[0][0] = 1
    assert packed[0].tolist() == [0, 0]


def test_numpy_integers_serve_as_indices():
    assert pack(["a", "b"])[np.int64(-1)] == "b"


def test_a_list_is_a_dataset():
    batches = list(trueload.DataLoader(pack(list(range(6))), batch_size=3))
    assert [batch.tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5]]


def test_a_subset_takes_packed_indices():
    subset = torch.utils.data.Subset(torch.arange(10), pack([7, 3]))
    assert next(iter(trueload.DataLoader(subset, batch_size=2))).tolist() == [7, 3]


def test_slices_as_samples_become_a_batch():
    packed = pack([1, 2, 3])
    batch = torch.utils.data.default_collate([packed[:2], packed[1:]])
    assert [column.tolist() for column in batch] == [[1, 2], [2, 3]]


def test_it_is_not_equal_to_a_string_of_its_items():
    assert pack(["a", "b"]) != "ab"


def test_it_has_no_hash_as_a_list_has_none():
    with pytest.raises(TypeError, match="unhashable"):
        hash(pack([1]))


def test_it_shows_its_length_and_a_few_items():
    assert repr(pack([1, "b"])) == "<Packed, 2 items: [1, 'b']>"
    assert repr(pack(range(12_000))) == "<Packed, 12 000 items: [0, 1, 2, ...]>"
    assert repr(pack([])) == "<Packed, 0 items: []>"


def test_an_index_out_of_range_is_named():
    with pytest.raises(IndexError, match="index 3 is out of range, the packed list has 2 items"):
        pack([1, 2])[3]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            {"a": 1},
            "`pack` takes a list, got a mapping [TL105]\n\n" + MAPPING_HINT,
        ),
        ("text", "`pack` takes a list, got a single str [TL105]\n\nhint: put it into a list"),
        (b"text", "`pack` takes a list, got a single bytes [TL105]\n\nhint: put it into a list"),
        (7, "`pack` takes a list, got int 7 [TL105]\n\nhint: pass a list"),
        (
            ["a", (item for item in "b")],
            "item 1 cannot be packed: TypeError: cannot pickle 'generator' object [TL105]\n\n"
            + PICKLE_HINT,
        ),
    ],
)
def test_what_cannot_be_packed_is_refused(items, message):
    with pytest.raises(ArgumentError) as caught:
        pack(items)
    assert str(caught.value) == message


def test_the_example_in_the_documentation_is_true():
    assert doctest.testmod(packed) == (0, 3)


def test_only_pack_makes_one():
    with pytest.raises(TypeError):
        Packed([1, 2])
