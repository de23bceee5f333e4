"""Reports that are rendered anew with what people decided."""

from components.decisions import DecisionRecord, create_decision
from pipeline.reports import require_report, write_report
from pipeline.runs import read_run


def test_a_report_lies_beside_the_record_and_is_written_again_with_each_decision(workspace, judge):
    run = judge("20260101T000000Z-aaaa", "ACCEPT")
    original = (run.evaluation / "report.html").read_text()
    for number, reason in enumerate(("First & foremost.", "Second."), start=1):
        judged = read_run(workspace, run.run_id).judged
        assert judged is not None
        record = DecisionRecord(
            "reject", reason, "jane@host", "2026-01-01T00:00:00+00:00", run.run_id, "ACCEPT", "7" * 64,
            run.release_digest, "9" * 64,
        )  # fmt: skip
        create_decision(judged.decisions_place, number, record)
        entry = read_run(workspace, run.run_id)
        require_report(entry)
        path = write_report(workspace, entry)
        assert path == workspace.runs_dir / run.run_id / "report.html"
        assert read_run(workspace, run.run_id).report == str(path)
        page = path.read_text()
        assert page.count("<td>rejected</td>") == number
        assert "<td>First &amp; foremost.</td>" in page
    assert (run.evaluation / "report.html").read_text() == original
