"""A loader with a manifest says of a bad sample whether its file is what it was."""

import json
import os

import pytest
from torch.utils.data import Dataset, IterableDataset

from trueload import DataLoader
from trueload.commands import main
from trueload.errors import ArgumentError
from trueload.manifest import NAME, since


class Labels(Dataset):
    """Reads a label from each file."""

    def __init__(self, root):
        self.samples = [(str(path), 0) for path in sorted(root.glob("*.json"))]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, _ = self.samples[index]
        with open(path) as file:  # noqa: PTH123 - as people do
            return json.load(file)


class Stream(IterableDataset):
    def __init__(self, root):
        self.root = root

    def __iter__(self):
        for path in sorted(self.root.glob("*.json")):
            yield json.loads(path.read_text())


@pytest.fixture
def root(tmp_path, capsys):
    for index in range(4):
        (tmp_path / f"{index}.json").write_text(f"{index:04}".replace("0", "1"))
    (tmp_path / "3.json").write_text("no number")
    assert main(["scrub", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


def file_fact(loader):
    """Give what the note on the exception of a loader says of the file."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a damaged file raises
        list(loader)
    (note,) = caught.value.__notes__
    (line,) = (line for line in note.splitlines() if line.startswith("  file"))
    return line.split("  ")[-1]


def test_a_file_that_has_changed_is_named_with_what_it_was(root):
    os.truncate(root / "1.json", 0)
    loader = DataLoader(Labels(root), manifest=root / NAME)
    said = f"{str(root / '1.json')!r}, changed since the manifest: 0 bytes, 4 then"
    assert file_fact(loader) == said


def test_a_file_that_is_what_it_was_is_said_to_be(root):
    loader = DataLoader(Labels(root), manifest=root / NAME)
    assert file_fact(loader) == f"{str(root / '3.json')!r}, as it was in the manifest"


def test_without_a_manifest_the_file_is_named_alone(root):
    assert file_fact(DataLoader(Labels(root))) == repr(str(root / "3.json"))


def test_the_file_of_a_stream_is_named_too(root):
    os.truncate(root / "0.json", 0)
    loader = DataLoader(Stream(root), manifest=str(root / NAME))
    assert "changed since the manifest" in file_fact(loader)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: None, "as it was in the manifest"),
        (lambda file: file.unlink(), "missing since the manifest, 4 bytes then"),
        (lambda file: os.truncate(file, 3), "changed since the manifest: 3 bytes, 4 then"),
        (lambda file: file.write_text("9999"), "changed since the manifest: written to, "),
    ],
)
def test_what_has_become_of_a_file(root, change, said):
    change(root / "1.json")
    assert since(root / NAME, str(root / "1.json")).startswith(said)


def test_a_damaged_file_keeps_its_time(root):
    file = root / "1.json"
    status = file.stat()
    file.write_text("1119")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "damaged, as it has the time that it had" in since(root / NAME, str(file))


def test_files_are_found_by_any_of_their_names(root, tmp_path_factory, monkeypatch):
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(root)
    monkeypatch.chdir(root)
    for path in ("1.json", f"../{root.name}/1.json", str(link / "1.json")):
        assert since(root / NAME, path) == "as it was in the manifest"
    assert since(root / NAME, "other.json") == "not in the manifest"


@pytest.mark.parametrize("manifest", [7, "nowhere.jsonl", __file__])
def test_what_is_no_manifest_is_refused(root, manifest):
    with pytest.raises(ArgumentError, match=r"manifest"):
        DataLoader(Labels(root), manifest=manifest)
