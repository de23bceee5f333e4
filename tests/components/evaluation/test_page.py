"""The report with what people decided."""

import re

import pytest

from components.decisions import DecisionRecord
from components.evaluation.gate import Check, Decision
from components.evaluation.history import PastEvaluation
from components.evaluation.page import render_page, with_decisions, with_history
from model.errors import DataError
from tests.strict_page import StrictPage

METRICS = {"release_name": "<!-- decisions -->", "model_digest": "5" * 64, "release_digest": "6" * 64}
PAGE = render_page(
    Decision("NEEDS_REVIEW", (Check("approval", "REVIEW", "<!-- decisions -->"),)), METRICS, "", {"One": "<p>1</p>"}
)


def decided(word, reason, who="jane@host"):
    return DecisionRecord(word, reason, who, "2026-01-01T00:00:00+00:00", "r1", "NEEDS_REVIEW", "5", "6", "7")


def test_decisions_stand_below_the_verdict_the_latest_first():
    page = with_decisions(PAGE, [decided("reject", "No."), decided("approve", "Yes.")])
    section = re.search(r"<section><h2>What people decided.*?</section>", page)
    assert section is not None
    cells = re.findall(r"<td>(.*?)</td>", section[0])
    when = "2026-01-01T00:00:00+00:00"
    assert cells == ["approved", "Yes.", "jane@host", when, "r1", "rejected", "No.", "jane@host", when, "r1"]
    assert page.index("Needs review") < page.index("What people decided") < page.index("<h2>Checks</h2>")
    assert page.replace(section[0], "") == PAGE


def test_what_a_person_typed_is_escaped():
    evil = "<script>alert('1')</script><!-- decisions -->"
    page = with_decisions(PAGE, [decided("approve", evil, who='"><img src=x>@host')])
    assert evil not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;" in page
    assert page.count("What people decided") == 1


def test_without_a_decision_the_page_is_as_it_was():
    assert with_decisions(PAGE, []) == PAGE


def test_the_history_stands_at_the_end_and_changes_nothing_else():
    evil = "<script>alert('1')</script><!-- history --><!-- decisions --><!-- link to the history -->"
    past = PastEvaluation("r1", evil, "ACCEPT", "WER", {evil: 0.25}, evil, is_this=True)
    page = with_history(with_decisions(PAGE, [decided("approve", evil)]), [past])
    read = StrictPage(page)
    assert page.index("What people decided") < page.index("<h2>Provenance") < page.index("<h2>History</h2>")
    assert read.text.count(evil) == 3
    section = re.search(r'<section id="section-history"><h2>History.*?</section>', page)
    assert section is not None
    link = '<li><a href="#section-history">History</a></li>'
    without = page.replace(section[0], "<!-- history -->").replace(link, "<!-- link to the history -->")
    assert without == with_decisions(PAGE, [decided("approve", evil)])


def test_without_a_history_or_a_place_for_it_the_page_is_as_it_was():
    past = PastEvaluation("r1", "2026-01-01", "ACCEPT", "WER", {"test-a": 0.25})
    assert with_history(PAGE, []) == PAGE
    older = PAGE.replace("<!-- history -->", "")
    assert with_history(older, [past]) == older


def test_the_page_is_whole_without_its_marks_filled_and_may_load_nothing():
    assert StrictPage(PAGE).sounds == []
    assert 'content="default-src &#x27;none&#x27;;' in PAGE


def test_what_is_no_report_is_refused():
    with pytest.raises(DataError, match="A report must be as the evaluator wrote it, and this one is not; run again"):
        with_decisions("<html></html>", [decided("approve", "Yes.")])
