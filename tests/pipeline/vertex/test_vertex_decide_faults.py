"""Decisions about runs on Vertex AI where something fails in the middle, or somebody else decides at the same time."""

import contextlib
import dataclasses
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from components.decisions import DecisionRecord, create_decision
from model.errors import DataError, ReleaseError, TryAgainError, UsageError
from model.export import publish as publishing
from pipeline import decision
from pipeline.cli import app
from pipeline.vertex import decide
from pipeline.vertex.cloud_runs import CloudRuns
from pipeline.vertex.cloud_workspace import CloudWorkspace
from tests.fake_vertex import LOST
from tests.judged_on_vertex import DECISIONS, ROOT, published, records


@pytest.mark.parametrize(
    ("faults", "error", "message"),
    [
        ([None, (403, "Permission aiplatform.artifacts.update denied.")], DataError, "must be allowed to change"),
        ([None, *[(503, "Away.")] * 4], TryAgainError, "and did not, four times"),
        ([None, *[(429, "Quota exceeded.")] * 4], TryAgainError, "Quota exceeded"),
        ([None, (400, "Metadata is too large.")], UsageError, "too large"),
    ],
)
def test_a_rejection_that_fails_in_the_middle_says_what_is_left_and_goes_on(
    judged_runs, say_there, vertex, faults, error, message
):
    first, second, third = (judged_runs.add("ACCEPT") for _ in range(3))
    other = judged_runs.add("ACCEPT", content="other")
    kept = judged_runs.kept()
    vertex.faults_by_method["PATCH"] = list(faults)
    with pytest.raises(error, match=message) as caught:
        say_there("reject", first, "It stammers.")
    said = str(caught.value)
    assert "The rejection is recorded, and is not done: 2 of 3 blessings of the release may still be taken for" in said
    assert all(run.blessing["name"] in said for run in (second, third))
    assert first.blessing["name"] not in said.partition("The rejection is recorded")[2]
    assert "the same command goes on with them" in said
    assert [record.decision for record in records(first)] == ["reject"]
    assert sorted(judged_runs.blessed().values()) == [0, 1, 1, 1]
    outcome, screen = say_there("reject", first, "Again.")
    assert "was rejected already" in screen
    assert (outcome.is_new, len(records(first))) == (False, 1)
    assert judged_runs.blessed() == {
        **{run.blessing["uri"]: 0 for run in (first, second, third)}, other.blessing["uri"]: 1,
    }  # fmt: skip
    assert judged_runs.kept() == kept


def test_what_the_service_did_without_an_answer_is_found_done(judged_runs, say_there, vertex):
    runs = [judged_runs.add("ACCEPT") for _ in range(2)]
    vertex.faults_by_method["PATCH"] = [LOST, (503, "Away."), LOST]
    say_there("reject", runs[0])
    assert set(judged_runs.blessed().values()) == {0}


def test_a_blessing_that_is_written_meanwhile_is_taken_away_too(judged_runs, say_there, vertex):
    run = judged_runs.add("ACCEPT")
    late = []

    def evaluate(name):
        vertex.before_change = lambda name: None
        late.append(vertex.add_artifact("tfx.ModelBlessing", "gs://speech/late", dict(run.blessing["metadata"])))

    vertex.before_change = evaluate
    say_there("reject", run)
    assert len(late) == 1
    assert set(judged_runs.blessed().values()) == {0}


def test_a_later_evaluation_of_rejected_bytes_is_taken_away_by_the_same_command(judged_runs, say_there):
    run = judged_runs.add("ACCEPT")
    say_there("reject", run)
    later = judged_runs.add("ACCEPT")
    say_there("reject", run)
    assert judged_runs.blessed() == {run.blessing["uri"]: 0, later.blessing["uri"]: 0}


def review(run):
    result = CliRunner().invoke(app, ["review", run.run_id, "--workspace", ROOT, "--json"])
    assert result.exit_code == 0
    return json.loads(result.stdout)["message"]


def test_a_review_says_what_is_left_of_a_decision(judged_runs, say_there, vertex):
    run = judged_runs.add("ACCEPT")
    assert review(run) == ""
    vertex.faults_by_method["PATCH"] = [(403, "Permission denied.")]
    with pytest.raises(DataError):
        say_there("reject", run)
    again = f"{run.run_id} --reason again --workspace {ROOT}"
    assert review(run) == (
        f"What was decided is recorded, and not carried out: {run.blessing['name']} may be taken for a baseline; go on"
        f" with w2v2 reject {again}"
    )
    say_there("reject", run)
    assert review(run) == ""
    # The evaluator blesses the same bytes anew.
    later = judged_runs.add("ACCEPT")
    assert later.blessing["name"] in review(later)
    say_there("reject", later)
    assert review(run) == ""
    say_there("approve", run)
    assert review(run) == ""
    run.blessing["metadata"]["blessed"] = 0.0
    assert review(run).startswith("What was decided is recorded, and not carried out: later models are not compared")
    # Who may not look into the store is shown the rest.
    vertex.handle = _refusing_artifacts(vertex.handle)
    assert review(run) == ""


def _refusing_artifacts(handle):
    def refuse(method, path, body):
        if "/artifacts" in path:
            return 403, {"error": {"code": 403, "message": "Denied."}}
        return handle(method, path, body)

    return refuse


def test_an_approval_that_fails_before_the_blessing_is_not_published(judged_runs, say_there, vertex, verified):
    run = judged_runs.add("NEEDS_REVIEW")
    vertex.faults_by_method["PATCH"] = [(403, "Permission denied.")]
    with pytest.raises(DataError, match="The approval is recorded, and is not done: later models are not compared"):
        say_there("approve", run)
    assert (published(), verified, len(records(run))) == ([], [], 1)
    outcome, _ = say_there("approve", run)
    assert (outcome.is_new, len(records(run)), len(published())) == (False, 1, 3)
    assert judged_runs.blessed() == {run.blessing["uri"]: 1}


def test_a_publication_that_fails_is_told_with_the_way_on(judged_runs, say_there, monkeypatch):
    run = judged_runs.add("NEEDS_REVIEW")

    def fails(format_, content, probes):
        raise ReleaseError("It computes something else.")

    monkeypatch.setattr(publishing, "verify_in_fresh_process", fails)
    outcome, screen = say_there("approve", run)
    told = outcome.to_json()
    command = f"w2v2 approve {run.run_id} --reason again --workspace {ROOT}"
    assert told["error"] == (
        f"It computes something else. It is approved, and not all of it is published; go on with {command}"
    )
    assert (told["exit_code"], outcome.exit_code, told["decision"]["decision"]) == (3, 3, "approve")
    assert command in screen
    assert published() == []


def decision_about(run, word, reason="Meanwhile."):
    return DecisionRecord(
        word, reason, "joe@elsewhere", "2026-01-01T00:00:00+00:00", run.run_id, "NEEDS_REVIEW", "7" * 64, run.digest,
        "9" * 64,
    )  # fmt: skip


@pytest.mark.parametrize(("mine", "theirs", "blessed"), [("approve", "reject", 0), ("reject", "approve", 1)])
def test_of_two_who_decide_at_once_the_last_word_holds(judged_runs, say_there, vertex, mine, theirs, blessed):
    run = judged_runs.add("NEEDS_REVIEW")
    if mine == "reject":
        say_there("approve", run)
    number = len(records(run)) + 2

    def decide_otherwise(name):
        # Whose own change came first: mine overwrites it, and has to be taken back.
        vertex.before_change = lambda name: None
        create_decision(DECISIONS, number, decision_about(run, theirs))

    vertex.before_change = decide_otherwise
    with pytest.raises(TryAgainError, match=r"joe@elsewhere has (approved|rejected) that of run .* just now, which"):
        say_there(mine, run)
    assert judged_runs.blessed() == {run.blessing["uri"]: blessed}
    assert [record.decision for record in records(run)][-1] == theirs


def test_somebody_who_was_faster_is_said(judged_runs, say_there, monkeypatch):
    run = judged_runs.add("NEEDS_REVIEW")

    def create(place, number, record):
        create_decision(place, number, dataclasses.replace(record, who="joe@elsewhere"))
        return create_decision(place, number, record)

    monkeypatch.setattr(decision, "create_decision", create)
    with pytest.raises(TryAgainError, match="somebody took one about that of run .* just now"):
        say_there("reject", run)
    assert [record.who for record in records(run)] == ["joe@elsewhere"]


def test_a_rejection_between_approval_and_publication_keeps_it_back(judged_runs, say_there, monkeypatch):
    run = judged_runs.add("NEEDS_REVIEW")
    original = decide.VertexDecider.publish

    def publish(self, entry):
        create_decision(DECISIONS, 2, decision_about(run, "reject", "No."))
        return original(self, entry)

    monkeypatch.setattr(decide.VertexDecider, "publish", publish)
    outcome, screen = say_there("approve", run)
    assert outcome.exit_code == 4
    assert outcome.error == "joe@elsewhere rejected this release, so nothing was published: No."
    assert outcome.error in screen
    assert published() == []


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_fails_a_rejection_that_is_done_leaves_no_blessing_of_the_release(data, judged_runs, vertex, bucket):
    """Some runs of two releases; a rejection that is repeated until it is done."""
    for kind in vertex.stored.values():
        kind.clear()
    for blob in list(bucket.list_blobs(prefix="w2v2/pipelines")):
        blob.delete()
    made = data.draw(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=4))
    runs = [judged_runs.add("ACCEPT" if good else "NEEDS_REVIEW", content=content) for content, good in made]
    target = runs[data.draw(st.integers(0, len(runs) - 1))]
    kept, before = judged_runs.kept(), judged_runs.blessed()
    fault = st.sampled_from([None, LOST, (503, "Away."), (429, "Quota."), (403, "Denied."), (409, "Aborted.")])
    troubles = [*data.draw(st.lists(st.lists(fault, max_size=6), max_size=3)), []]
    for faults in troubles:
        vertex.faults_by_method["PATCH"] = list(faults)
        screen = Console(file=io.StringIO())
        with contextlib.suppress(DataError, TryAgainError):
            decide.reject(CloudRuns(CloudWorkspace(ROOT)), target.run_id, "It stammers.", screen)
            break
    after = judged_runs.blessed()
    for run in runs:
        assert after[run.blessing["uri"]] == (0 if run.digest == target.digest else before[run.blessing["uri"]])
    assert judged_runs.kept() == kept
    assert [record.decision for record in records(target)] == ["reject"]
