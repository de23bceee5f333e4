"""The report of a pre-trained model: whole, escaped, without the network."""

import html

from components.pretraining_evaluator.gate import decide
from components.pretraining_evaluator.report import render_report
from components.pretraining_evaluator.settings import PretrainingGateSettings
from tests.strict_page import StrictPage

ROW = {
    "utterance_id": "1-2-0003", "split": "validation", "speaker_id": "<b>1", "gender": "F", "seconds": 1.5,
    "masked_frames": 20, "correct_frames": 15, "contrastive_loss": 1.25,
}  # fmt: skip
SPLIT = {
    "utterances": 1, "samples": 24_000, "masked_frames": 20, "utterances_without_masks": 0, "negatives": 100,
    "contrastive_loss": 1.25, "chance_loss": 4.615, "interval": {"low": 1.2, "high": 1.3, "unit": "utterance"},
    "accuracy": 0.75, "code_perplexity": 31.5, "code_perplexities": [16.0, 15.5], "codes": 128, "codes_unused": 9,
    "promised": {"utterances": 1, "samples": 24_000},
}  # fmt: skip
METRICS = {
    "expected_splits": ["validation"],
    "splits": {"validation": SPLIT},
    "exports": {name: {"utterances": 1, "largest_difference": 0.0} for name in ("saved_model", "onnx")},
    "anomalies": {"train": []},
    "baseline": None,
    "release_name": "a-<model>",
    "model_digest": "abc123",
}


def report(metrics=METRICS, rows=(ROW,)):
    return render_report(decide(metrics, PretrainingGateSettings(max_contrastive_loss=2.0)), metrics, rows)


def test_it_tells_verdict_loss_codes_and_provenance():
    page = report()
    assert "Accepted: the model may be released." in page
    assert "validation <strong>1.25</strong> nats, 31.5 of 128 codes" in page
    assert "1.2 to 1.3" in page
    assert "75.0\u00a0%" in page
    assert "16, 15.5" in page
    assert "Each masked frame is to be told from 100 others." in page
    assert "abc123" in page


def test_what_comes_from_data_is_escaped():
    page = report()
    assert "<b>1" not in page
    assert "&lt;b&gt;1" in page
    assert "<h1>a-&lt;model&gt;</h1>" in page


def test_it_needs_no_network_and_is_whole():
    read = StrictPage(report())
    assert read.sounds == []
    assert "default-src 'none'" in html.unescape(report())


def test_nothing_measured_is_a_page_all_the_same():
    page = report({**METRICS, "splits": {}}, ())
    assert "Rejected: the model is not released." in page
    nothing = {**SPLIT, "contrastive_loss": float("nan"), "accuracy": float("nan"), "interval": None}
    assert "Rejected" in report({**METRICS, "splits": {"validation": nothing}}, ({**ROW, "masked_frames": 0},))
