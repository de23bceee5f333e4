"""Finds what may be freed in a workspace. Nothing is changed, and no symbolic link is followed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.decisions import DecisionRecord, decisions_place, read_decisions
from model.errors import DataError, ReleaseError
from pipeline.collection import DEFAULT_KEEP_RUNS, leftovers
from pipeline.collection.item import Item
from pipeline.collection.protection import (
    RunFacts,
    collectable_artifacts,
    kept_runs,
    require_some_kept,
    why_free,
)
from pipeline.collection.store import StoreContent, StoredRun, read_store
from pipeline.collection.walking import artifact_path, size_of
from pipeline.record import RunDirectory, RunRecord
from pipeline.workspace import Workspace


@dataclasses.dataclass(frozen=True)
class CollectionPlan:
    """What may be freed, and what is kept.

    Attributes:
      items: What may be freed.
      kept: Why runs are kept, by their ids.
      left: Places that might be freed, but lie outside of the workspace or behind a symbolic link.
      under_way: The run that uses the workspace now; what is half-done is not listed then.
    """

    items: tuple[Item, ...]
    kept: Mapping[str, str]
    left: tuple[str, ...] = ()
    under_way: str | None = None

    @property
    def size_bytes(self) -> int:
        """Of all items together."""
        return sum(item.size_bytes for item in self.items)


def plan_collection(
    workspace: Workspace, keep_runs: int = DEFAULT_KEEP_RUNS, archives: bool = False, is_locked: bool = False
) -> CollectionPlan:
    """Finds what may be freed.

    Args:
      workspace: Where.
      keep_runs: How many of the newest runs of each pipeline are kept, whatever came of them.
      archives: Whether archives of corpora that are unpacked may go.
      is_locked: Whether the caller holds the lock of the workspace.

    Raises:
      UsageError: less than one run is to be kept.
      DataError: the metadata store cannot be read.
      TryAgainError: another process has locked it.
    """
    require_some_kept(keep_runs)
    if not is_workspace(workspace):
        return CollectionPlan((), {})
    holder = None if is_locked else workspace.lock_holder()
    under_way = None if holder is None else holder.run_id or "another run"
    content = read_store(workspace.metadata_file)
    facts = read_facts(workspace, content)
    kept = kept_runs(facts.values(), keep_runs, under_way)
    left: list[str] = []
    items = list(_artifacts(workspace, content, facts, kept, left))
    if under_way is None:
        items += leftovers.rests(workspace, content)
        items += leftovers.unfinished(workspace, content)
        items += leftovers.staging(workspace, facts, kept)
        items += leftovers.temporaries(workspace)
    if archives:
        items += leftovers.archives(workspace)
    return CollectionPlan(tuple(items), kept, tuple(left), under_way)


def is_workspace(workspace: Workspace) -> bool:
    """Tells whether there has been a run: a directory that is named by mistake may have folders of the same names."""
    return workspace.metadata_file.is_file() or bool(workspace.run_ids())


def read_facts(workspace: Workspace, content: StoreContent) -> dict[str, RunFacts]:
    """Returns what is known of every run, by its id: of records, the metadata store and people's decisions."""
    recorded = set(workspace.run_ids())
    facts: dict[str, RunFacts] = {}
    for run_id in sorted(recorded | set(content.runs)):
        stored = content.runs.get(run_id)
        record, problem = None, ""
        if run_id in recorded:
            try:
                record = RunDirectory(workspace.runs_dir / run_id).read()
            except DataError as error:
                problem = str(error)
        facts[run_id] = _facts_of(workspace, content, run_id, stored, record, problem)
    return facts


def _facts_of(
    workspace: Workspace,
    content: StoreContent,
    run_id: str,
    stored: StoredRun | None,
    record: RunRecord | None,
    problem: str,
) -> RunFacts:
    pipeline = record.pipeline if record is not None else stored.pipeline if stored is not None else ""
    decisions: list[DecisionRecord] = []
    digests = frozenset[str]() if stored is None else stored.release_digests
    for digest in sorted(digests):
        try:
            decisions += _decisions(workspace, pipeline, digest)
        except DataError as error:
            problem = problem or str(error)
    words = {one.decision for one in decisions}
    started = None
    if record is not None:
        with contextlib.suppress(ValueError):
            started = dt.datetime.fromisoformat(record.started).timestamp()
    return RunFacts(
        run_id=run_id,
        pipeline=pipeline,
        artifacts=frozenset() if stored is None else stored.artifacts,
        state="FORGOTTEN" if record is None and not problem else "RUNNING" if record is None else record.state,
        started=started,
        unfinished=frozenset() if record is None else _unfinished_nodes(record, stored),
        verdict=None if stored is None else stored.verdict,
        is_blessed=stored is not None and stored.is_blessed,
        is_approved="approve" in words or bool(digests & content.approved_digests),
        is_decided=bool(words),
        is_pushed=stored is not None and stored.is_pushed,
        problem=problem,
    )


def _decisions(workspace: Workspace, pipeline: str, digest: str) -> list[DecisionRecord]:
    place = decisions_place(str(workspace.pipeline_root(pipeline)))
    directory = Path(place) / digest
    if not directory.is_dir():
        return []
    try:
        names = sorted(path for path in directory.iterdir() if path.suffix == ".json")
        model_digest = json.loads(names[0].read_text(encoding="utf-8"))["model_digest"] if names else ""
        return list(read_decisions(place, digest, str(model_digest))) if names else []
    except (OSError, ValueError, KeyError, TypeError, ReleaseError) as error:
        raise DataError(
            f"A decision must be a record that can be read, and {directory} has one that cannot ({error}); copy it back"
            " from a backup."
        ) from error


def _unfinished_nodes(record: RunRecord, stored: StoredRun | None) -> frozenset[str]:
    done = frozenset() if stored is None else stored.finished_nodes
    return frozenset(record.nodes) - done


def _artifacts(
    workspace: Workspace,
    content: StoreContent,
    facts: Mapping[str, RunFacts],
    kept: Mapping[str, str],
    left: list[str],
) -> Iterator[Item]:
    free = collectable_artifacts(content.artifacts.values(), list(facts.values()), kept, content.named)
    for artifact_id, run_ids in sorted(free.items()):
        artifact = content.artifacts[artifact_id]
        if not os.path.lexists(artifact.uri):
            continue
        path = artifact_path(workspace, artifact)
        if path is None:
            left.append(artifact.uri)
            continue
        yield Item("artifact", path, size_of(path), why_free(run_ids, facts), run_ids, artifact_id)
