"""A person's decision about the model of a run: the rules, which are the same wherever the run lies."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import datetime as dt
import getpass
import hashlib
import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from beam_jobs import places
from components.decisions import WORDS, DecisionRecord, Word, create_decision, record_place
from model.errors import DataError, ReleaseError, TryAgainError, UsageError
from model.export.evaluation_summary import GATE_FILE
from model.export.release import read_whole_release
from pipeline.evaluations import again
from pipeline.judged import Judged
from pipeline.reports import require_report
from pipeline.run_entry import Release, RunEntry

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
      published_by: The run that published the model now; None where none was needed, and where this machine did.
      error: Why it was not published.
      releases: What was published, or was found published, by format.
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


class Decider(abc.ABC):
    """Decides about models of runs. What is abstract is different where the runs lie elsewhere."""

    command: ClassVar[str]
    """By which a run is begun there."""

    @abc.abstractmethod
    def read(self, run_id: str) -> RunEntry:
        """Returns a run, by its whole id; its errors are said before anything is decided."""

    @abc.abstractmethod
    def read_all(self, pipeline: str) -> list[RunEntry]:
        """Returns runs, the newest first; those of the pipeline are among them."""

    @abc.abstractmethod
    def require_publishable(self, entry: RunEntry) -> None:
        """Raises UsageError where what is approved could not be published."""

    @abc.abstractmethod
    def release_directory(self, entry: RunEntry) -> str:
        """Returns the directory of this machine with the release that was judged."""

    @abc.abstractmethod
    def require_blessing(self, entry: RunEntry) -> None:
        """Raises an error where the decision could not be told to who looks for a baseline."""

    @abc.abstractmethod
    def published(self, entry: RunEntry) -> Iterable[str]:
        """Returns where the release of a run is published."""

    @abc.abstractmethod
    def bless(self, entry: RunEntry, record: DecisionRecord, place: str) -> None:
        """Tells a decision to who looks for a baseline; done twice, it is done once."""

    @abc.abstractmethod
    def write_report(self, entry: RunEntry, runs: Iterable[RunEntry]) -> None:
        """Writes the report of a run anew, which then tells of decisions."""

    def decide(self, run_id: str, word: Word, reason: str) -> tuple[Outcome, RunEntry]:
        """Writes the record and what follows from it, where there is something to decide.

        Args:
          run_id: The whole id of the run.
          word: `approve` or `reject`.
          reason: What `reason_of` returned.

        Returns:
          What came of it, and the run as it was before.

        Raises:
          UsageError: nothing was judged, or the gate rejected the model.
          DataError: the release, the gate or an earlier record is not what it was.
          TryAgainError: something is in the way, or somebody else decides at the same time.
        """
        entry = self.read(run_id)
        judged, verdict, last = entry.judged, entry.verdict, entry.decision
        if judged is None or verdict is None:
            raise UsageError(
                f"A decision must be about a model that was evaluated, and run {run_id} has evaluated none; run the"
                f" pipeline to its end with {self.command}."
            )
        gate_sha256 = _unchanged_gate(judged)
        if (word, verdict) == ("approve", "REJECT"):
            raise UsageError(
                f"Only a model that passes the gate can be approved, and the gate rejected that of run {run_id}; change"
                " the gate in the configuration, or the model, and run again."
            )
        if word == "approve":
            self.require_publishable(entry)
        if last is None and (word, verdict) in (("approve", "ACCEPT"), ("reject", "REJECT")):
            done = "accepted" if word == "approve" else "rejected"
            message = f"The gate {done} the model of run {run_id}, so there is nothing to {word}; nothing was changed."
            return Outcome(run_id, verdict, None, False, message), entry
        require_report(entry)
        self.require_blessing(entry)
        number = len(entry.decisions)
        if last is not None and last.decision == word:
            record = last
            message = (
                f"The model of run {run_id} was {WORDS[word]} already, by {last.who} at {last.when}, so nothing was"
                f" decided anew: {last.reason}"
            )
        else:
            if word == "approve":
                _require_unchanged_release(judged, self.release_directory(entry))
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
            message = f"The model of run {run_id} is {WORDS[word]}: {reason}"
        # Also for a decision that was taken before: a command may have been killed between the record and the rest.
        self.bless(entry, record, record_place(judged.decisions_place, judged.release_digest, number))
        if record is not last and word == "reject" and (where := ", ".join(self.published(entry))):
            message += f"\nWhat is published stays published; remove it if nobody is to use it: {where}"
        self._write_reports(judged, entry.pipeline)
        return Outcome(run_id, verdict, record, record is not last, message), entry

    def _write_reports(self, judged: Judged, pipeline: str) -> None:
        """Lets the reports of all runs with that release tell of the decision."""
        entries = self.read_all(pipeline)
        for entry in entries:
            if entry.judged is not None and not entry.problem and entry.judged.is_same_release(judged):
                # Another run may have lost its report; that of the run that was named has been looked at before.
                with contextlib.suppress(DataError):
                    self.write_report(entry, entries)


def reason_of(text: str) -> str:
    """Returns a reason without the blanks around it.

    Raises:
      UsageError: nothing is left.
    """
    given = _valid(text).strip()
    if not given:
        raise UsageError("--reason must say why, for those who come later, and is empty; give a sentence.")
    return given


def _create(judged: Judged, number: int, record: DecisionRecord) -> None:
    """Writes the record. A lock may keep others in this workspace away, but the records may lie elsewhere."""
    try:
        create_decision(judged.decisions_place, number, record)
    except FileExistsError as error:
        raise TryAgainError(
            f"One decision at a time can be taken about a release, and somebody took one about that of run"
            f" {record.run_id} just now; look at it with w2v2 review, and try again."
        ) from error


def _unchanged_gate(judged: Judged) -> str:
    """Returns the sha256 of an evaluation's gate.json, which must be as the evaluator wrote it."""
    path = places.join(judged.evaluation.uri, GATE_FILE)
    written = judged.evaluation.properties.get(_GATE_SHA256)
    found = hashlib.sha256(places.read_bytes(path)).hexdigest()
    if found != written:
        raise DataError(
            f"A decision must be about the gate as the evaluator wrote it, with the sha256 {written or 'unknown'}, and"
            f" {path} has {found}; {again(path)}."
        )
    return found


def _require_unchanged_release(judged: Judged, directory: str) -> None:
    """Raises ReleaseError unless the release is, byte for byte, the one that was judged."""
    release = read_whole_release(directory)
    for kind in ("release_digest", "model_digest"):
        wanted, found = getattr(judged, kind), getattr(release, kind)
        if found != wanted:
            raise ReleaseError(
                f"An approval must be of the release that was judged: the {kind} of {directory} must be {wanted}, and"
                f" is {found}; {again(judged.evaluation.uri)}."
            )


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # the user has a number and no name
        user = str(os.getuid())
    return _valid(f"{user}@{socket.gethostname()}")


def _valid(text: str) -> str:
    """Returns what was typed, with a mark where it is no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
