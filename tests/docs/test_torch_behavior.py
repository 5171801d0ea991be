"""Every row about torch's behavior, and every difference, names a test that there is."""

import ast
import re

import pytest

from .pages import ROOT, anchor

PAGE = ROOT / "docs" / "reference" / "torch-behavior.md"
TEXT = PAGE.read_text(encoding="utf-8")
_FILE = re.compile(r"[Tt]ests in\s+`(tests/[\w/]+\.py)`")
_TEST = re.compile(r"\*([^*]+)\*(?: \(`(tests/[\w/]+\.py)`\))?")
_SECTION = re.compile(r"^## (?P<title>.+)\n(?P<text>(?:(?!## ).*\n)*)", re.MULTILINE)
_DIFFERENCE = re.compile(r"^### (?P<title>\d+\. .+)\n(?P<text>(?:(?!### ).*\n)*)", re.MULTILINE)

SECTIONS = {match["title"]: match["text"] for match in _SECTION.finditer(TEXT)}
BEHAVIORS = {
    f"{title}: {row.split('|')[1].strip()}": (row.split("|")[2:4], _FILE.search(text)[1])
    for title, text in SECTIONS.items()
    if title != "Differences"
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)[2:]
}
DIFFERENCES = {
    match["title"]: match["text"] for match in _DIFFERENCE.finditer(SECTIONS["Differences"])
}


def names_in(file):
    """Give the names of the tests in a file, without running it."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def missing(text, file):
    """Give the tests that a text names and that are not there."""
    named = [(sentence, other or file) for sentence, other in _TEST.findall(text)]
    assert named, "no test is named"
    return [
        (sentence, place)
        for sentence, place in named
        if f"test_{sentence.replace(' ', '_')}" not in names_in(place)
    ]


def test_the_page_has_rows_and_differences():
    assert len(BEHAVIORS) > 50
    assert len(DIFFERENCES) > 10


@pytest.mark.parametrize("row", BEHAVIORS)
def test_a_row_names_a_test_that_there_is(row):
    (tests, _), file = BEHAVIORS[row]
    assert missing(tests, file) == []


@pytest.mark.parametrize("title", DIFFERENCES)
def test_a_difference_names_a_test_that_there_is(title):
    text = DIFFERENCES[title].rpartition("Tests:")[2]
    assert missing(text, "tests/torch_parity/test_deviations.py") == []


def test_every_test_of_a_deviation_is_named():
    named = {sentence for sentence, _ in _TEST.findall(" ".join(DIFFERENCES.values()))}
    there = names_in("tests/torch_parity/test_deviations.py")
    tests = {name for name in there if name.startswith("test_")}
    assert {f"test_{sentence.replace(' ', '_')}" for sentence in named} >= tests


@pytest.mark.parametrize("file", sorted({file for _, file in BEHAVIORS.values()}))
def test_every_test_of_a_documented_behavior_has_a_row(file):
    named = {
        (sentence, other or own)
        for (tests, _), own in BEHAVIORS.values()
        for sentence, other in _TEST.findall(tests)
    }
    tests = {name for name in names_in(file) if name.startswith("test_")}
    assert tests <= {
        f"test_{sentence.replace(' ', '_')}" for sentence, place in named if place == file
    }


def test_the_differences_are_numbered_from_1():
    numbers = [int(title.partition(".")[0]) for title in DIFFERENCES]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_a_row_links_to_is_the_difference_of_that_number():
    links = re.findall(r"\[(\d+)\]\(#([\w-]+)\)", TEXT)
    anchors = {title.partition(".")[0]: anchor(title) for title in DIFFERENCES}
    assert links
    assert [link for link in links if anchors[link[0]] != link[1]] == []
