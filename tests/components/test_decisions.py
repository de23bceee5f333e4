"""What people decide: records that are never changed, here and in Cloud Storage, and what follows from them."""

import dataclasses
import json
import re

import pytest

from beam_jobs import places
from components.decisions import (
    DecisionRecord,
    Standing,
    create_decision,
    decisions_place,
    decisions_state,
    last_of,
    read_decisions,
    record_place,
    standing_of,
)
from model.errors import DataError, ReleaseError

RELEASE, MODEL = "6" * 64, "5" * 64
APPROVED = DecisionRecord(
    decision="approve", reason="Ünder <b>10 %</b>.", who="jane@host", when="2026-01-01T00:00:00+00:00",
    run_id="20260101T000000Z-aaaa", verdict="NEEDS_REVIEW", model_digest=MODEL, release_digest=RELEASE,
    gate_sha256="9" * 64,
)  # fmt: skip
REFUSED = Standing(False, "jane@host rejected this release, so nothing was published: It stammers.")
WAITS = Standing(False, "This release waits for a person's approval, so nothing was published.")
UNBLESSED = Standing(False, "The evaluator did not bless this release, so nothing was published.")
REJECTED = dataclasses.replace(APPROVED, decision="reject", reason="It stammers.")


@pytest.fixture(params=["local", "remote"])
def decisions(request, tmp_path):
    """Where decisions lie, below a pipeline root of each kind."""
    if request.param == "local":
        return decisions_place(str(tmp_path / "root"))
    request.getfixturevalue("bucket")
    return decisions_place("gs://speech/root")


def test_decisions_are_read_in_the_order_in_which_they_were_taken(decisions):
    assert read_decisions(decisions, RELEASE, MODEL) == ()
    assert last_of(()) is None
    taken = [dataclasses.replace(APPROVED, reason=str(number)) for number in range(11)]
    for number, record in enumerate(taken, start=1):
        place = create_decision(decisions, number, record)
        assert place == places.join(decisions, RELEASE, f"{number:04d}.json")
    # What a blessing points to lies beside the records.
    places.write_bytes(places.join(decisions, RELEASE, "0011", "BLESSED"), b"")
    found = read_decisions(decisions, RELEASE, MODEL)
    assert list(found) == taken
    assert last_of(found) == taken[-1]
    assert places.read_json(record_place(decisions, RELEASE, 1)) == {**dataclasses.asdict(taken[0])}
    assert taken[0].to_json() == {
        "decision": "approve", "reason": "0", "who": "jane@host", "when": "2026-01-01T00:00:00+00:00",
        "run_id": "20260101T000000Z-aaaa",
    }  # fmt: skip


def test_a_record_is_never_written_over(decisions):
    create_decision(decisions, 1, APPROVED)
    with pytest.raises(FileExistsError):
        create_decision(decisions, 1, REJECTED)
    assert read_decisions(decisions, RELEASE, MODEL) == (APPROVED,)


def test_the_state_changes_with_each_decision_about_any_release(decisions):
    states = [decisions_state(decisions)]
    assert states == [""]
    for number, record in ((1, APPROVED), (2, REJECTED), (1, dataclasses.replace(APPROVED, release_digest="7" * 64))):
        create_decision(decisions, number, record)
        states.append(decisions_state(decisions))
        places.write_bytes(places.join(decisions, record.release_digest, f"{number:04d}", "BLESSED"), b"")
        assert decisions_state(decisions) == states[-1], "a blessing is no decision"
    assert len(set(states)) == 4


@pytest.mark.parametrize("kind", ["release_digest", "model_digest"])
def test_a_record_about_something_else_is_refused(decisions, kind):
    place = create_decision(decisions, 1, APPROVED)
    places.write_json(place, {**dataclasses.asdict(APPROVED), kind: "1" * 64})
    wanted = {"release_digest": RELEASE, "model_digest": MODEL}[kind]
    message = (
        f"A decision must be about the release that it lies with: the {kind} in {place} must be {wanted}, and is 1"
    )
    with pytest.raises(ReleaseError, match=re.escape(message)):
        read_decisions(decisions, RELEASE, MODEL)


def test_a_record_that_was_taken_away_is_missed(decisions):
    for number in (1, 2):
        create_decision(decisions, number, APPROVED)
    places.remove(record_place(decisions, RELEASE, 1))
    message = r"must be numbered from 1 without a gap, and .*0001\.json is missing; put it back\."
    with pytest.raises(DataError, match=message):
        read_decisions(decisions, RELEASE, MODEL)


def changed(**fields):
    return json.dumps({**dataclasses.asdict(APPROVED), **fields}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"A decision must be as it was written, and .*0001\.json is not \("),
        (b"\xff", r"A decision must be as it was written, and "),
        (b"[]", r"decision must be a mapping of fields, not \[\]\.\); put the record back"),
        (changed(decision="maybe"), "must be one of 'approve', 'reject'"),
        (changed(strange=1), "has no field 'strange'"),
        (changed(format_version=2), "must have the format 1, and .* has 2;"),
    ],
    ids=["empty", "no text", "list", "word", "field", "format"],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_said(tmp_path, content, message):
    decisions = decisions_place(str(tmp_path))
    places.write_bytes(record_place(decisions, RELEASE, 1), content)
    with pytest.raises(DataError, match=message):
        read_decisions(decisions, RELEASE, MODEL)


@pytest.mark.parametrize(
    ("verdict", "last", "expected"),
    [
        ("ACCEPT", None, Standing(True)),
        ("ACCEPT", APPROVED, Standing(True)),
        ("ACCEPT", REJECTED, REFUSED),
        ("NEEDS_REVIEW", None, WAITS),
        ("NEEDS_REVIEW", APPROVED, Standing(True)),
        ("NEEDS_REVIEW", REJECTED, REFUSED),
        ("REJECT", None, UNBLESSED),
        ("REJECT", APPROVED, UNBLESSED),
        ("", APPROVED, UNBLESSED),
    ],
)  # fmt: skip
def test_what_may_be_published_follows_from_the_gate_and_the_last_word(verdict, last, expected):
    assert standing_of(verdict, last) == expected
