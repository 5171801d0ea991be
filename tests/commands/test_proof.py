"""The demo's proof: it holds for an epoch gone through once, and for nothing else."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from trueload.commands.demo.proof import Record, prove, read
from trueload.commands.demo.resume import Crash
from trueload.commands.demo.screen import Screen

EPOCH = [Record((0, 5), "a"), Record((3, 1), "b"), Record((4, 2), "c"), Record((6, 7), "d")]
OTHER = Record((3, 1), "another")


def proof(kept=EPOCH[:2], lost=EPOCH[2:3], resumed=EPOCH[2:], n_samples=8, calm=EPOCH):
    return prove(n_samples, len(kept), calm=calm, killed=[*kept, *lost], resumed=resumed)


def test_an_epoch_that_goes_on_where_it_was_saved_is_proved():
    assert proof().holds


def test_a_proof_says_how_much_there_was_before_and_after_the_kill():
    found = proof()
    assert (found.killed_at, found.kept, found.lost, found.resumed) == (3, 4, 2, 4)
    assert (found.expected, found.batches) == (8, 4)


def test_a_batch_that_comes_again_is_counted_as_repeated():
    found = proof(resumed=[EPOCH[1], *EPOCH[2:]])
    assert (found.repeated, found.missed, found.holds) == (2, 0, False)


def test_a_sample_that_comes_again_in_another_batch_is_counted_as_repeated():
    found = proof(resumed=[Record((4, 0), "c"), EPOCH[3]])
    assert (found.repeated, found.missed, found.holds) == (1, 1, False)


def test_a_batch_that_is_left_out_is_counted_as_missed():
    found = proof(resumed=EPOCH[3:])
    assert (found.repeated, found.missed, found.holds) == (0, 2, False)


def test_an_epoch_that_ends_early_is_no_proof():
    found = proof(resumed=EPOCH[2:3])
    assert (found.missed, found.different, found.holds) == (2, 1, False)


def test_an_index_that_the_dataset_does_not_have_is_no_proof():
    found = proof(resumed=[*EPOCH[2:], Record((8,), "e")])
    assert (found.repeated, found.different, found.holds) == (1, 1, False)


def test_a_batch_of_other_bits_is_no_proof():
    found = proof(resumed=[EPOCH[2], replace(EPOCH[3], digest="x")])
    assert (found.repeated, found.missed, found.different, found.holds) == (0, 0, 1, False)


def test_batches_in_another_order_are_no_proof():
    found = proof(resumed=EPOCH[:1:-1])
    assert (found.repeated, found.missed, found.different, found.holds) == (0, 0, 2, False)


def test_a_lost_batch_that_was_another_one_is_no_proof():
    found = proof(lost=[replace(EPOCH[2], digest="x")])
    assert (found.different, found.holds) == (1, False)


def test_a_kept_batch_that_was_another_one_is_no_proof():
    found = proof(kept=[EPOCH[0], OTHER])
    assert (found.different, found.holds) == (1, False)


def test_an_uninterrupted_epoch_that_misses_a_sample_is_no_proof():
    found = proof(resumed=EPOCH[2:3], calm=EPOCH[:3])
    assert (found.missed, found.different, found.holds) == (2, 0, False)


@pytest.mark.parametrize(
    ("kept", "lost", "resumed"),
    [([], EPOCH[:1], EPOCH), (EPOCH[:2], EPOCH[2:], EPOCH[2:]), (EPOCH, [], [])],
    ids=["before anything was saved", "after the last batch", "with nothing to resume"],
)
def test_a_kill_that_was_not_in_mid_epoch_proves_nothing(kept, lost, resumed):
    found = proof(kept, lost, resumed)
    assert (found.repeated, found.missed, found.different) == (0, 0, 0)
    assert not found.holds


EDITS = ("leave out", "repeat", "exchange", "other bits", "other index")


@given(data=st.data(), order=st.permutations(range(12)), batch_size=st.integers(1, 5))
def test_no_edit_of_a_resumed_epoch_is_proved(data, order, batch_size):
    cuts = range(0, 12, batch_size)
    calm = [Record(tuple(order[cut : cut + batch_size]), f"bits {cut}") for cut in cuts]
    n_saved = data.draw(st.integers(1, len(calm) - 1))
    n_killed = data.draw(st.integers(n_saved, len(calm) - 1))
    killed, resumed = calm[:n_killed], calm[n_saved:]
    assert prove(12, n_saved, calm=calm, killed=killed, resumed=resumed).holds
    edited = _edited(resumed, data)
    found = prove(12, n_saved, calm=calm, killed=killed, resumed=edited)
    assert found.holds == (edited == resumed)


def _edited(records, data):
    edit = data.draw(st.sampled_from(EDITS))
    place = data.draw(st.integers(0, len(records) - 1))
    changed = list(records)
    if edit == "leave out":
        del changed[place]
    elif edit == "repeat":
        changed.insert(place, changed[data.draw(st.integers(0, len(records) - 1))])
    elif edit == "exchange":
        changed[place], changed[0] = changed[0], changed[place]
    elif edit == "other bits":
        changed[place] = replace(changed[place], digest="other")
    else:
        index = data.draw(st.integers(0, 12))
        changed[place] = replace(changed[place], indices=(index, *changed[place].indices[1:]))
    return changed


def test_a_record_survives_being_written(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text("".join(record.to_line() for record in EPOCH))
    assert read(path) == EPOCH


def test_a_line_that_a_kill_has_cut_off_is_no_record(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(EPOCH[0].to_line() + EPOCH[1].to_line()[:-1])
    assert read(path) == EPOCH[:1]


def test_other_weights_at_the_end_are_no_proof(tmp_path):
    assert Crash(proof(), same_weights=True, saved=tmp_path, pids=(1, 2)).holds
    assert not Crash(proof(), same_weights=False, saved=tmp_path, pids=(1, 2)).holds


def shown(found, *, same_weights=True):
    console = Console(file=io.StringIO())
    screen = Screen(console)
    screen.proof(found, (101, 202), same_weights=same_weights)
    screen.verdict(0.961, 8, holds=found.holds and same_weights)
    return console.file.getvalue()


def test_a_proof_that_holds_is_shown_line_by_line():
    assert (
        shown(proof())
        == """\
   killed process 101: after batch                       3  of 4
     samples up to its last saved state                  4
     samples after that, lost with it                    2  to be made again
   resumed process 202: samples                          4
   together                                              8  of 8

   samples repeated                                      0
   samples missed                                        0
   batches with different bits                           0  of 4
   network's weights at the end                       same  as in peace

   PROVED: every sample once, every batch the same to the last bit
   accuracy after epoch 8, killed and resumed: 96.1%
"""
    )


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (proof(resumed=[EPOCH[1], *EPOCH[2:]]), "samples repeated                       2"),
        (proof(resumed=EPOCH[3:]), "samples missed                         2"),
        (proof(kept=[EPOCH[0], OTHER]), "batches with different bits            1  of 4"),
    ],
)
def test_a_proof_that_fails_is_not_shown_as_proved(found, line):
    text = shown(found)
    assert "\n   NOT PROVED: the resumed epoch is not the epoch that would have been\n" in text
    assert "\n   PROVED" not in text
    assert line.split() in [row.split() for row in text.splitlines()]


def test_other_weights_are_not_shown_as_proved():
    text = shown(proof(), same_weights=False)
    assert "NOT PROVED" in text
    assert "differ  as in peace" in text
