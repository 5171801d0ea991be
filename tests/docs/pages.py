"""The pages of the repository, and what the tests read from them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^\n`]*)$")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$", re.MULTILINE)
_NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>\S.*) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: The page, from the root of the repository.
        line: The line of its opening fence, from 1.
        language: What stands behind the fence.
        code: What stands between the fences.
        not_run: Why it is not run, or nothing.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page):
    """Give all fenced blocks of a page."""
    found, opened, before, start, code = [], None, "", 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        match = _FENCE.match(line)
        if opened is not None and line.strip() == opened["fence"]:
            found.append(_block(page, start, opened, code, before))
            opened, before = None, ""
        elif opened is not None:
            code.append(line)
        elif match:
            opened, start, code = match, number, []
        elif line.strip():
            before = line.strip()
    assert opened is None, f"{name_of(page)}:{start}: the block is not closed"
    return found


def _block(page, line, opened, code, before):
    reason = _NOT_RUN.match(before)
    return Block(
        page=name_of(page),
        line=line,
        language=opened["language"].strip(),
        code="\n".join(code) + "\n",
        not_run=reason["reason"] if reason else "",
    )


def prose(page):
    """Give the text of a page without its fenced blocks."""
    kept, fence = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        match = _FENCE.match(line)
        if fence is None and match:
            fence = match["fence"]
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None:
            kept.append(line)
    return "\n".join(kept)


def headings(page):
    return [match["text"] for match in _HEADING.finditer(prose(page))]


def anchor(heading):
    """Give the anchor of a heading as GitHub and MyST make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")
