"""The page: well formed, all text escaped, nothing fetched, and its charts show the numbers."""

import re
from html.parser import HTMLParser
from io import BytesIO

import pytest

from trueload.checks.registry import CHECKS
from trueload.evidence import Examined, Loader, Optimizer
from trueload.evidence.footage import (
    BatchShown,
    Footage,
    LabelCounts,
    LeafShown,
    Picture,
    Span,
    StepShown,
)
from trueload.findings import Place
from trueload.reports import Rule, html
from trueload.reports.html import charts
from trueload.reports.html.findings import marked, paragraphs
from trueload.reports.html.markup import Markup, duration, element, joined, number
from trueload.reports.html.png import encode

from .reports import report

PLACE = Place("train.py", 3, "<module>", "x")
GRAY = Picture(3, 2, 1, bytes(range(0, 240, 40)))
COLOR = Picture(2, 2, 3, bytes(range(12)))


class Page(HTMLParser):
    """Reads a page, and keeps what is in it; refuses elements that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    def all(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            held
            for name, held in self.elements
            if name == tag and all(held.get(key) == value for key, value in wanted.items())
        ]


def footage():
    train = Loader(0, PLACE, "Photos<T>", 640, 64, "RandomSampler")
    test = Loader(1, Place("train.py", 9), "Photos", None, None, "", 4)
    adam = Optimizer(0, "Adam", PLACE)
    image = LeafShown(
        name='batch["image"]',
        shape=(64, 1, 2, 3),
        dtype="float32",
        high=1.0,
        mean=0.25,
        deviation=0.5,
        not_finite=7,
        histogram=(10, 0, 2),
        pictures=(GRAY, COLOR),
    )
    labels = LeafShown("batch[1]", (64,), "int64", labels=("3", "7"))
    made = Footage()
    made.batches = [BatchShown(train, 0, 0, (image, labels)), BatchShown(test, 1, 2, (labels,))]
    made.labels = [
        LabelCounts(train, 0, 0, "batch[1]", ((3, 48), (7, 16))),
        LabelCounts(train, 0, 1, "batch[1]", ((7, 64),)),
    ]
    made.steps = [
        StepShown(adam, 0, 2.0, None, 0.1, 0.01),
        StepShown(adam, 1, float("nan"), None, 0.001, 0.01),
        StepShown(adam, 2, 1.0, None, 0.01, 0.01),
    ]
    for begin in (0.0, 1.0, 2.0):
        made.add_span(Span("wait", begin, begin + 0.25))
        made.add_span(Span("step", begin + 0.25, begin + 0.5))
    made.add_span(Span("wait", 3.0, 3.5))
    made.add_span(Span("step", 3.5, 13.0))
    return made


@pytest.fixture
def page():
    return Page(html.render(report(footage=footage())))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"footage": footage()},
        {"footage": Footage()},
        {"findings": (), "rules": (), "troubles": (), "script": "", "examined": Examined()},
    ],
)
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(changed):
    text = html.render(report(**changed))
    page = Page(text)
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object"})
    sources = [held[name] for _, held in page.elements for name in ("src", "href") if name in held]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in text
    assert "@import" not in text
    [policy] = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    [viewport] = page.all("meta", name="viewport")
    assert viewport["content"] == "width=device-width, initial-scale=1"


def test_the_page_has_every_finding_with_evidence_way_out_and_explanation(page):
    for finding in report().findings:
        assert f"{finding.code} {finding.name}" in page.text
        assert finding.hint.replace("`", "") in page.text.replace("  ", " ")
        for name, value in finding.evidence:
            assert name in page.texts
            assert value in page.texts
    assert "optimizer.step()" in page.texts
    assert len(page.all("article")) == 4
    assert "1 error" in page.texts
    assert "2 warnings" in page.texts
    assert "9 280" not in page.texts
    assert "384" in page.texts


def test_text_of_the_script_is_escaped(page):
    text = html.render(report(footage=footage()))
    assert "&lt;100 %&gt;" in text
    assert "Photos&lt;T&gt;" in text
    assert "TypeError: &lt;x&gt;" in text
    assert "<b>What it finds: </b>&lt;b&gt; &amp; <code>more</code>" in text


def test_nothing_found_is_said_with_how_much_looked():
    text = Page(html.render(report(findings=(), known=3))).text
    assert "Nothing found by 3 checks" in text
    assert "3 known from the baseline are left out" in text


def test_every_picture_and_chart_has_a_text(page):
    assert all(held["alt"] for held in page.all("img"))
    assert all(held["aria-label"] and held["role"] == "img" for held in page.all("svg"))
    assert [held["alt"] for held in page.all("img")] == [
        "Sample 0 of the batch, label 3",
        "Sample 1 of the batch, label 7",
    ]


def test_what_was_not_measured_has_no_chart(page):
    labels = [held["aria-label"] for held in page.all("svg", class_="plot")]
    assert [label.partition(" from")[0] for label in labels] == [
        "Loss",
        "Update, relative to the parameters",
        "Learning rate",
    ]
    assert "between 1 and 2, last 1, 1 not finite" in labels[0]
    [bad] = page.all("rect", class_="bad")
    assert (bad["x"], bad["width"]) == ("498", "4")


def test_times_add_up_and_a_long_step_does_not_flatten_the_others(page):
    [total, *rows] = [held["aria-label"] for held in page.all("svg", class_="row")]
    assert total == (
        "Shares of the time: wait: workers make the batch: 1.25 s, 10%; "
        "optimizer step: 10.2 s, 79%; other: 1.5 s, 12%"
    )
    assert rows[0] == "step 0: wait 250 ms, step 250 ms"
    assert len(rows) == 4
    assert "10 s →" in page.texts
    widths = [held["width"] for held in page.all("rect", class_="step")]
    assert widths[1:4] == ["500", "500", "500"]


def test_labels_are_shares_of_their_batch(page):
    rows = [held["aria-label"] for held in page.all("svg", class_="cells")]
    assert rows == ["epoch 0, batch 0: 3 75%, 7 25%", "epoch 0, batch 1: 7 100%"]
    strengths = [float(held["fill-opacity"]) for held in page.all("rect") if "fill-opacity" in held]
    assert strengths == pytest.approx([0.765, 0.295, 0.06, 1.0], abs=0.006)


def test_many_labels_share_columns():
    made = footage()
    made.labels = [LabelCounts(made.batches[0].loader, 0, 0, "b", tuple((n, 1) for n in range(99)))]
    page = Page(html.render(report(footage=made)))
    [row] = page.all("svg", class_="cells")
    assert row["viewbox"] == "0 0 25 1"
    assert row["aria-label"].startswith("epoch 0, batch 0: 0–3 4%, ")  # noqa: RUF001 - a range


@pytest.mark.parametrize("picture", [GRAY, COLOR])
def test_a_picture_reads_back_as_png(picture):
    image = pytest.importorskip("PIL.Image").open(BytesIO(encode(picture)))
    assert image.size == (picture.width, picture.height)
    assert image.tobytes() == picture.pixels


def test_a_line_goes_through_its_values_and_stops_where_there_is_none():
    drawn = charts.line("Loss", [0, 5, 10, 15, 20], [0, 10, float("inf"), 5, 0], "step")
    [path] = re.findall(r' d="([^"]+)"', drawn)
    assert path == "M0 100L0 100L250 0M750 50L750 50L1000 100"


def test_values_that_are_not_finite_in_a_row_are_one_band():
    bad = float("nan")
    drawn = charts.line("Loss", [0, 10, 20, 30, 40], [bad, 1, bad, bad, bad], "step")
    bands = re.findall(r'<rect x="([-\d.]+)" y="0" width="([\d.]+)"', drawn)
    assert bands == [("-2", "4"), ("498", "504")]


def test_an_axis_is_logarithmic_where_values_differ_by_much():
    assert charts.axis_of([1, 10, 29]).log is False
    axis = charts.axis_of([1, 100])
    assert axis.log
    assert axis.at(10) == pytest.approx(50)
    assert charts.axis_of([0, 1000]).log is False
    assert charts.axis_of([float("nan")]) is None
    assert charts.axis_of([3, 3]).at(3) == 50


def test_a_histogram_leaves_out_what_is_empty():
    bars = re.findall(r'x="([\d.]+)" y="([\d.]+)"', charts.histogram((10, 0, 5), "values"))
    assert bars == [("0.05", "0"), ("2.05", "10")]


def test_markup_escapes_text_once():
    inner = element("b", "1 < 2 & 3")
    assert inner == "<b>1 &lt; 2 &amp; 3</b>"
    assert element("p", inner, " > ", class_='a"b') == '<p class="a&quot;b">' + inner + " &gt; </p>"
    assert joined(None, ["a", Markup("<i>")]) == "a<i>"
    assert marked("call `f(<x>)` or `") == "call `f(&lt;x&gt;)` or `"
    assert marked("call `f(<x>)`") == "call <code>f(&lt;x&gt;)</code>"


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1e-7, "1e-07"), (float("nan"), "NaN"), (-3.0, "-3")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(2.34, "2.34 s"), (0.02, "20 ms"), (4e-5, "40 us")])
def test_durations_have_the_unit_that_suits_them(value, text):
    assert duration(value) == text


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_the_page_of_every_check_has_its_code_and_loses_no_word(check):
    shown = Page("".join(paragraphs(check.page())))
    assert len(shown.all("pre")) >= 2
    words = re.sub(r"[\s`]+", "", check.page())
    assert re.sub(r"[\s`]+", "", "".join(shown.texts)) == words


def test_a_rule_without_a_page_is_only_named():
    assert Rule("TL1", "a", report().findings[0].severity, "").summary == ""
    page = Page(html.render(report(rules=())))
    assert "TL701 missing-zero-grad" in page.texts
