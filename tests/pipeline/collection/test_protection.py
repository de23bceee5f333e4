"""What is kept, over all kinds of runs: nothing that is protected is ever listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import UsageError
from pipeline.collection.protection import (
    ALWAYS_KEPT_TYPES,
    ArtifactFacts,
    RunFacts,
    collectable_artifacts,
    kept_runs,
    needed_since,
    why_free,
)

STATES = ("COMPLETE", "FAILED", "INTERRUPTED", "RUNNING", "FORGOTTEN")
PLACES = ("/w/p/a/b/1", "/w/p/a/b/2", "/w/p/a/b/2/inside", "/w/p/a/b", "/w/p/c/d/3", "/w/p/c/d/33", "/w/p/c/d/4/")


@st.composite
def histories(draw):
    ids = st.integers(1, 9)
    artifacts = [
        ArtifactFacts(number, draw(st.sampled_from(["Model", "Examples", *sorted(ALWAYS_KEPT_TYPES)])), place)
        for number, place in enumerate(draw(st.lists(st.sampled_from(PLACES), max_size=9)), start=1)
    ]
    runs = [
        RunFacts(
            run_id=f"run-{number:02d}",
            pipeline=draw(st.sampled_from(["one", "two"])),
            artifacts=draw(st.frozensets(ids, max_size=4)),
            state=draw(st.sampled_from(STATES)),
            verdict=draw(st.sampled_from([None, "ACCEPT", "REJECT", "NEEDS_REVIEW"])),
            is_blessed=draw(st.booleans()),
            is_approved=draw(st.booleans()),
            is_decided=draw(st.booleans()),
            is_pushed=draw(st.booleans()),
            problem=draw(st.sampled_from(["", "", "", "broken"])),
        )
        for number in range(draw(st.integers(0, 7)))
    ]
    named = draw(st.frozensets(ids, max_size=2))
    under_way = draw(st.sampled_from([None, *[run.run_id for run in runs]]))
    return artifacts, runs, named, under_way, draw(st.integers(1, 3))


def must_be_kept(run, runs, under_way, keep_runs):
    newer = [one for one in runs if one.pipeline == run.pipeline and one.run_id > run.run_id]
    is_newest = run.state != "FORGOTTEN" and sum(one.state != "FORGOTTEN" for one in newer) < keep_runs
    waits = run.verdict == "NEEDS_REVIEW" and not run.is_decided
    released = run.is_blessed or run.is_approved or run.is_pushed or run.verdict == "ACCEPT"
    return is_newest or waits or released or bool(run.problem) or run.run_id == under_way


def touches(one, other):
    one, other = one.rstrip("/"), other.rstrip("/")
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


@given(histories())
def test_nothing_protected_is_ever_listed_and_all_else_is(history):
    artifacts, runs, named, under_way, keep_runs = history
    kept = kept_runs(runs, keep_runs, under_way)
    assert set(kept) == {run.run_id for run in runs if must_be_kept(run, runs, under_way, keep_runs)}
    free = collectable_artifacts(artifacts, runs, kept, named)
    by_id = {artifact.id: artifact for artifact in artifacts}

    def stays(artifact):
        users = [run for run in runs if artifact.id in run.artifacts]
        is_used = any(run.run_id in kept for run in users)
        return is_used or not users or artifact.id in named or artifact.type_name in ALWAYS_KEPT_TYPES

    protected = [artifact.uri for artifact in artifacts if stays(artifact)]
    expected = {
        artifact.id
        for artifact in artifacts
        if not stays(artifact) and not any(touches(artifact.uri, place) for place in protected)
    }
    assert set(free) == expected
    for artifact_id, run_ids in free.items():
        assert set(run_ids) == {run.run_id for run in runs if by_id[artifact_id].id in run.artifacts}
        assert not set(run_ids) & set(kept)


def test_the_reason_is_the_strongest():
    runs = [
        RunFacts("1", "p", is_pushed=True, is_blessed=True),
        RunFacts("2", "p", verdict="NEEDS_REVIEW", is_approved=True, is_decided=True),
        RunFacts("3", "p", verdict="ACCEPT"),
        RunFacts("4", "p", verdict="NEEDS_REVIEW"),
        RunFacts("5", "p", verdict="NEEDS_REVIEW", is_decided=True),
        RunFacts("6", "p", problem="no record"),
        RunFacts("7", "p"),
    ]
    assert kept_runs(runs, 1, under_way="5") == {
        "1": "its model is published",
        "2": "a person approved its model",
        "3": "its model is blessed",
        "4": "it waits for a review",
        "5": "it is under way",
        "6": "it cannot be told what it is: no record",
        "7": "it is the newest of its pipeline",
    }
    assert kept_runs(runs, 3)["5"] == "it is one of the 3 newest"
    assert "5" not in kept_runs(runs, 2)


@pytest.mark.parametrize("number", [0, -1])
def test_the_latest_run_is_always_kept(number):
    with pytest.raises(UsageError, match=f"--keep-runs must be at least 1, .*, not {number}"):
        kept_runs([], number)


def test_half_done_work_is_needed_since_the_first_run_that_can_be_gone_on_with():
    def run(name, state, started, unfinished=("Trainer",), pipeline="p"):
        return RunFacts(name, pipeline, state=state, started=started, unfinished=frozenset(unfinished))

    def since(*runs, kept=None):
        return needed_since(runs, [one.run_id for one in runs] if kept is None else kept, "Trainer")

    assert since() is None
    done = run("2", "COMPLETE", 200.0, unfinished=())
    # What was trained for days is found again by its settings, although a trial run has ended since.
    assert since(run("1", "FAILED", 100.0), done) == 100.0
    assert since(run("1", "FAILED", 100.0), done, kept=["2"]) is None
    open_runs = [run("1", "FAILED", 100.0), done, run("3", "INTERRUPTED", 300.0), run("4", "FAILED", 400.0)]
    assert since(*open_runs, kept=["2", "3", "4"]) == 300.0
    assert since(*open_runs, run("5", "COMPLETE", 500.0), kept=["4", "5"]) == 400.0
    # A run that has finished the node does not need its state; one of which nothing is known may.
    assert since(run("1", "FAILED", 100.0, unfinished=("WEREvaluator",))) is None
    assert since(run("1", "RUNNING", None, unfinished=())) == 0.0
    assert since(run("1", "FORGOTTEN", 100.0)) is None
    assert since(*open_runs, run("9", "FAILED", 50.0, pipeline="other")) == 50.0


@pytest.mark.parametrize(
    ("states", "verdict", "why"),
    [
        (["FAILED"], None, "failed"),
        (["INTERRUPTED"], None, "was interrupted"),
        (["FORGOTTEN"], None, "was forgotten"),
        (["COMPLETE"], "REJECT", "superseded; the gate rejected it"),
        (["COMPLETE"], "NEEDS_REVIEW", "superseded; a person rejected it"),
        (["COMPLETE"], None, "superseded; it judged no model"),
        (["COMPLETE", "FAILED"], "REJECT", "superseded; the gate rejected it"),
    ],
)
def test_why(states, verdict, why):
    facts = {str(n): RunFacts(str(n), "p", state=state, verdict=verdict) for n, state in enumerate(states)}
    assert why_free(tuple(facts), facts) == why
