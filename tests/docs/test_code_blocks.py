"""Every `python` block of the documentation runs by itself, as a script of its own would.

A block that cannot run says why, in a comment in front of it: `<!-- not run: reason -->`. All run
in the process of the tests, each in a namespace and a folder of its own, because importing torch
anew for each would take most of the time.
"""

import pytest

from trueload.seeds import preserved

from .pages import PAGES, blocks

PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]
RUN = [block for block in PYTHON if not block.not_run]
MOST_LINES = 30


@pytest.mark.parametrize("block", RUN, ids=lambda block: f"{block.page}:{block.line}")
def test_a_code_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "\n" * block.line + block.code  # so that a traceback names the line of the page
    namespace = {"__name__": "__main__"}
    try:
        with preserved():
            exec(compile(lines, block.page, "exec"), namespace)  # noqa: S102 - its purpose
    finally:
        namespace.clear()  # functions hold their namespace: iterators would keep their workers


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: f"{block.page}:{block.line}")
def test_a_code_block_fits_on_a_screen(block):
    assert block.code.count("\n") <= MOST_LINES


def test_the_readme_has_an_example_that_runs():
    assert any(block.page == "README.md" for block in RUN)


def test_most_code_blocks_run():
    assert len(RUN) > 0.8 * len(PYTHON)
