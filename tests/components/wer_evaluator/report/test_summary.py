"""What a reviewer reads first."""

import html
import re

import pytest

from components.wer_evaluator.report.summary import headline


def text_of(page):
    return html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\u00a0", " ")


def test_rate_interval_and_size_of_each_split(alone):
    metrics, _ = alone
    found = metrics["splits"]["test-a"]
    told = text_of(headline({**metrics, "expected_splits": ["test-a", "test-b"]}))
    # Of 18 words, one is another, two are left out, and one is added.
    assert "WER, test-a22.22 %" in told
    assert f"{100 * found['interval']['low']:.2f} to {100 * found['interval']['high']:.2f} % (95 % interval)" in told
    assert "4 errors in 18 words, 5 utterances, 2 speakers" in told
    assert "test-bnot measured" in told
    assert "blessed" not in told


def test_the_comparison_is_one_sentence_after_another(compared):
    metrics, _ = compared
    told = text_of(headline(metrics))
    # The one before has five errors: two, one, none, none and two.
    assert "On test-a, the model is 5.56 points better than the latest blessed model (old), which has 27.78 %" in told
    assert re.search(r"It is better in \d+\.\d % of 100 test sets that were drawn from this one\.", told)
    assert re.search(
        r"Two models that err alike would differ as much in \d+ of 100 test sets \(MAPSSWE, p = 0\.\d+\)", told
    )
    assert "so it may well be chance." in told


@pytest.mark.parametrize(
    ("p_value", "told"),
    [
        (0.0004, "in fewer than 1 of 1,000 test sets (MAPSSWE, p < 0.001), so it is hardly chance."),
        (0.012, "in 1.2 of 100 test sets (MAPSSWE, p = 0.012), so it is hardly chance."),
        (0.4, "in 40 of 100 test sets (MAPSSWE, p = 0.4), so it may well be chance."),
        (None, "The matched-pairs test (MAPSSWE) can say nothing of so few errors."),
    ],
)
def test_what_the_matched_pairs_say(compared, p_value, told):
    metrics, _ = compared
    found = metrics["splits"]["test-a"]
    baseline = {**found["baseline"], "matched_pairs": {**found["baseline"]["matched_pairs"], "p_value": p_value}}
    assert told in text_of(headline({**metrics, "splits": {"test-a": {**found, "baseline": baseline}}}))


def test_nothing_measured_is_said():
    assert headline({}) == "<p>Nothing was measured.</p>"
