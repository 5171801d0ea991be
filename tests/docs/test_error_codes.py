"""Every code that the loader can show has a section in the reference, and the other way round.

The codes of checks have their pages in the checks themselves, see `tests/unit/test_checks.py`.
"""

import re

from .pages import PAGES, ROOT, headings

REFERENCE = ROOT / "docs" / "reference" / "errors.md"
_CODE = re.compile(r"\bTL\d{3}\b")
_USED = re.compile(r'"(TL\d{3})"')
_SECTION = re.compile(r"^## (TL\d{3})\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PARTS = ("**What.**", "**Why.**", "**Way out.**", "```")


def _in_source():
    files = (ROOT / "src").rglob("*.py")
    return {code for file in files for code in _CODE.findall(file.read_text(encoding="utf-8"))}


def _of_loader():
    """Give the codes of what is rendered elsewhere than by a check."""
    texts = (
        file.read_text(encoding="utf-8")
        for file in (ROOT / "src" / "trueload").rglob("*.py")
        if not {"checks", "commands"} & set(file.parts)
    )
    return {code for text in texts for code in _USED.findall(text)}


def _sections():
    return dict(_SECTION.findall(REFERENCE.read_text(encoding="utf-8")))


def test_the_source_has_codes():
    assert len(_in_source()) > 5


def test_every_code_in_the_source_has_a_section():
    assert _of_loader() <= _sections().keys()


def test_every_section_is_about_a_code_in_the_source():
    assert _sections().keys() <= _of_loader()


def test_the_sections_are_in_order():
    codes = [heading for heading in headings(REFERENCE) if _CODE.fullmatch(heading)]
    assert codes == sorted(set(codes))


def test_every_section_says_what_why_and_the_way_out_and_shows_an_example():
    lacking = {
        code: [part for part in PARTS if part not in text] for code, text in _sections().items()
    }
    assert not {code: parts for code, parts in lacking.items() if parts}


def test_every_code_that_a_page_names_is_known():
    named = {code for page in PAGES for code in _CODE.findall(page.read_text(encoding="utf-8"))}
    assert named <= _in_source()
