"""What a person may decide, and what comes of it; the run of the pushers is not run here."""

import contextlib
import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from components.decisions import create_decision, read_decisions, record_place
from model.errors import DataError, DiskFullError, ReleaseError, TryAgainError, UsageError
from model.storage import sha256_of_file
from pipeline import decide, decision
from pipeline.record import RunDirectory
from pipeline.runs import read_run, read_runs

RUN, OTHER = "20260101T000000Z-aaaa", "20260102T000000Z-bbbb"


@pytest.fixture
def pushed(monkeypatch, workspace, judge):
    """The requests of the runs that publish; each is put down as a run that has found what the judged one has."""
    requests = []

    def run_under_lock(place, config, request, console, run_id, lock_descriptor):
        holder = place.lock_holder()
        assert holder is not None
        assert holder.run_id == run_id, "the decision and the publication are under one lock"
        requests.append(request)
        judge(run_id, "NEEDS_REVIEW")
        return 0

    monkeypatch.setattr(decide, "run_under_lock", run_under_lock)
    return requests


@pytest.fixture
def say(workspace):
    """Decides; returns the outcome and what the terminal showed."""

    def say(word, reason="It is good.", run_id=RUN):
        screen = io.StringIO()
        outcome = getattr(decide, word)(workspace, run_id, reason, Console(file=screen, width=300))
        return outcome, screen.getvalue()

    return say


def records(workspace, run):
    place = read_run(workspace, run.run_id).judged
    assert place is not None
    return read_decisions(place.decisions_place, run.release_digest, "7" * 64)


def test_an_approval_is_recorded_blessed_and_published(workspace, judge, pushed, say, blessings, monkeypatch):
    monkeypatch.setattr(decision, "_who", lambda: "jane@host")
    run = judge(RUN, "NEEDS_REVIEW")
    outcome, screen = say("approve", "  Heard it.\n")
    (record,) = records(workspace, run)
    assert (record.decision, record.reason, record.who, record.run_id) == ("approve", "Heard it.", "jane@host", RUN)
    assert (record.verdict, record.release_digest, record.model_digest) == (
        "NEEDS_REVIEW",
        run.release_digest,
        "7" * 64,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.when)
    gate = run.evaluation / "gate.json"
    assert record.gate_sha256 == sha256_of_file(gate)
    first, second = blessings()[:2]
    place = record_place(f"{workspace.pipeline_root('smoke-synthetic')}/decisions", run.release_digest, 1)
    assert second == {**first, "blessed": 1, "decision": "approve", "decision_record": place}
    assert first["blessed"] == 0
    assert (first["current_model"], first["current_model_id"]) == (str(run.release), 1)
    assert [path.name for path in Path(place.removesuffix(".json")).iterdir()] == ["BLESSED"]
    (request,) = pushed
    assert (request.approved_run_id, request.options) == (RUN, ("--config", "smoke"))
    assert screen.startswith(f"The model of run {RUN} is approved: Heard it.\n")
    assert (outcome.exit_code, outcome.is_new, outcome.published_by) == (0, True, workspace.run_ids()[0])
    told = outcome.to_json()
    assert told["decision"] == record.to_json()
    assert "error" not in told
    assert workspace.lock_holder() is None


def test_a_rejection_is_recorded_and_publishes_nothing(workspace, judge, pushed, say, blessings):
    run = judge(RUN, "NEEDS_REVIEW")
    outcome, screen = say("reject", "It stammers.")
    assert [record.decision for record in records(workspace, run)] == ["reject"]
    assert [(one["blessed"], one.get("decision")) for one in blessings()] == [(0, None), (0, "reject")]
    assert pushed == []
    assert screen == f"The model of run {RUN} is rejected: It stammers.\n"
    assert (outcome.exit_code, outcome.published_by) == (0, None)


def test_the_last_word_counts(workspace, judge, pushed, say, blessings):
    run = judge(RUN, "NEEDS_REVIEW")
    say("approve")
    say("reject", "On second thoughts, no.")
    say("approve", "After all.")
    assert [record.decision for record in records(workspace, run)] == ["approve", "reject", "approve"]
    decided = [one for one in blessings() if "decision" in one]
    assert [(one["blessed"], one["decision"]) for one in decided] == [(1, "approve"), (0, "reject"), (1, "approve")]
    entry = read_run(workspace, RUN)
    assert entry.verdict == "NEEDS_REVIEW"
    assert entry.to_json()["decision"]["reason"] == "After all."


def test_an_equal_decision_again_changes_nothing_and_says_so(workspace, judge, pushed, say, blessings):
    run = judge(RUN, "NEEDS_REVIEW")
    say("reject", "It stammers.")
    (record,) = records(workspace, run)
    before = blessings()
    outcome, screen = say("reject", "Again.")
    assert not outcome.is_new
    assert outcome.exit_code == 0
    assert screen.startswith(
        f"The model of run {RUN} was rejected already, by {record.who} at {record.when}, so nothing"
    )
    assert "Again." not in screen
    assert records(workspace, run) == (record,)
    assert blessings() == before


def test_an_approval_again_publishes_what_is_not_published_yet(workspace, judge, pushed, say):
    run = judge(RUN, "NEEDS_REVIEW")
    say("approve")
    assert len(pushed) == 1
    say("approve")
    assert len(pushed) == 2, "the first did not publish anything here"
    assert len(records(workspace, run)) == 1
    publish(workspace, run, "saved_model", "onnx", "checkpoint")
    outcome, screen = say("approve")
    assert len(pushed) == 2
    assert "was approved already" in screen
    assert outcome.published_by is None


def publish(workspace, run, *formats):
    for format_ in formats:
        directory = workspace.releases_dir / "wav2vec2-smoke" / format_ / "1"
        directory.mkdir(parents=True)
        (directory / "RELEASE.json").write_text((run.release / "RELEASE.json").read_text())


def test_what_was_left_undone_is_done_by_the_same_command(workspace, judge, pushed, say, blessings, monkeypatch):
    run = judge(RUN, "NEEDS_REVIEW")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decide, "publish_blessing", killed)
        with pytest.raises(KeyboardInterrupt):
            say("reject")
    assert (len(records(workspace, run)), len(blessings())) == (1, 1)
    say("reject")
    assert (len(records(workspace, run)), len(blessings())) == (1, 2)


def test_an_accepted_model_needs_no_approval(workspace, judge, pushed, say, blessings):
    run = judge(RUN, "ACCEPT")
    outcome, screen = say("approve")
    assert screen == f"The gate accepted the model of run {RUN}, so there is nothing to approve; nothing was changed.\n"
    assert (outcome.exit_code, outcome.decision, outcome.is_new) == (0, None, False)
    assert (records(workspace, run), len(blessings()), pushed) == ((), 1, [])


def test_the_blessing_of_an_accepted_model_can_be_taken_away_and_given_back(workspace, judge, pushed, say, blessings):
    run = judge(RUN, "ACCEPT")
    publish(workspace, run, "onnx")
    _, screen = say("reject", "It stammers.")
    first, second = screen.splitlines()
    assert first == f"The model of run {RUN} is rejected: It stammers."
    where = workspace.releases_dir / "wav2vec2-smoke" / "onnx" / "1"
    assert second == f"What is published stays published; remove it if nobody is to use it: {where}"
    assert where.is_dir()
    assert [one["blessed"] for one in blessings()] == [1, 0]
    say("approve", "It was the microphone.")
    assert [one["blessed"] for one in blessings()[:3]] == [1, 0, 1]
    assert len(pushed) == 1


def test_what_the_gate_rejected_cannot_be_approved(workspace, judge, pushed, say):
    run = judge(RUN, "REJECT")
    message = f"Only a model that passes the gate can be approved, and the gate rejected that of run {RUN}; change the"
    with pytest.raises(UsageError, match=message):
        say("approve")
    assert (records(workspace, run), pushed) == ((), [])
    _, screen = say("reject")
    assert screen == f"The gate rejected the model of run {RUN}, so there is nothing to reject; nothing was changed.\n"


@pytest.mark.parametrize("word", ["approve", "reject"])
@pytest.mark.parametrize("reason", ["", " \n\t"])
def test_a_reason_must_be_given(workspace, judge, pushed, say, word, reason):
    run = judge(RUN, "NEEDS_REVIEW")
    with pytest.raises(
        UsageError, match="--reason must say why, for those who come later, and is empty; give a sentence"
    ):
        say(word, reason)
    assert records(workspace, run) == ()


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_run_that_evaluated_nothing_has_nothing_to_decide_about(workspace, judge, pushed, say, word):
    judge(RUN, "NEEDS_REVIEW")
    record = read_run(workspace, RUN).record
    RunDirectory(workspace.runs_dir / OTHER).create(dataclasses.replace(record, run_id=OTHER))
    message = (
        f"A decision must be about a model that was evaluated, and run {OTHER} has evaluated none; run the pipeline"
    )
    with pytest.raises(UsageError, match=message):
        say(word, run_id=OTHER)


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_gate_that_was_changed_since_is_refused(workspace, judge, pushed, say, tamper, word):
    run = judge(RUN, "REJECT")
    tamper(run.evaluation / "gate.json", verdict="NEEDS_REVIEW")
    message = (
        r"A decision must be about the gate as the evaluator wrote it, with the sha256 \w{64}, and .*gate\.json has"
    )
    with pytest.raises(DataError, match=message) as caught:
        say(word)
    assert caught.value.exit_code == 3
    assert (records(workspace, run), pushed) == ((), [])


def test_a_release_whose_file_was_changed_since_is_not_approved(workspace, judge, pushed, say):
    run = judge(RUN, "NEEDS_REVIEW")
    (run.release / "onnx" / "onnx" / "model.onnx").write_text("WEIGHTS")
    with pytest.raises(
        ReleaseError, match=r"model\.onnx must be as it was exported, and its sha256 has changed"
    ) as caught:
        say("approve")
    assert caught.value.exit_code == 3
    assert (records(workspace, run), pushed) == ((), [])


def test_a_release_that_was_replaced_since_is_not_approved(workspace, judge, pushed, say):
    run, other = judge(RUN, "NEEDS_REVIEW"), judge(OTHER, "NEEDS_REVIEW", content="other")
    run.release.rename(f"{run.release}.old")
    other.release.rename(run.release)
    message = (
        f"An approval must be of the release that was judged: the release_digest of {run.release} must be"
        f" {run.release_digest}, and is {other.release_digest}; run again with --no-cache"
    )
    with pytest.raises(ReleaseError, match=re.escape(message)):
        say("approve")
    assert records(workspace, run) == ()


def test_a_report_that_is_gone_is_said_before_anything_is_decided(workspace, judge, pushed, say):
    run = judge(RUN, "NEEDS_REVIEW")
    (run.evaluation / "report.html").unlink()
    with pytest.raises(DataError, match=r"An evaluation must hold its report, and .*report\.html cannot be read"):
        say("approve")
    assert records(workspace, run) == ()


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_workspace_in_use_is_refused_before_anything_is_decided(workspace, judge, pushed, say, word):
    run = judge(RUN, "NEEDS_REVIEW")
    with workspace.lock(OTHER), pytest.raises(TryAgainError, match="Only one run at a time may use the workspace"):
        say(word)
    assert records(workspace, run) == ()


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_metadata_store_that_is_locked_is_refused_before_anything_is_decided(
    workspace, judge, pushed, say, locked_store, monkeypatch, word
):
    run = judge(RUN, "NEEDS_REVIEW")
    monkeypatch.setattr("pipeline.metadata_store._WAIT_SECONDS", 0.1)
    locked_store()
    message = r"The metadata store .*metadata\.sqlite must be free to be used, and another process has locked it; try"
    with pytest.raises(TryAgainError, match=message) as caught:
        say(word)
    assert caught.value.exit_code == 75
    assert not (workspace.pipeline_root("smoke-synthetic") / "decisions" / run.release_digest).exists()


def test_a_full_disk_is_said_before_anything_is_decided(workspace, judge, pushed, say, monkeypatch):
    run = judge(RUN, "NEEDS_REVIEW")
    monkeypatch.setattr("pipeline.workspace.shutil.disk_usage", lambda _: type("Usage", (), {"free": 5}))
    with pytest.raises(DiskFullError, match="A run needs at least 1.0 GB of free space"):
        say("approve")
    assert records(workspace, run) == ()


def test_somebody_who_was_faster_elsewhere_is_said(workspace, judge, pushed, say, monkeypatch):
    run = judge(RUN, "NEEDS_REVIEW")

    def create(place, number, record):
        with contextlib.suppress(FileExistsError):
            create_decision(place, number, dataclasses.replace(record, who="joe@elsewhere"))
        return create_decision(place, number, record)

    monkeypatch.setattr(decision, "create_decision", create)
    with pytest.raises(
        TryAgainError, match="somebody took one about that of run .* just now; look at it with w2v2 review"
    ):
        say("approve")
    assert [record.who for record in records(workspace, run)] == ["joe@elsewhere"]


def test_reports_of_all_runs_with_that_release_tell_the_decision_and_the_evaluators_stay(workspace, judge, pushed, say):
    first, second = judge(RUN, "NEEDS_REVIEW"), judge(OTHER, "NEEDS_REVIEW")
    third = judge("20260103T000000Z-cccc", "NEEDS_REVIEW", content="other")
    before = (first.evaluation / "report.html").read_text()
    say("reject", "<script>alert(1)</script>")
    reports = {entry.run_id: entry.report for entry in read_runs(workspace)}
    for run in (first, second):
        assert reports[run.run_id] == str(workspace.runs_dir / run.run_id / "report.html")
        page = Path(reports[run.run_id] or "").read_text()
        assert "<td>rejected</td><td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page
        assert "<script" not in page
    assert reports[third.run_id] == str(third.evaluation / "report.html")
    assert (first.evaluation / "report.html").read_text() == before
    (first.evaluation / "report.html").unlink()
    say("approve", "Yes.", OTHER)
    page = (workspace.runs_dir / OTHER / "report.html").read_text()
    assert page.index("<td>approved</td>") < page.index("<td>rejected</td>")


def test_a_publication_that_fails_is_told(workspace, judge, pushed, say, monkeypatch):
    judge(RUN, "NEEDS_REVIEW")

    def fails(place, config, request, console, run_id, lock_descriptor):
        judge(run_id, "NEEDS_REVIEW")
        directory = RunDirectory(workspace.runs_dir / run_id)
        directory.write(dataclasses.replace(directory.read(), state="FAILED", message="The disk is full."))
        return 75

    monkeypatch.setattr(decide, "run_under_lock", fails)
    outcome, _ = say("approve")
    told = json.loads(json.dumps(outcome.to_json()))
    assert (outcome.exit_code, told["exit_code"], told["error"]) == (75, 75, "The disk is full.")
    assert told["decision"]["decision"] == "approve"


def test_a_decision_that_was_tampered_with_is_said_by_whoever_reads_it(workspace, judge, pushed, say, tamper):
    run = judge(RUN, "NEEDS_REVIEW")
    say("reject")
    place = record_place(f"{workspace.pipeline_root('smoke-synthetic')}/decisions", run.release_digest, 1)
    tamper(Path(place), model_digest="1" * 64)
    (entry,) = read_runs(workspace)
    assert entry.problem.startswith("A decision must be about the release that it lies with: the model_digest in ")
    with pytest.raises(DataError, match="A decision must be about the release that it lies with"):
        say("approve")


def test_a_run_whose_configuration_another_version_wrote_is_rejected_but_not_approved(workspace, judge, pushed, say):
    run = judge(RUN, "NEEDS_REVIEW")
    directory = RunDirectory(workspace.runs_dir / RUN)
    record = directory.read()
    directory.write(dataclasses.replace(record, config={**record.config, "strange": 1}))
    with pytest.raises(UsageError, match="config has no field 'strange'"):
        say("approve")
    assert records(workspace, run) == ()
    outcome, _ = say("reject")
    assert outcome.is_new
