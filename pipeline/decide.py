"""What `w2v2 approve` and `w2v2 reject` do in a workspace of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from components.decisions import DecisionRecord
from model.errors import UsageError
from model.export.release import FORMATS
from model.settings import from_mapping
from pipeline.blessings import publish_blessing
from pipeline.config import PipelineConfig
from pipeline.decision import Decider, Outcome, reason_of
from pipeline.display import show_message
from pipeline.metadata_store import require_unlocked
from pipeline.record import RunRequest
from pipeline.releases import formats_of_release
from pipeline.reports import write_report
from pipeline.run_entry import RunEntry
from pipeline.runs import read_run, read_runs
from pipeline.supervisor import run_under_lock
from pipeline.workspace import Workspace, new_run_id


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
    given = reason_of(reason)
    workspace.require_free_space()
    publishing_id = new_run_id()
    with workspace.lock(publishing_id) as lock_descriptor:
        outcome, entry = LocalDecider(workspace).decide(run_id, "approve", given)
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
    given = reason_of(reason)
    with workspace.lock(run_id):
        outcome, _ = LocalDecider(workspace).decide(run_id, "reject", given)
    show_message(console, outcome.message)
    return outcome


class LocalDecider(Decider):
    """Decides about runs of a workspace, whose lock is held.

    Args:
      workspace: Where the runs lie.
    """

    command = "w2v2 run"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def read(self, run_id: str) -> RunEntry:
        """Returns the run, if the metadata store can be written to."""
        if self._workspace.metadata_file.is_file():
            require_unlocked(self._workspace.metadata_file)
        return read_run(self._workspace, run_id)

    def read_all(self, pipeline: str) -> list[RunEntry]:
        """Returns all runs of the workspace."""
        del pipeline
        return read_runs(self._workspace)

    def require_publishable(self, entry: RunEntry) -> None:
        """The configuration must be one of this version, and the release must be there."""
        _config(entry)
        directory = self.release_directory(entry)
        if any(artifact.uri == directory for node in entry.nodes for artifact in node.freed):
            raise UsageError(
                f"An approval publishes the release that was judged, and w2v2 gc has freed that of run {entry.run_id};"
                " run again, and approve that run."
            )

    def release_directory(self, entry: RunEntry) -> str:
        """Returns the directory that the blessing names."""
        assert entry.judged is not None
        blessing = entry.judged.blessing
        return "" if blessing is None else str(blessing.properties.get("current_model", ""))

    def require_blessing(self, entry: RunEntry) -> None:
        """`publish_blessing` says it."""

    def published(self, entry: RunEntry) -> Iterable[str]:
        """Returns the directories below that of the configuration."""
        assert entry.judged is not None
        release = entry.record.config.get("release", {})
        destination = str(entry.record.config.get("publication", {}).get("destination", ""))
        place = _releases_dir(self._workspace, destination)
        found = formats_of_release(place, str(release.get("name", "")), entry.judged.release_digest)
        return map(str, found.values())

    def bless(self, entry: RunEntry, record: DecisionRecord, place: str) -> None:
        """Publishes a blessing of its own in the metadata store."""
        assert entry.judged is not None
        publish_blessing(self._workspace.metadata_file, entry.pipeline, entry.judged, record, place)

    def write_report(self, entry: RunEntry, runs: Iterable[RunEntry]) -> None:
        """Writes it beside the record of the run."""
        write_report(self._workspace, entry, runs)


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
