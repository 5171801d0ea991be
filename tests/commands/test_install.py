"""`trueload install`: the script runs as Python itself would run it, with our loader.

Where a test is about Python's ways, the same script runs under `python` too, and all that the two
show is compared: output, errors and exit code.
"""

import zipfile

import pytest

from .programs import environment, python, told, trueload

WHERE = """
import os, sys
print(sys.argv, sys.path[0], __name__, os.path.abspath(__file__), __package__)
"""
OF_SCRIPTS = {
    "its place": WHERE,
    "standard input": "import sys\nprint(sys.stdin.read().upper())",
    "its main module": "import __main__\nprint(vars(__main__) is globals(), __spec__)",
    "a class that is pickled": (
        "import pickle\nclass Own: pass\n"
        "print(type(pickle.loads(pickle.dumps(Own()))) is Own, Own.__module__)"
    ),
    "an end with a number": "raise SystemExit(7)",
    "an end with a text": "raise SystemExit('enough')",
    "an end with nothing": "print('so far')\nraise SystemExit",
    "an exception": (
        "def divide(by):\n    return 1 / by\n\ntry:\n    divide(0)\n"
        "except ZeroDivisionError as error:\n    raise ValueError('by 0') from error\n"
    ),
    "an interrupt": "print('so far', flush=True)\nraise KeyboardInterrupt",
    "a syntax error": "print('never')\nfor in range(3): pass\n",
    "a file that is not there": "open('not there')",
    "a module that is not there": "import not_there",
    "a hook for exceptions": (
        "import sys\nsys.excepthook = lambda kind, error, traceback: print('hook', kind, error)\n"
        "raise LookupError('lost')"
    ),
    "what runs at exit": (
        "import atexit, __main__\natexit.register(lambda: print(__main__.LATE))\nLATE = 1"
    ),
}
ARGUMENTS = {
    "none": [],
    "options like ours": ["-h", "--version", "-m", "x"],
    "two dashes": ["--", "x", "--"],
    "an empty one": [""],
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", OF_SCRIPTS)
def test_a_script_shows_and_ends_with_what_it_would_under_python(name, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(OF_SCRIPTS[name])
    ours = trueload("install", "train.py", "--epochs", "3", cwd=tmp_path, input="some text")
    theirs = python("train.py", "--epochs", "3", cwd=tmp_path, input="some text")
    assert told(ours) == told(theirs)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_script_gets_its_arguments_untouched(name, tmp_path):
    folder = tmp_path / "of scripts"
    folder.mkdir()
    (folder / "train.py").write_text(WHERE)
    line = ["of scripts/train.py", *ARGUMENTS[name]]
    assert told(trueload("install", *line, cwd=tmp_path)) == told(python(*line, cwd=tmp_path))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("module", ["package", "package.train", "package.broken", "lone"])
def test_a_module_shows_and_ends_with_what_it_would_under_python(module, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("NAME = 'ours'\n")
    (tmp_path / "package" / "__main__.py").write_text("from . import NAME\nprint(NAME)" + WHERE)
    (tmp_path / "package" / "train.py").write_text("from . import NAME\nprint(NAME)" + WHERE)
    (tmp_path / "package" / "broken.py").write_text("raise SystemExit('broken')")
    (tmp_path / "lone.py").write_text(WHERE)
    line = ["-m", module, "--epochs", "-m"]
    assert told(trueload("install", *line, cwd=tmp_path)) == told(python(*line, cwd=tmp_path))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [["not_there.py"], ["."], ["-m", "not_there"], ["-m", "not.there"]],
    ids=" ".join,
)
def test_what_cannot_be_started_is_told_in_pythons_words(line, tmp_path):
    ours, theirs = trueload("install", *line, cwd=tmp_path), python(*line, cwd=tmp_path)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr.replace("'.'", repr(str(tmp_path))) == theirs.stderr.replace(
        "'.'", repr(str(tmp_path))
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_or_an_archive_with_a_main_runs(packed, tmp_path):
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text("import other, sys\nprint(other.NAME, __name__, sys.argv)")
    (folder / "other.py").write_text("NAME = 'other'")
    target = folder
    if packed:
        target = tmp_path / "program.zip"
        with zipfile.ZipFile(target, "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
    assert told(trueload("install", target, "x")) == told(python(target, "x"))


LIBRARY = """
from torch.utils.data import DataLoader

def make(dataset):
    return DataLoader(dataset, batch_size=2)
"""
USER = """
import library, torch, trueload
from torch.utils.data import DataLoader
print(DataLoader is torch.utils.data.DataLoader is library.DataLoader is trueload.DataLoader)
print([batch.tolist() for batch in library.make([1, 2, 3])])
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("earlier", [False, True])
def test_the_loaders_of_libraries_are_ours(earlier, tmp_path):
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "train.py").write_text(USER)
    if earlier:  # Python imports this one before it runs anything.
        (tmp_path / "sitecustomize.py").write_text("import library")
    before = environment().get("PYTHONPATH", "")
    env = environment(PYTHONPATH=f"{tmp_path}:{before}")
    assert told(trueload("install", tmp_path / "train.py", env=env)) == (
        0,
        "True\n[[1, 2], [3]]\n",
        "",
    )
