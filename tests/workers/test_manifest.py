"""Workers say of a bad sample whether its file is what it was, wherever they work."""

import os

from tests.unit.test_manifest import Labels, file_fact, root  # noqa: F401 - a fixture
from trueload import DataLoader
from trueload.manifest import NAME


def test_a_file_that_has_changed_is_named_by_workers_too(root):  # noqa: F811 - the fixture
    os.truncate(root / "1.json", 0)
    loader = DataLoader(Labels(root), num_workers=2, manifest=root / NAME)
    said = f"{str(root / '1.json')!r}, changed since the manifest: 0 bytes, 4 then"
    assert file_fact(loader) == said


def test_a_relative_manifest_is_found_by_workers_that_go_elsewhere(root, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.chdir(root)
    loader = DataLoader(
        Labels(root), num_workers=1, manifest=NAME, worker_init_fn=lambda _: os.chdir("/")
    )
    assert file_fact(loader).endswith("as it was in the manifest")
