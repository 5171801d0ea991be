"""Write `reference/checks.md` from the pages of the checks: `.venv/bin/python docs/checks.py`.

A test compares, so that no check is missing there and none is told in two ways.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path

from trueload.checks.base import Check
from trueload.checks.registry import CHECKS
from trueload.reports import Block, blocks

PAGE = Path(__file__).parent / "reference" / "checks.md"

_HEAD = """# Checks

<!-- Written by docs/checks.py from the docstrings of the checks. -->

What [`trueload check`](../how-to/check-a-script.md) looks for. `trueload explain TL701` and
`trueload explain missing-zero-grad` show the same pages. The examples are excerpts of scripts.

An *error* means that training does not do what the code says, a *warning* that it is probably worse
for it. A *note* is worth knowing and often on purpose; it never changes an exit code.
"""
_MARKS = re.compile(r"([*_<>\[\]])")
_ADDRESS = re.compile(r"(https?://[^\s,;)]*[^\s,;).])")


def page() -> str:
    """Give the text of the page."""
    checks = list(CHECKS.values())
    parts = [_HEAD, "\n".join(_table(checks)) + "\n"]
    for folder, several in groupby(checks, key=_folder):
        package = import_module(f"trueload.checks.{folder}")
        summary = (package.__doc__ or "").partition("\n")[0]
        parts.append(f"## {folder.capitalize()}\n\n{_text(summary)}\n")
        parts += [f"{_section(check)}\n" for check in several]
    return "\n".join(parts)


def _table(checks: list[type[Check]]) -> Iterator[str]:
    yield "| code | name | | what it says |"
    yield "|---|---|---|---|"
    for check in checks:
        link = f"[{check.code}](#{check.code.lower()}-{check.name})"
        summary = _text(check.page().partition("\n")[0])
        yield f"| {link} | `{check.name}` | {check.severity} | {summary} |"


def _folder(check: type[Check]) -> str:
    return check.__module__.split(".")[2]


def _section(check: type[Check]) -> str:
    parts = [f"### {check.code} {check.name}", f"{str(check.severity).capitalize()}."]
    return "\n\n".join([*parts, *map(_shown, blocks(check.page()))])


def _shown(block: Block) -> str:
    """Give a paragraph, or a name with the code below it."""
    heading, text, is_code = block
    if is_code:
        return f"**{heading}**\n\n```py\n{text}\n```"
    if heading:
        is_address = text.startswith("http")
        return f"**{heading}.** {_text(text if is_address else text[:1].upper() + text[1:])}"
    return _text(text)


def _text(text: str) -> str:
    """Keep what would be a mark of Markdown outside of code from being one."""
    parts = text.split("`")
    return "`".join(part if place % 2 else _prose(part) for place, part in enumerate(parts))


def _prose(text: str) -> str:
    parts = _ADDRESS.split(text)
    return "".join(
        f"<{part}>" if place % 2 else _MARKS.sub(r"\\\1", part) for place, part in enumerate(parts)
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
