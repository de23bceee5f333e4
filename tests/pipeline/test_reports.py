"""Reports that are rendered anew with what people decided."""

import dataclasses

from components.decisions import DecisionRecord, create_decision
from components.evaluation.history import PastEvaluation
from pipeline.reports import past_evaluations, require_report, write_report
from pipeline.runs import read_run, read_runs


def decision_about(run, word, reason):
    return DecisionRecord(
        word,
        reason,
        "jane@host",
        "2026-01-01T00:00:00+00:00",
        run.run_id,
        "ACCEPT",
        "7" * 64,
        run.release_digest,
        "9" * 64,
    )


def test_a_report_lies_beside_the_record_and_is_written_again_with_each_decision(workspace, judge):
    run = judge("20260101T000000Z-aaaa", "ACCEPT")
    original = (run.evaluation / "report.html").read_text()
    for number, reason in enumerate(("First & foremost.", "Second."), start=1):
        judged = read_run(workspace, run.run_id).judged
        assert judged is not None
        create_decision(judged.decisions_place, number, decision_about(run, "reject", reason))
        entry = read_run(workspace, run.run_id)
        require_report(entry)
        path = write_report(workspace, entry, [entry])
        assert path == workspace.runs_dir / run.run_id / "report.html"
        assert read_run(workspace, run.run_id).report == str(path)
        page = path.read_text()
        assert page.count("<td>rejected</td>") == number
        assert "<td>First &amp; foremost.</td>" in page
    assert (run.evaluation / "report.html").read_text() == original


def test_the_history_is_of_the_evaluations_up_to_that_run(workspace, judge):
    first = judge("20260101T000000Z-aaaa", "ACCEPT")
    judge("20260102T000000Z-bbbb", "REJECT", content="other")
    third = judge("20260103T000000Z-cccc", "NEEDS_REVIEW", content="third")
    judge("20260104T000000Z-dddd", "ACCEPT", content="later")
    judged = read_run(workspace, first.run_id).judged
    assert judged is not None
    create_decision(judged.decisions_place, 1, decision_about(first, "reject", "It drops <names>."))
    runs = read_runs(workspace)
    entry = read_run(workspace, third.run_id)
    found = past_evaluations(entry, runs)
    assert found == (
        PastEvaluation(
            first.run_id, "2026-01-01T00:00:00+00:00", "ACCEPT", "WER", {"test-a": 0.25},
            "rejected by jane@host: It drops <names>.",
        ),
        PastEvaluation("20260102T000000Z-bbbb", "2026-01-01T00:00:00+00:00", "REJECT", "WER", {"test-a": 0.25}),
        PastEvaluation(third.run_id, "2026-01-01T00:00:00+00:00", "NEEDS_REVIEW", "WER", {"test-a": 0.25}, "", True),
    )  # fmt: skip
    page = write_report(workspace, entry, runs).read_text()
    assert page.count("<td>2026-01-01 00:00</td>") == 3
    assert "It drops &lt;names&gt;." in page
    assert "20260104T000000Z-dddd" not in page


def test_an_evaluation_from_the_cache_is_told_once_and_what_is_no_evaluation_not_at_all(workspace, judge):
    first = judge("20260101T000000Z-aaaa", "ACCEPT")
    entry = read_run(workspace, first.run_id)
    again = dataclasses.replace(entry, record=dataclasses.replace(entry.record, run_id="20260102T000000Z-bbbb"))
    nothing = dataclasses.replace(
        entry, record=dataclasses.replace(entry.record, run_id="20260101T000000Z-cccc"), judged=None, verdict=None
    )
    broken = dataclasses.replace(
        entry, record=dataclasses.replace(entry.record, run_id="20260101T000000Z-dddd"), problem="It is broken."
    )
    other = dataclasses.replace(
        entry, record=dataclasses.replace(entry.record, run_id="20260101T000000Z-eeee", pipeline="another")
    )
    (found,) = past_evaluations(again, [again, nothing, broken, other, entry])
    assert (found.run_id, found.is_this) == (first.run_id, True)


def test_a_pre_trained_model_has_its_own_measure(workspace, judge):
    entry = read_run(workspace, judge("20260101T000000Z-aaaa", "ACCEPT").run_id)
    record = dataclasses.replace(entry.record, config={"train": {"task": "pretraining"}})
    measures = {"validation": {"contrastive_loss": 1.5, "accuracy": 0.5}}
    backbone = dataclasses.replace(entry, record=record, wer={}, measures=measures)
    (found,) = past_evaluations(backbone, [])
    assert (found.measure, found.values) == ("contrastive loss, nats", {"validation": 1.5})


def test_a_recogniser_of_which_nothing_was_measured_keeps_its_measure(workspace, judge):
    entry = read_run(workspace, judge("20260101T000000Z-aaaa", "REJECT").run_id)
    (found,) = past_evaluations(dataclasses.replace(entry, wer={}, measures={}), [])
    assert (found.measure, found.values) == ("WER", {})
