"""Every relative link of the documentation leads to a file, and every anchor to a heading."""

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, anchor, headings, name_of, prose

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _links(page):
    targets = _LINK.findall(prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def _listed(page):
    """Give the pages that the tables of contents of a page name."""
    for tree in _TOCTREE.findall(page.read_text(encoding="utf-8")):
        for line in tree.splitlines():
            if line.strip() and not line.startswith(":"):
                yield (page.parent / f"{line.strip()}.md").resolve()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file(page):
    files = [target.partition("#")[0] for target in _links(page)]
    assert [file for file in files if not (page.parent / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_anchor_leads_to_a_heading(page):
    missing = []
    for target in _links(page):
        file, _, fragment = target.partition("#")
        there = (page.parent / file) if file else page
        if fragment and fragment not in map(anchor, headings(there)):
            missing.append(target)
    assert missing == []


def test_every_page_of_the_documentation_is_in_a_table_of_contents():
    docs = ROOT / "docs"
    written = {page for page in PAGES if Path("docs") in page.relative_to(ROOT).parents}
    listed = {target for page in written for target in _listed(page)} | {docs / "index.md"}
    assert written == listed


def test_the_readme_links_to_pages():
    assert len(_links(ROOT / "README.md")) > 5
