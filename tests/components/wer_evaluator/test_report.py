"""The report: whole, escaped, without the network."""

import re

from components.wer_evaluator.gate import decide
from components.wer_evaluator.report import render_report
from components.wer_evaluator.settings import GateSettings

ROW = {
    "utterance_id": "1-2-0003", "split": "test-a", "speaker_id": "1", "gender": "F", "seconds": 1.5,
    "reference": "A CAT SAT", "hypothesis": "A BAT SAT DOWN", "hypothesis_onnx": "A BAT SAT DOWN", "words": 3,
    "substitutions": 1, "deletions": 0, "insertions": 1,
}  # fmt: skip
COUNTS = {
    "utterances": 1, "words": 3, "substitutions": 1, "deletions": 0, "insertions": 1, "wrong_utterances": 1,
    "wer": 2 / 3,
}  # fmt: skip
METRICS = {
    "expected_splits": ["test-a"],
    "splits": {
        "test-a": {
            **COUNTS,
            "interval": {"low": 0.5, "high": 0.8, "unit": "utterance"},
            "promised": {"utterances": 1, "words": 3},
            "slices": {"gender=F": COUNTS},
        }
    },
    "exports": {"onnx": {"utterances": 1, "text_agreement": 1.0, "largest_logit_difference": 0.0}},
    "anomalies": {"train": []},
    "baseline": None,
    "release_name": "a-model",
    "model_digest": "abc123",
}


def report(metrics=METRICS, rows=(ROW,)):
    return render_report(decide(metrics, GateSettings(max_wer=0.5)), metrics, rows)


def test_it_tells_verdict_rates_errors_and_provenance():
    page = report()
    for expected in (
        "Rejected: the model is not released.",
        "The WER of test-a is 66.7 %, above the ceiling of 50.0 %.",
        "50.0\u00a0% to 80.0\u00a0%",
        "bootstrap over utterances",
        "<del>CAT</del><ins>BAT</ins>",
        "<td>CAT</td><td>BAT</td><td>1</td>",
        "<td><em>nothing</em></td><td>DOWN</td><td>1</td>",
        "<code>abc123</code>",
        "<title>a-model: REJECT</title>",
    ):
        assert expected in page, expected


def test_what_came_from_data_is_escaped():
    evil = "<SCRIPT>ALERT('1')</SCRIPT>"
    row = {**ROW, "reference": evil, "hypothesis": f"{evil} X", "utterance_id": '"><img src=x>', "split": "<b>"}
    page = report({**METRICS, "release_name": "<i>name</i>"}, [row])
    assert evil not in page
    assert "<img" not in page
    assert "<i>name" not in page
    assert "&lt;SCRIPT&gt;" in page


def test_it_asks_nothing_of_the_network():
    page = report()
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", page)


def test_no_error_is_said():
    row = {**ROW, "hypothesis": "A CAT SAT", "substitutions": 0, "insertions": 0}
    assert report(rows=[row]).count("There is no error.") == 2
