"""What was measured, and what it shares with the training."""

from components.evaluation.gate import Check
from components.wer_evaluator.report.test_set import test_set_section as section_of
from tests.evaluated import decision


def test_counts_stand_beside_what_the_gate_made_of_them(alone):
    metrics, _ = alone
    found = {
        **metrics["splits"]["test-a"],
        "promised": {"utterances": 5, "words": 20},
        "published": {"utterances": 6, "words": None},
    }
    # A normaliser may leave other words than ingest counted.
    found["raw"] = {"words": {**found["raw"]["words"], "words": 20}}
    checks = [
        Check("complete/test-a", "PASS", "All of it was measured."),
        Check("published/test-a", "NOT APPLICABLE", "A part is allowed."),
    ]
    changed = {**metrics, "splits": {"test-a": found}, "expected_splits": ["test-a", "test-b"]}
    section = section_of(changed, decision(*checks))
    assert '<td>5 utterances, 20 words <span class="outcome pass">PASS</span></td>' in section
    assert "<td>test-a</td><td>5</td><td>20</td>" in section
    assert '6 utterances, words not known <span class="outcome not-applicable">NOT APPLICABLE</span></td>' in section
    assert "<td>test-b</td><td>not measured</td>" in section
    assert "fail" not in section
    failed = section_of(changed, decision(Check("complete/test-a", "FAIL", "A word is missing.")))
    assert '20 words <span class="outcome fail">FAIL</span></td>' in failed


def test_what_is_shared_is_named(alone):
    metrics, _ = alone
    shared = "Shared with <code>train</code>: 0 speakers, 0 utterances, 2 sentences."
    assert shared in section_of(metrics, decision())
    leakage = {
        **metrics["leakage"],
        "against": ["train", "validation"],
        "shared_speakers": [f"<{number}>" for number in range(12)],
    }
    section = section_of({**metrics, "leakage": leakage}, decision())
    assert "Shared with <code>train</code> and <code>validation</code>: 12 speakers (&lt;0&gt;, " in section
    assert "&lt;9&gt; and 2 more)" in section
    assert "was not looked at" in section_of({**metrics, "leakage": None}, decision())


def test_a_recording_is_no_speaker_where_nobody_knows_who_speaks(alone):
    metrics, _ = alone
    leakage = {**metrics["leakage"], "speakers_known": False, "shared_speakers": ["a recording"]}
    found = {**metrics["splits"]["test-a"], "speakers": None}
    section = section_of({**metrics, "splits": {"test-a": found}, "leakage": leakage}, decision())
    assert ": speakers not known, 0 utterances," in section
    assert "a recording" not in section
    assert "<td>not known</td>" in section
