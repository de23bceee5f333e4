"""What a person may decide about a run on Vertex AI, and what comes of it, against servers on the loopback."""

import json
import re

import pytest
from typer.testing import CliRunner

from beam_jobs import places
from model.errors import DataError, ReleaseError, TryAgainError, UsageError
from pipeline import decision
from pipeline.cli import app
from pipeline.vertex.cloud_runs import CloudRuns
from pipeline.vertex.cloud_workspace import CloudWorkspace
from tests.judged_on_vertex import DECISIONS, ROOT, published, records

FORMATS = ("saved_model", "onnx", "checkpoint")


def test_a_rejection_is_recorded_and_no_blessing_of_the_release_stands(judged_runs, say_there):
    first, again = judged_runs.add("ACCEPT"), judged_runs.add("ACCEPT")
    third = judged_runs.add("ACCEPT", content="third")
    assert first.digest == again.digest
    kept = judged_runs.kept()
    outcome, screen = say_there("reject", first, "  It stammers.\n")
    (record,) = records(first)
    assert (record.decision, record.reason, record.run_id, record.verdict) == (
        "reject", "It stammers.", first.run_id, "ACCEPT",
    )  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]{64}", record.gate_sha256)
    assert judged_runs.blessed() == {
        first.blessing["uri"]: 0, again.blessing["uri"]: 0, third.blessing["uri"]: 1,
    }  # fmt: skip
    assert judged_runs.kept() == kept
    assert (outcome.exit_code, outcome.is_new, outcome.releases) == (0, True, {})
    told, where = screen.splitlines()
    assert told == f"The model of run {first.run_id} is rejected: It stammers."
    assert where.startswith("What is published stays published; remove it if nobody is to use it: ")
    assert f"{ROOT}/releases/wav2vec2-smoke/onnx/1, hf://team/smoke" in where


def test_blessings_of_the_same_bytes_in_another_pipeline_are_left_alone(judged_runs, say_there):
    mine, theirs = judged_runs.add("ACCEPT"), judged_runs.add("ACCEPT", pipeline="other-synthetic")
    assert mine.digest == theirs.digest
    say_there("reject", mine)
    assert judged_runs.blessed() == {mine.blessing["uri"]: 0, theirs.blessing["uri"]: 1}


def test_a_blessing_that_names_no_pipeline_is_taken_away_too(judged_runs, say_there):
    run = judged_runs.add("ACCEPT")
    del run.blessing["metadata"]["w2v2_pipeline"]
    say_there("reject", run)
    assert judged_runs.blessed() == {run.blessing["uri"]: 0}


def test_an_approval_is_recorded_blessed_and_published_as_the_pushers_would(
    judged_runs, say_there, verified, monkeypatch
):
    monkeypatch.setattr(decision, "_who", lambda: "jane@host")
    run = judged_runs.add("NEEDS_REVIEW")
    kept = judged_runs.kept()
    outcome, screen = say_there("approve", run, "Heard it.")
    (record,) = records(run)
    assert (record.decision, record.who, record.verdict) == ("approve", "jane@host", "NEEDS_REVIEW")
    assert judged_runs.blessed() == {run.blessing["uri"]: 1}
    assert judged_runs.kept() == kept
    assert verified == list(FORMATS)
    assert published() == [f"wav2vec2-smoke/{format_}/1" for format_ in sorted(FORMATS)]
    place = f"{ROOT}/releases/wav2vec2-smoke/onnx/1"
    assert places.read_bytes(f"{place}/onnx/model.onnx") == b"weights"
    assert "25.0" in places.read_bytes(f"{place}/README.md").decode()
    told = outcome.to_json()
    assert told["releases"]["onnx"] == {
        "path": place, "version": "1", "digest": run.digest, "pushed": True,
        "reason": f"Published as version 1 in {place}.", "hubs": (),
    }  # fmt: skip
    assert (outcome.exit_code, outcome.published_by, "error" in told) == (0, None, False)
    assert screen.startswith(f"The model of run {run.run_id} is approved: Heard it.\n")
    assert f"onnx: Published as version 1 in {place}." in screen
    json.dumps(told)


def test_an_approval_again_changes_nothing_and_publishes_what_is_missing(judged_runs, say_there, verified):
    run = judged_runs.add("NEEDS_REVIEW")
    say_there("approve", run)
    places.remove_tree(f"{ROOT}/releases/wav2vec2-smoke/onnx")
    outcome, screen = say_there("approve", run, "Again.")
    assert (outcome.is_new, outcome.exit_code, len(records(run))) == (False, 0, 1)
    assert "was approved already, by " in screen
    assert "Again." not in screen
    assert {name: release.pushed for name, release in outcome.releases.items()} == {
        "saved_model": False, "onnx": True, "checkpoint": False,
    }  # fmt: skip
    assert verified == [*FORMATS, "onnx"]


def test_the_last_word_counts(judged_runs, say_there):
    run = judged_runs.add("NEEDS_REVIEW")
    seen = []
    for word in ("approve", "reject", "approve"):
        say_there(word, run)
        seen.append(judged_runs.blessed()[run.blessing["uri"]])
    assert seen == [1, 0, 1]
    assert [record.decision for record in records(run)] == ["approve", "reject", "approve"]
    entry = CloudRuns(CloudWorkspace(ROOT)).entries()[0]
    assert (entry.verdict, entry.decision and entry.decision.decision) == ("NEEDS_REVIEW", "approve")


def test_an_approval_blesses_the_run_that_was_named_and_not_what_another_gate_rejected(judged_runs, say_there):
    rejected, run = judged_runs.add("REJECT"), judged_runs.add("NEEDS_REVIEW")
    assert rejected.digest == run.digest
    say_there("approve", run)
    assert judged_runs.blessed() == {rejected.blessing["uri"]: 0, run.blessing["uri"]: 1}


def test_reports_of_all_runs_with_that_release_tell_the_decision(judged_runs, say_there):
    first, again = judged_runs.add("NEEDS_REVIEW"), judged_runs.add("NEEDS_REVIEW")
    other = judged_runs.add("NEEDS_REVIEW", content="other")
    say_there("reject", first, "<script>alert(1)</script>")
    entries = {entry.run_id: entry for entry in CloudRuns(CloudWorkspace(ROOT)).entries()}
    for run in (first, again):
        place = f"{ROOT}/runs/{run.run_id}/report.html"
        assert entries[run.run_id].report == place
        page = places.read_bytes(place).decode()
        assert "<td>rejected</td><td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page
    assert "<script" not in page
    assert page.count("<td>2026-10-26 03:00</td>") == 2, "the history is in it"
    assert entries[other.run_id].report == f"{other.place}/WEREvaluator_2/evaluation/report.html"


def test_an_accepted_model_needs_no_approval(judged_runs, say_there, verified):
    run = judged_runs.add("ACCEPT")
    outcome, screen = say_there("approve", run)
    assert screen == (
        f"The gate accepted the model of run {run.run_id}, so there is nothing to approve; nothing was changed.\n"
    )
    assert (outcome.decision, outcome.exit_code, records(run), verified) == (None, 0, (), [])


def test_the_blessing_of_an_accepted_model_can_be_taken_away_and_given_back(judged_runs, say_there):
    run = judged_runs.add("ACCEPT")
    say_there("reject", run)
    assert judged_runs.blessed() == {run.blessing["uri"]: 0}
    say_there("approve", run)
    assert judged_runs.blessed() == {run.blessing["uri"]: 1}
    assert len(published()) == 3


def test_what_the_gate_rejected_stays_rejected(judged_runs, say_there):
    run = judged_runs.add("REJECT")
    with pytest.raises(UsageError, match="Only a model that passes the gate can be approved"):
        say_there("approve", run)
    outcome, _ = say_there("reject", run)
    assert (outcome.decision, records(run), judged_runs.blessed()) == (None, (), {run.blessing["uri"]: 0})


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_reason_must_be_given(judged_runs, say_there, word):
    run = judged_runs.add("NEEDS_REVIEW")
    with pytest.raises(UsageError, match="--reason must say why"):
        say_there(word, run, " \n")
    assert records(run) == ()


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_run_that_evaluated_nothing_has_nothing_to_decide_about(judged_runs, say_there, word):
    run = judged_runs.add("ACCEPT", jobDetail={"taskDetails": []})
    with pytest.raises(UsageError, match="has evaluated none; run the pipeline to its end with w2v2 vertex submit"):
        say_there(word, run)


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_gate_that_was_changed_since_is_refused(judged_runs, say_there, word):
    run = judged_runs.add("REJECT")
    place = f"{run.place}/WEREvaluator_2/evaluation/gate.json"
    places.write_json(place, {**places.read_json(place), "verdict": "NEEDS_REVIEW"})
    with pytest.raises(DataError, match="A decision must be about the gate as the evaluator wrote it, with the sha256"):
        say_there(word, run)
    assert records(run) == ()


def test_a_release_whose_file_was_changed_since_is_not_approved(judged_runs, say_there):
    run = judged_runs.add("NEEDS_REVIEW")
    places.write_bytes(f"{run.place}/ReleaseExporter_1/release/onnx/onnx/model.onnx", b"WEIGHTS")
    with pytest.raises(ReleaseError, match=r"model\.onnx must be as it was exported, and its sha256 has changed"):
        say_there("approve", run)
    assert (records(run), judged_runs.blessed(), published()) == ((), {run.blessing["uri"]: 0}, [])


def test_a_release_that_is_gone_is_said_before_anything_is_decided(judged_runs, say_there):
    run = judged_runs.add("NEEDS_REVIEW")
    places.remove_tree(f"{run.place}/ReleaseExporter_1")
    with pytest.raises(ReleaseError, match="must lie in Cloud Storage to be approved, and .*/release is gone"):
        say_there("approve", run)
    assert records(run) == ()


def test_the_release_of_another_run_is_not_approved(judged_runs, say_there):
    run, other = judged_runs.add("NEEDS_REVIEW"), judged_runs.add("NEEDS_REVIEW", content="other")
    places.remove_tree(f"{run.place}/ReleaseExporter_1")
    places.copy_tree(f"{other.place}/ReleaseExporter_1", f"{run.place}/ReleaseExporter_1")
    with pytest.raises(ReleaseError, match=f"the release_digest of .* must be {run.digest}, and is {other.digest}"):
        say_there("approve", run)
    assert records(run) == ()


def test_a_run_whose_specification_is_another_one_is_rejected_but_not_approved(judged_runs, say_there):
    run = judged_runs.add("NEEDS_REVIEW", pipelineSpec={"components": {}})
    with pytest.raises(DataError, match=f"must say where its pushers publish, .* and that of {run.run_id} does not"):
        say_there("approve", run)
    assert records(run) == ()
    say_there("reject", run)
    assert [record.decision for record in records(run)] == ["reject"]


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_blessing_that_the_store_does_not_know_is_said_before_anything_is_decided(
    judged_runs, say_there, vertex, word
):
    run = judged_runs.add("NEEDS_REVIEW")
    del vertex.stored["artifacts"][run.blessing["name"]]
    with pytest.raises(DataError, match="Vertex ML Metadata has none of the release"):
        say_there(word, run)
    assert records(run) == ()


@pytest.mark.parametrize("digest", ["", '6" OR state="LIVE'])
def test_an_evaluation_that_names_no_digest_takes_no_blessings_of_others(judged_runs, say_there, digest):
    run = judged_runs.add("ACCEPT")
    (evaluation,) = [
        detail["outputs"]["evaluation"]["artifacts"][0]
        for detail in run.job["jobDetail"]["taskDetails"]
        if detail["taskName"] == "WEREvaluator"
    ]
    evaluation["metadata"]["release_digest"] = digest
    with pytest.raises(DataError, match="A decision must be about a release with a digest, 64 hexadecimal digits"):
        say_there("reject", run)
    assert judged_runs.blessed() == {run.blessing["uri"]: 1}


@pytest.mark.parametrize(
    ("fault", "error"), [((403, "Permission denied."), DataError), ((503, "Away."), TryAgainError)]
)
def test_a_store_that_cannot_be_read_is_said_before_anything_is_decided(judged_runs, say_there, vertex, fault, error):
    run = judged_runs.add("NEEDS_REVIEW")
    original = vertex.handle

    def handle(method, path, body):
        if "/artifacts" in path:
            return fault[0], {"error": {"code": fault[0], "message": fault[1]}}
        return original(method, path, body)

    vertex.handle = handle
    with pytest.raises(error, match="list artifacts"):
        say_there("reject", run)
    assert records(run) == ()


def test_a_pusher_of_a_later_run_says_who_rejected_what_lost_its_blessing(judged_runs, say_there, tmp_path):
    from components.publish_judged import blessing_of, publish_judged

    run = judged_runs.add("ACCEPT")
    say_there("reject", run, "It stammers.")
    parameters = {"destination": f"{ROOT}/releases", "name": "wav2vec2-smoke", "hubs": "{}", "decisions": DECISIONS}
    digests = {"release_digest": run.digest, "model_digest": "7" * 64}
    blessing = blessing_of(False, "ACCEPT", digests, parameters["decisions"])
    told = publish_judged("onnx", tmp_path, tmp_path, blessing, parameters)
    assert told.copies == ()
    assert told.reason.endswith(" rejected this release, so nothing was published: It stammers.")


@pytest.mark.usefixtures("verified")
def test_the_commands_print_one_document(judged_runs):
    run = judged_runs.add("NEEDS_REVIEW")

    def w2v2(*arguments):
        result = CliRunner().invoke(app, [*arguments, "--workspace", ROOT, "--json"])
        return result.exit_code, json.loads(result.stdout)

    code, told = w2v2("reject", run.run_id, "--reason", "It stammers.")
    assert (code, told["decision"]["decision"], told["releases"]) == (0, "reject", {})
    code, told = w2v2("approve", run.run_id, "--reason", "After all.")
    assert (code, told["decision"]["decision"], sorted(told["releases"])) == (0, "approve", sorted(FORMATS))
    code, told = w2v2("review", run.run_id)
    assert (code, told["decision"]["reason"]) == (0, "After all.")
    assert told["report"] == f"{ROOT}/runs/{run.run_id}/report.html"
    code, told = w2v2("approve", "other", "--reason", "Yes.")
    assert code == 2
    assert "has an id that begins with 'other'" in told["error"]
