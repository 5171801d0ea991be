"""The demo's processes: how they save, how they are killed, and what they may not leave."""

import subprocess
import sys

import pytest
import torch

from trueload.commands.codes import Exit
from trueload.commands.demo import resume, story
from trueload.commands.demo.child import Plan, load, record_of, save
from trueload.commands.demo.resume import Child, ChildError, Drama

from .programs import ends_soon, environment, still_running

PLAN = {"pictures": "p", "saved": "s", "workers": 2, "seed": 0, "n_steps": 9}
FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print("both run", flush=True)
time.sleep(100)
"""


@pytest.fixture
def plan(tmp_path):
    plan = Plan(folder=str(tmp_path / "child"), **PLAN)
    plan.write()
    return plan


def start(code, **options):
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **options)


class Stateful:
    def __init__(self, state):
        self.state = state

    def state_dict(self):
        return self.state


def test_a_plan_survives_being_written(plan, tmp_path):
    assert Plan.read(tmp_path / "child" / "plan.json") == plan


def test_a_saved_training_holds_the_learner_the_loader_and_the_count(tmp_path):
    path = tmp_path / "training.pt"
    save(path, Stateful({"weight": 1.0}), Stateful({"batches": 3}), n_batches=3)
    assert load(path) == {"learner": {"weight": 1.0}, "loader": {"batches": 3}, "batches": 3}


def test_saving_leaves_the_last_state_or_the_new_one_never_half_of_one(tmp_path, monkeypatch):
    path = tmp_path / "training.pt"
    save(path, Stateful(1), Stateful(1), n_batches=1)

    def half(state, file):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        save(path, Stateful(2), Stateful(2), n_batches=2)
    assert load(path)["batches"] == 1


BATCH = [torch.zeros(2, 3), torch.tensor([1, 2]), torch.tensor([7, 5])]
CHANGED = {
    "a bit": [torch.tensor([[0, 0, 0], [0, 0, -0.0]]), *BATCH[1:]],
    "a dtype": [BATCH[0], BATCH[1].to(torch.int32), BATCH[2]],
    "a shape": [torch.zeros(3, 2), *BATCH[1:]],
    "a label": [BATCH[0], torch.tensor([1, 3]), BATCH[2]],
    "an index": [*BATCH[:2], torch.tensor([7, 6])],
}


def test_a_record_names_the_samples_of_a_batch():
    assert record_of(BATCH).indices == (7, 5)


def test_equal_batches_have_equal_records():
    assert record_of([tensor.clone() for tensor in BATCH]) == record_of(BATCH)


@pytest.mark.parametrize("what", CHANGED)
def test_a_batch_that_differs_in_anything_has_another_digest(what):
    assert record_of(CHANGED[what]).digest != record_of(BATCH).digest


def test_a_process_has_taken_as_many_batches_as_it_has_written_lines(plan):
    child = Child(plan, start(""))
    child.process.wait()
    assert child.taken() == 0
    plan.records.write_text('{"one": 1}\n{"two": 2}\n{"cut of')
    assert child.taken() == 2


def test_a_process_that_fails_is_told_with_what_it_said(plan, tmp_path):
    (tmp_path / "child" / "stderr.txt").write_text("ValueError: no pictures")
    child = Child(plan, start("raise SystemExit(4)"))
    child.process.wait()
    with pytest.raises(ChildError, match=r"ended with exit code 4\nValueError: no pictures"):
        child.is_running()


def test_ending_a_process_ends_its_workers(plan):
    env = environment()
    process = start(FAMILY, env=env, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert len(still_running(env["TRUELOAD_TEST_MARK"])) == 2
    Child(plan, process).end()
    assert ends_soon(lambda: not still_running(env["TRUELOAD_TEST_MARK"]))


class Scripted:
    """A child that has taken so many batches at each look, and is never a process."""

    def __init__(self, plan, taken):
        self.plan, self.steps, self.last, self.killed = plan, iter(taken), 0, False

    def taken(self):
        self.last = self.last if self.killed else next(self.steps, self.last)
        return self.last

    def is_running(self):
        return True

    def kill(self):
        self.killed = True

    end = kill


def play(monkeypatch, tmp_path, *scripts):
    """Let a drama kill one of scripted children; give the drama and who was started."""
    started, waiting = [], list(scripts)

    def begin(plan):
        started.append(Scripted(plan, waiting.pop(0)))
        return started[-1]

    monkeypatch.setattr(Child, "start", begin)
    monkeypatch.setattr(resume.time, "sleep", lambda seconds: None)
    plan = Plan(folder=str(tmp_path), **PLAN)
    return Drama(plan, 160, 20, lambda name, taken: None), started


def test_a_process_is_killed_in_the_middle_of_its_epoch(monkeypatch, tmp_path):
    drama, started = play(monkeypatch, tmp_path, range(21))
    killed = drama._kill_one()
    assert killed is started[0]
    assert killed.killed
    assert resume.SAVE_EVERY < killed.last < 20


def test_a_process_that_was_done_before_the_kill_is_followed_by_another(monkeypatch, tmp_path):
    drama, started = play(monkeypatch, tmp_path, [0, 20, 20], range(21))
    assert drama._kill_one() is started[1]
    assert all(child.killed for child in started)
    assert started[0].plan.folder != started[1].plan.folder


def test_processes_that_are_always_done_before_the_kill_are_told(monkeypatch, tmp_path):
    drama, started = play(monkeypatch, tmp_path, *[[20]] * resume.ATTEMPTS)
    with pytest.raises(ChildError, match="were done before they could be killed"):
        drama._kill_one()
    assert len(started) == resume.ATTEMPTS


def test_all_processes_end_when_a_drama_breaks_off(monkeypatch, tmp_path):
    drama, started = play(monkeypatch, tmp_path, range(21), range(21))

    def interrupt(name, taken):
        raise KeyboardInterrupt

    drama.watch = interrupt
    with pytest.raises(KeyboardInterrupt):
        drama.play(0)
    assert len(started) == 2
    assert all(child.killed for child in started)


def test_a_folder_to_keep_is_made_and_left(tmp_path):
    with story._folder(tmp_path / "new" / "folder") as folder:
        (folder / "file").touch()
    assert (tmp_path / "new" / "folder" / "file").exists()


def test_a_temporary_folder_is_removed():
    with story._folder(None) as folder:
        (folder / "file").touch()
    assert not folder.exists()


class Silent:
    """A screen that shows nothing, and a learner that knows nothing."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


@pytest.mark.parametrize(("holds", "code"), [(True, Exit.CLEAN), (False, Exit.FOUND)])
def test_the_exit_code_says_whether_the_proof_holds(holds, code, monkeypatch, tmp_path):
    crash = Silent()
    crash.holds, crash.saved, crash.proof, crash.pids = holds, None, None, (1, 2)
    crash.same_weights = holds
    monkeypatch.setattr(story, "_show_pictures", lambda *args: Silent())
    monkeypatch.setattr(story, "_train", lambda *args: Silent())
    monkeypatch.setattr(story, "_crash", lambda *args: crash)
    monkeypatch.setattr(story, "load", lambda path: {"learner": {}})
    monkeypatch.setattr(story, "held_out_loader", lambda folder: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    options = story.Options(2, 0, 0, tmp_path, quick=True)
    assert story.tell(options, Silent()) == code
