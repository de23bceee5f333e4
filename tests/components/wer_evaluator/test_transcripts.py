"""Any system's transcripts by the rules of the gate."""

import dataclasses

import pytest

from components.evaluation.naming import baseline_name
from components.wer_evaluator.report import render_transcripts_report
from components.wer_evaluator.settings import GateSettings
from components.wer_evaluator.transcripts import NamedFile, judge_transcripts, subsets_of
from model.errors import DataError
from model.metrics import ScoringSettings, Transcript

SCORING = ScoringSettings(resamples=100, margin=0.05)
GATE = GateSettings(max_wer=0.3, non_inferiority_margin=0.05, first_run="review")
FILES = {name: NamedFile(f"{name}.tsv", f"hash of {name}") for name in ("references", "hypotheses", "baseline")}
REFERENCES = [
    Transcript(f"{speaker}-1-{number}", "one two three four", str(speaker), subset=f"test-{'ab'[number]}", seconds=2.0)
    for speaker in range(6)
    for number in range(2)
]
HEARD = {one.utterance_id: "one two three" if one.subset == "test-b" else one.text for one in REFERENCES}
RIGHT = {one.utterance_id: one.text for one in REFERENCES}


def judged(baseline=None, gate: GateSettings | None = GATE, references=REFERENCES):
    files = {name: file for name, file in FILES.items() if name != "baseline" or baseline is not None}
    return judge_transcripts(subsets_of(references, "said"), HEARD, baseline, files, SCORING, gate)


def outcomes(found):
    return {check.name: check.verdict for check in found.decision.checks}


def test_subsets_are_those_that_are_named():
    parts = subsets_of([*REFERENCES, Transcript("x", "yes")], "said")
    assert {name: len(own) for name, own in parts.items()} == {"test-a": 6, "test-b": 6, "unknown": 1}
    assert list(subsets_of([Transcript("x", "yes")], "said")) == ["said"]


def test_each_subset_is_judged_by_itself():
    found = judged(RIGHT)
    assert found.decision is not None
    assert found.decision.verdict == "REJECT"
    assert outcomes(found) == {
        "max_wer/test-a": "PASS", "max_wer/test-b": "PASS",
        "worst_slice/test-a": "NOT APPLICABLE", "worst_slice/test-b": "NOT APPLICABLE", "baseline": "PASS",
        "non_inferiority/test-a": "PASS", "non_inferiority/test-b": "FAIL",
        "deletions/test-a": "NOT APPLICABLE", "deletions/test-b": "NOT APPLICABLE",
    }  # fmt: skip
    (reason,) = found.decision.reasons
    assert reason.startswith("On test-b the system's WER is 25.00 points worse than that of the baseline, and at most")
    told = {check.name: check.reason for check in found.decision.checks}
    assert told["baseline"].startswith("The baseline, baseline.tsv (sha256 hash of base), was run on the same")
    assert not any("blessed" in reason for reason in told.values())
    assert baseline_name(found.metrics) == "baseline"


def test_what_only_a_model_has_is_absent():
    found = judged()
    assert set(found.metrics) == {
        "format_version", "expected_splits", "splits", "files", "release_name", "model_digest", "release_digest",
        "baseline", "code", "configuration",
    }  # fmt: skip
    assert (found.metrics["model_digest"], found.metrics["baseline"]) == ("hash of hypotheses", None)
    assert found.metrics["configuration"]["gate"] == {"max_wer": 0.3, "non_inferiority_margin": 0.05}
    assert len(found.rows) == 12
    assert {key: found.rows[0][key] for key in ("split", "speaker_id", "gender", "seconds")} == {
        "split": "test-a", "speaker_id": "0", "gender": None, "seconds": 2.0,
    }  # fmt: skip


def test_a_report_has_durations_where_they_are_known():
    found = judged(RIGHT)
    page = render_transcripts_report(found.decision, found.metrics, found.rows)
    assert "Duration against error" in page
    assert "hash of references" in page
    assert "the second what the system heard" in page
    assert "On test-b, the system is <strong>" in page
    assert "the model " not in page
    silent = [dataclasses.replace(one, seconds=None) for one in REFERENCES]
    found = judged(RIGHT, gate=None, references=silent)
    assert found.decision is None
    page = render_transcripts_report(None, found.metrics, found.rows)
    assert "Duration against error" not in page
    assert "No gate was asked for." in page


def test_a_subset_without_a_word_is_said():
    with pytest.raises(DataError, match="The references must hold at least one word"):
        judged(references=[*REFERENCES[1:], dataclasses.replace(REFERENCES[0], text="", subset="empty")])
