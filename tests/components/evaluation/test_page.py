"""The report with what people decided."""

import re

import pytest

from components.decisions import DecisionRecord
from components.evaluation.gate import Check, Decision
from components.evaluation.page import render_page, with_decisions
from model.errors import DataError

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


def test_what_is_no_report_is_refused():
    with pytest.raises(DataError, match="A report must be as the evaluator wrote it, and this one is not; run again"):
        with_decisions("<html></html>", [decided("approve", "Yes.")])
