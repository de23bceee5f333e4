"""What people decide about releases: records that are never changed, bound to the digests of what was judged.

<pipeline root>/decisions/<release digest>/
  0001.json    the first decision about that release
  0001/        where its blessing points to: a file BLESSED or NOT_BLESSED
  0002.json    a later one; the last one counts

A record is created under the next number where none has it, so the numbers are the order in which people decided,
whatever their clocks say. The pipeline root is a directory, or a gs:// address.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Literal

from beam_jobs import places
from model.errors import ConfigurationError, DataError, ReleaseError
from model.settings import from_mapping, to_mapping
from model.storage import json_text

Word = Literal["approve", "reject"]
# What it is called when it is done.
WORDS: dict[Word, str] = {"approve": "approved", "reject": "rejected"}
# The custom property that tells a blessing by a person from one by the evaluator.
DECISION_PROPERTY = "decision"

_FORMAT_VERSION = 1
_DIRECTORY = "decisions"
_RECORD = re.compile(r"(\d{4,})\.json")


@dataclasses.dataclass(frozen=True)
class DecisionRecord:
    """The content of a record.

    Attributes:
      decision: `approve` or `reject`.
      reason: As the person gave it.
      who: User and machine, `jane@host`.
      when: UTC, ISO 8601.
      run_id: The run whose model was decided about.
      verdict: Of the gate, which it follows.
      model_digest: Of the model.
      release_digest: Of what was measured, and is published.
      gate_sha256: Of the `gate.json` that the person could read.
      format_version: Of the record.
    """

    decision: Word
    reason: str
    who: str
    when: str
    run_id: str
    verdict: str
    model_digest: str
    release_digest: str
    gate_sha256: str
    format_version: int = _FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """Returns what `w2v2 runs --json` tells of it."""
        return {name: getattr(self, name) for name in ("decision", "reason", "who", "when", "run_id")}


@dataclasses.dataclass(frozen=True)
class Standing:
    """Whether a release may be published.

    Attributes:
      may_publish: Whether it may.
      reason: Why it may not; a sentence, empty where it may.
    """

    may_publish: bool
    reason: str = ""


def standing_of(verdict: str, last: DecisionRecord | None) -> Standing:
    """Returns what follows from the gate's verdict and the last decision of a person.

    What the gate rejected stays rejected: a gate is changed in the configuration, not overruled.

    Args:
      verdict: ACCEPT, REJECT or NEEDS_REVIEW.
      last: The last decision about that release; None where nobody has decided.
    """
    if verdict not in ("ACCEPT", "NEEDS_REVIEW"):
        return Standing(False, "The evaluator did not bless this release, so nothing was published.")
    if last is not None and last.decision == "reject":
        return Standing(False, f"{last.who} rejected this release, so nothing was published: {last.reason}")
    if verdict == "NEEDS_REVIEW" and last is None:
        return Standing(False, "This release waits for a person's approval, so nothing was published.")
    return Standing(True)


def decisions_place(pipeline_root: str) -> str:
    """Returns where the decisions about a pipeline's releases lie."""
    return places.join(pipeline_root, _DIRECTORY)


def record_place(decisions: str, release_digest: str, number: int) -> str:
    """Returns where the record of that number lies, 1 for the first; without `.json`, it is the blessing's directory.

    Args:
      decisions: What `decisions_place` returned.
      release_digest: Of the release.
      number: Of the decision.
    """
    return places.join(decisions, release_digest, f"{number:04d}.json")


def read_decisions(decisions: str, release_digest: str, model_digest: str) -> tuple[DecisionRecord, ...]:
    """Returns the decisions about a release, the oldest first.

    Args:
      decisions: What `decisions_place` returned; nothing need be there yet.
      release_digest: Of the release.
      model_digest: Of its model.

    Raises:
      DataError: a record is missing between others, or cannot be read.
      ReleaseError: a record is about another release or model.
    """
    names = places.list_names(places.join(decisions, release_digest))
    numbers = sorted(int(found[1]) for name in names if (found := _RECORD.fullmatch(name)))
    for expected, number in enumerate(numbers, start=1):
        if number != expected:
            raise DataError(
                f"The decisions about a release must be numbered from 1 without a gap, and"
                f" {record_place(decisions, release_digest, expected)} is missing; put it back."
            )
    records = [_read(record_place(decisions, release_digest, number)) for number in numbers]
    for number, record in zip(numbers, records, strict=True):
        for kind, wanted in (("release_digest", release_digest), ("model_digest", model_digest)):
            if getattr(record, kind) != wanted:
                raise ReleaseError(
                    f"A decision must be about the release that it lies with: the {kind} in"
                    f" {record_place(decisions, release_digest, number)} must be {wanted}, and is"
                    f" {getattr(record, kind)}; put the record back as it was."
                )
    return tuple(records)


def create_decision(decisions: str, number: int, record: DecisionRecord) -> str:
    """Writes a record as the decision of that number; returns its place.

    Raises:
      FileExistsError: another decision was faster.
      DiskFullError: there is no room left.
    """
    place = record_place(decisions, record.release_digest, number)
    places.create_bytes(place, json_text(to_mapping(record)).encode())
    return place


def decisions_state(decisions: str) -> str:
    """Returns a text that changes with each decision about any release of a pipeline; empty before the first."""
    if not places.is_directory(decisions):
        return ""
    listed = places.list_tree(decisions)
    # Records never change, so that their names say it all.
    paths = sorted(entry.path for entry in listed if _RECORD.fullmatch(places.name_of(entry.path)))
    return hashlib.sha256("\n".join(paths).encode()).hexdigest() if paths else ""


def last_of(decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
    """Returns the decision that counts; None where nobody has decided."""
    return decisions[-1] if decisions else None


def _read(place: str) -> DecisionRecord:
    try:
        value = places.read_json(place)
        record = from_mapping(DecisionRecord, value, "decision")
    except (OSError, ValueError, ConfigurationError) as error:
        raise DataError(
            f"A decision must be as it was written, and {place} is not ({error}); put the record back as it was."
        ) from error
    if record.format_version != _FORMAT_VERSION:
        raise DataError(
            f"A decision must have the format {_FORMAT_VERSION}, and {place} has {record.format_version}; use the"
            " version of w2v2 that wrote it."
        )
    return record
