"""What `w2v2 approve` and `w2v2 reject` do about runs on Vertex AI.

There is no lock. Who writes a record takes the next number, and one succeeds; and whoever has told the resolver of a
decision looks whether it is still the last one, so that in the end the last one holds, whoever comes when.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from beam_jobs import places
from components.decisions import WORDS, DecisionRecord
from model.errors import TryAgainError, W2v2Error
from pipeline.decision import Decider, Outcome, reason_of
from pipeline.display import show_error, show_message
from pipeline.failure import REJECTED_EXIT_CODE
from pipeline.foreground import shown
from pipeline.judged import Judged
from pipeline.reports import render_report
from pipeline.run_entry import Release, RunEntry
from pipeline.vertex.blessings import Blessings
from pipeline.vertex.cloud_runs import CloudRun, CloudRuns
from pipeline.vertex.publication import copy_release, publish_release, published_places, pusher_parameters


def approve(runs: CloudRuns, run_id: str, reason: str, console: Console) -> Outcome:
    """Approves the model of a run, lets the resolver find it, and publishes it from this machine.

    A new run could train anew. What is published is what was judged: a copy whose digests are compared, by the code of
    the pushers, to the places that the pushers of the run have.

    Args:
      runs: Where the run lies.
      run_id: The id of the run, or its beginning.
      reason: Why.
      console: Where the decision and the publication are shown.

    Raises:
      UsageError: the reason is empty, nothing was judged, the gate rejected the model, or there is no such run.
      DataError: the release, the gate or an earlier record is not what it was; or this account must not do it.
      TryAgainError: a service does not answer, the disk is full, or somebody else decides at the same time.
    """
    given = reason_of(reason)
    with tempfile.TemporaryDirectory(prefix="w2v2-approve-") as scratch:
        decider = VertexDecider(runs, Path(scratch), console)
        outcome, entry = decider.decide(runs.find(run_id).run_id, "approve", given)
        show_message(console, outcome.message)
        if outcome.decision is None:
            return outcome
        console.print()
        try:
            releases = decider.publish(entry)
        except W2v2Error as error:
            command = shlex.join(
                ["w2v2", "approve", entry.run_id, "--reason", "again", "--workspace", str(runs.workspace)]
            )
            message = f"{error} It is approved, and not all of it is published; go on with {command}"
            show_error(console, message)
            return dataclasses.replace(outcome, exit_code=error.exit_code, error=message)
    for format_, release in releases.items():
        show_message(console, f"{format_}: {release.reason}")
    if any(not release.path for release in releases.values()):
        error = next(release.reason for release in releases.values() if not release.path)
        return dataclasses.replace(outcome, exit_code=REJECTED_EXIT_CODE, error=error)
    return dataclasses.replace(outcome, releases=releases)


def reject(runs: CloudRuns, run_id: str, reason: str, console: Console) -> Outcome:
    """Rejects the model of a run: it is not published any more, and the resolver does not find it.

    The arguments and errors are those of `approve`; what the gate rejected needs no rejection.
    """
    given = reason_of(reason)
    with tempfile.TemporaryDirectory(prefix="w2v2-reject-") as scratch:
        outcome, _ = VertexDecider(runs, Path(scratch), console).decide(runs.find(run_id).run_id, "reject", given)
    show_message(console, outcome.message)
    return outcome


def with_what_is_left(runs: CloudRuns, entry: RunEntry) -> RunEntry:
    """Returns a run, with a message where the last decision about its release is not carried out.

    A command may have been stopped, or an evaluator may have begun before the decision and blessed the same bytes after
    it. Where the metadata store does not tell, nothing is said.
    """
    last = entry.decision
    if last is None:
        return entry
    try:
        standing = Blessings.of(runs.find(entry.run_id).record, _judged(entry).release_digest).standing()
    except W2v2Error:
        return entry
    if bool(standing) == (last.decision == "approve"):
        return entry
    what = (
        "later models are not compared with this one"
        if last.decision == "approve"
        else f"{', '.join(standing)} may be taken for a baseline"
    )
    words = [last.decision, last.run_id, "--reason", "again", "--workspace", str(runs.workspace)]
    message = f"What was decided is recorded, and not carried out: {what}; go on with {shlex.join(['w2v2', *words])}"
    told = f"{entry.record.message} {message}".strip()
    return dataclasses.replace(entry, record=dataclasses.replace(entry.record, message=told))


class VertexDecider(Decider):
    """Decides about runs on Vertex AI.

    Args:
      runs: Where they lie.
      scratch: A directory for copies.
      console: Where it is shown that something is copied or published.
    """

    command = "w2v2 vertex submit"

    def __init__(self, runs: CloudRuns, scratch: Path, console: Console) -> None:
        self._runs = runs
        self._scratch = scratch
        self._console = console
        self._found: dict[str, CloudRun] = {}

    def read(self, run_id: str) -> RunEntry:
        """Returns the run as the service and Cloud Storage have it."""
        return self._runs.entry(self._run(run_id))

    def read_all(self, pipeline: str) -> list[RunEntry]:
        """Returns the runs of the pipeline."""
        return self._runs.entries(pipeline)

    def require_publishable(self, entry: RunEntry) -> None:
        """The specification of the run must say where its pushers publish."""
        pusher_parameters(self._run(entry.run_id).job)

    def release_directory(self, entry: RunEntry) -> str:
        """Copies the release to this machine, once."""
        directory = self._scratch / "release"
        if not directory.exists():
            with shown(self._console, "Copy the release"):
                copy_release(entry, directory)
        return str(directory)

    def require_blessing(self, entry: RunEntry) -> None:
        """The metadata store must know the blessing."""
        self._blessings(entry).require(_blessing_uri(entry))

    def published(self, entry: RunEntry) -> Iterable[str]:
        """Returns where the pushers of the run publish, and where other runs have published the same release."""
        judged = entry.judged
        assert judged is not None
        found = []
        with contextlib.suppress(W2v2Error):  # a rejection does not fail for what it only tells of
            for run in self._runs.entries(entry.pipeline):
                for release in run.releases.values():
                    if release.digest == judged.release_digest:
                        found += [release.path, *release.hubs]
            found += published_places(pusher_parameters(self._run(entry.run_id).job), judged.release_digest)
        return dict.fromkeys(found)

    def bless(self, entry: RunEntry, record: DecisionRecord, place: str) -> None:
        """Changes the blessings, until they say what the last decision does.

        Raises:
          TryAgainError: it is another one, which somebody took at the same time; that one holds.
        """
        del place
        judged = _judged(entry)
        applied = record
        self._apply(entry, applied)
        while (last := judged.read_decisions()[-1]) != applied:
            applied = last
            self._apply(entry if applied.run_id == entry.run_id else self.read(applied.run_id), applied)
        if applied != record:
            raise TryAgainError(
                f"One decision at a time can be taken about a release, and {applied.who} has {WORDS[applied.decision]}"
                f" that of run {record.run_id} just now, which holds, because it is the last word; look at it with"
                " w2v2 review, and decide again if it shall be otherwise."
            )

    def write_report(self, entry: RunEntry, runs: Iterable[RunEntry]) -> None:
        """Writes it below the pipeline root."""
        place = self._runs.workspace.report_place(entry.run_id)
        places.write_bytes(place, render_report(entry, runs).encode())

    def publish(self, entry: RunEntry) -> dict[str, Release]:
        """Publishes the release of a run wherever it is not published yet; returns where it is, by format.

        Raises:
          UsageError: a destination cannot be used, such as a hub without credentials.
          ReleaseError: the release is not what was judged.
          DataError, TryAgainError: as `approve`.
        """
        directory = self.release_directory(entry)
        with shown(self._console, "Publish"):
            return publish_release(
                entry, pusher_parameters(self._run(entry.run_id).job), Path(directory), self._scratch
            )

    def _run(self, run_id: str) -> CloudRun:
        if run_id not in self._found:
            self._found[run_id] = self._runs.find(run_id)
        return self._found[run_id]

    def _apply(self, entry: RunEntry, record: DecisionRecord) -> None:
        if record.decision == "approve":
            self._blessings(entry).give(_blessing_uri(entry))
        else:
            self._blessings(entry).take_away()

    def _blessings(self, entry: RunEntry) -> Blessings:
        return Blessings.of(self._run(entry.run_id).record, _judged(entry).release_digest)


def _judged(entry: RunEntry) -> Judged:
    assert entry.judged is not None
    return entry.judged


def _blessing_uri(entry: RunEntry) -> str:
    blessing = _judged(entry).blessing
    return "" if blessing is None else blessing.uri
