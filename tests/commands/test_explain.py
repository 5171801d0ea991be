"""`trueload explain`: the pages of checks and errors."""

import sys

from trueload.checks.registry import CHECKS

from .programs import python, trueload


def test_the_page_of_a_check_by_code_and_by_name():
    page = trueload("explain", "TL701").stdout
    assert page.startswith("TL701 missing-zero-grad (error)\n\n")
    assert "\n\nWhy it matters: " in page
    assert trueload("explain", "missing-zero-grad").stdout == page


def test_the_section_of_an_error_of_the_loader():
    assert "`None` instead of a sample" in trueload("explain", "tl201").stdout


def test_all_checks_are_listed():
    lines = trueload("explain").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(CHECKS)


def test_what_nobody_knows_is_wrong_use():
    done = trueload("explain", "TL000")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'TL000'" in done.stderr


def test_explaining_needs_neither_torch_nor_numpy():
    code = (
        "import sys; from trueload.commands import main; main(['explain', 'TL701'])\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    assert python("-c", code).returncode == 0, sys.executable
