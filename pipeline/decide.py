"""What `w2v2 approve` and `w2v2 reject` do: a person's decision about the model of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from components.decisions import WORDS, DecisionRecord, Word, create_decision, record_place
from model.errors import DataError, ReleaseError, TryAgainError, UsageError
from model.export.release import FORMATS, read_whole_release
from model.settings import from_mapping
from model.storage import sha256_of_file
from pipeline.blessings import publish_blessing
from pipeline.config import PipelineConfig
from pipeline.display import show_message
from pipeline.judged import Judged
from pipeline.metadata_store import require_unlocked
from pipeline.record import RunRequest
from pipeline.releases import formats_of_release
from pipeline.reports import require_report, write_report
from pipeline.runs import Release, RunEntry, read_run, read_runs
from pipeline.supervisor import run_under_lock
from pipeline.workspace import Workspace, new_run_id

# The custom property of an Evaluation; where it is written, TFX is needed.
_GATE_SHA256 = "gate_sha256"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
      run_id: The run whose model was decided about.
      verdict: Of its gate.
      decision: The one that counts now; None where nobody has decided.
      is_new: Whether it was taken now.
      message: One sentence or two for people.
      exit_code: Of the command.
      published_by: The run that published the model now; None where none was needed.
      error: Why it did not.
      releases: What that run published, or found published, by format.
    """

    run_id: str
    verdict: str
    decision: DecisionRecord | None
    is_new: bool
    message: str
    exit_code: int = 0
    published_by: str | None = None
    error: str = ""
    releases: Mapping[str, Release] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `error` and `exit_code` are there where the model could not be published."""
        failed = {"error": self.error, "exit_code": self.exit_code} if self.error else {}
        return {
            "run_id": self.run_id,
            "verdict": self.verdict,
            "decision": None if self.decision is None else self.decision.to_json(),
            "is_new": self.is_new,
            "message": self.message,
            "published_by": self.published_by,
            "releases": {name: dataclasses.asdict(release) for name, release in self.releases.items()},
            **failed,
        }


def approve(workspace: Workspace, run_id: str, reason: str, console: Console) -> Outcome:
    """Approves the model of a run, and publishes it with a run of the pushers alone.

    Args:
      workspace: Where the run lies.
      run_id: The whole id of the run.
      reason: Why.
      console: Where the decision and the run of the pushers are shown.

    Raises:
      UsageError: the reason is empty, nothing was judged, or the gate rejected the model.
      DataError: the release, the gate or an earlier record is not what it was.
      TryAgainError: the workspace or the metadata store is in use, or the disk is full.
    """
    given = _reason(reason)
    workspace.require_free_space()
    publishing_id = new_run_id()
    with workspace.lock(publishing_id) as lock_descriptor:
        outcome, entry = _decide(workspace, run_id, "approve", given)
        show_message(console, outcome.message)
        if not outcome.is_new and (outcome.decision is None or _is_published(workspace, entry)):
            return outcome
        console.print()
        request = RunRequest(approved_run_id=run_id, options=entry.record.request.options)
        code = run_under_lock(workspace, _config(entry), request, console, publishing_id, lock_descriptor)
    published = read_run(workspace, publishing_id)
    return dataclasses.replace(
        outcome,
        exit_code=code,
        published_by=publishing_id,
        error=published.record.message,
        releases=published.releases,
    )


def reject(workspace: Workspace, run_id: str, reason: str, console: Console) -> Outcome:
    """Rejects the model of a run: it is not published any more, and no later one is compared with it.

    The arguments and errors are those of `approve`; what the gate rejected needs no rejection.
    """
    given = _reason(reason)
    with workspace.lock(run_id):
        outcome, _ = _decide(workspace, run_id, "reject", given)
    show_message(console, outcome.message)
    return outcome


def _decide(workspace: Workspace, run_id: str, word: Word, reason: str) -> tuple[Outcome, RunEntry]:
    """Writes the record and publishes the blessing, where there is something to decide; the lock is held."""
    if workspace.metadata_file.is_file():
        require_unlocked(workspace.metadata_file)
    entry = read_run(workspace, run_id)
    judged, verdict, last = entry.judged, entry.verdict, entry.decision
    if judged is None or verdict is None:
        raise UsageError(
            f"A decision must be about a model that was evaluated, and run {run_id} has evaluated none; run the"
            " pipeline to its end with w2v2 run."
        )
    gate_sha256 = _unchanged_gate(judged)
    if (word, verdict) == ("approve", "REJECT"):
        raise UsageError(
            f"Only a model that passes the gate can be approved, and the gate rejected that of run {run_id}; change the"
            " gate in the configuration, or the model, and run again."
        )
    if word == "approve":
        _config(entry)  # what cannot be published is not approved
    if last is None and (word, verdict) in (("approve", "ACCEPT"), ("reject", "REJECT")):
        done = "accepted" if word == "approve" else "rejected"
        message = f"The gate {done} the model of run {run_id}, so there is nothing to {word}; nothing was changed."
        return Outcome(run_id, verdict, None, False, message), entry
    require_report(entry)
    number = len(entry.decisions)
    if last is not None and last.decision == word:
        record = last
        message = (
            f"The model of run {run_id} was {WORDS[word]} already, by {last.who} at {last.when}, so nothing was decided"
            f" anew: {last.reason}"
        )
    else:
        if word == "approve":
            _require_unchanged_release(judged)
        record = DecisionRecord(
            decision=word,
            reason=reason,
            who=_who(),
            when=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            run_id=run_id,
            verdict=verdict,
            model_digest=judged.model_digest,
            release_digest=judged.release_digest,
            gate_sha256=gate_sha256,
        )
        number += 1
        _create(judged, number, record)
        message = f"The model of run {run_id} is {WORDS[word]}: {reason}{_what_stays(workspace, entry, record)}"
    # Also for a decision that was taken before: a command may have been killed between the record and the rest.
    place = record_place(judged.decisions_place, judged.release_digest, number)
    publish_blessing(workspace.metadata_file, entry.pipeline, judged, record, place)
    _write_reports(workspace, judged)
    return Outcome(run_id, verdict, record, record is not last, message), entry


def _write_reports(workspace: Workspace, judged: Judged) -> None:
    """Lets the reports of all runs with that release tell of the decision."""
    entries = read_runs(workspace)
    for entry in entries:
        if entry.judged is not None and not entry.problem and entry.judged.is_same_release(judged):
            # Another run may have lost its report; that of the run that was named has been looked at before.
            with contextlib.suppress(DataError):
                write_report(workspace, entry, entries)


def _create(judged: Judged, number: int, record: DecisionRecord) -> None:
    """Writes the record. The lock keeps others in this workspace away, but the records may lie elsewhere."""
    try:
        create_decision(judged.decisions_place, number, record)
    except FileExistsError as error:
        raise TryAgainError(
            f"One decision at a time can be taken about a release, and somebody took one about that of run"
            f" {record.run_id} just now; look at it with w2v2 review, and try again."
        ) from error


def _what_stays(workspace: Workspace, entry: RunEntry, record: DecisionRecord) -> str:
    """Returns what a person who rejects must know, as more of the message: what is published stays so."""
    if record.decision == "approve":
        return ""
    release = entry.record.config.get("release", {})
    place = _releases_dir(workspace, str(entry.record.config.get("publication", {}).get("destination", "")))
    found = formats_of_release(place, str(release.get("name", "")), record.release_digest)
    if not found:
        return ""
    where = ", ".join(str(path) for path in found.values())
    return f"\nWhat is published stays published; remove it if nobody is to use it: {where}"


def _unchanged_gate(judged: Judged) -> str:
    """Returns the sha256 of an evaluation's gate.json, which must be as the evaluator wrote it."""
    path = Path(judged.evaluation.uri) / "gate.json"
    written = judged.evaluation.properties.get(_GATE_SHA256)
    found = sha256_of_file(path)
    if found != written:
        raise DataError(
            f"A decision must be about the gate as the evaluator wrote it, with the sha256 {written or 'unknown'}, and"
            f" {path} has {found}; run the pipeline again with --no-cache."
        )
    return found


def _require_unchanged_release(judged: Judged) -> None:
    """Raises ReleaseError unless the release is, byte for byte, the one that was judged."""
    directory = "" if judged.blessing is None else str(judged.blessing.properties.get("current_model", ""))
    release = read_whole_release(directory)
    for kind in ("release_digest", "model_digest"):
        wanted, found = getattr(judged, kind), getattr(release, kind)
        if found != wanted:
            raise ReleaseError(
                f"An approval must be of the release that was judged: the {kind} of {directory} must be {wanted}, and"
                f" is {found}; run the pipeline again with --no-cache."
            )


def _is_published(workspace: Workspace, entry: RunEntry) -> bool:
    assert entry.judged is not None
    config = _config(entry)
    publication = config.publication
    if publication.hugging_face or publication.kaggle:
        # Only the pushers can tell what is there.
        return False
    place = _releases_dir(workspace, publication.destination)
    found = formats_of_release(place, config.release.name, entry.judged.release_digest)
    return set(found) == set(FORMATS)


def _releases_dir(workspace: Workspace, destination: str) -> Path:
    """Returns the directory where the pushers publish; in Cloud Storage there is none, and nothing is found."""
    return Path(destination).expanduser() if destination else workspace.releases_dir


def _config(entry: RunEntry) -> PipelineConfig:
    """Returns the configuration of a run.

    Raises:
      ConfigurationError: another version of w2v2 wrote it, with fields that this one does not know.
    """
    return from_mapping(PipelineConfig, entry.record.config, "config")


def _reason(text: str) -> str:
    """Returns a reason without the blanks around it.

    Raises:
      UsageError: nothing is left.
    """
    given = _valid(text).strip()
    if not given:
        raise UsageError("--reason must say why, for those who come later, and is empty; give a sentence.")
    return given


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # the user has a number and no name
        user = str(os.getuid())
    return _valid(f"{user}@{socket.gethostname()}")


def _valid(text: str) -> str:
    """Returns what was typed, with a mark where it is no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
