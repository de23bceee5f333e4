"""Finds what may be freed in a workspace. Nothing is changed, and no symbolic link is followed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from components.decisions import DecisionRecord, decisions_place, read_decisions
from model.errors import DataError, ReleaseError
from pipeline.collection.protection import (
    ALWAYS_KEPT_TYPES,
    ArtifactFacts,
    RunFacts,
    collectable_artifacts,
    kept_runs,
    needed_since,
    why_free,
)
from pipeline.collection.store import StoreContent, StoredRun, read_store
from pipeline.record import RunDirectory, RunRecord
from pipeline.workspace import Workspace

Kind = Literal["artifact", "rest", "unfinished", "training", "ingest", "evaluation", "temporary", "archive"]

FREED_PREFIX = ".freed-"
"""Of the name that a directory gets before its files are removed, so that it is never seen in part."""
DEFAULT_KEEP_RUNS = 3

_TRAINER, _INGEST = "Trainer", "LibriSpeechExampleGen"
# As `model.storage` names what is not whole yet: the random part has eight characters.
_TEMPORARY = re.compile(r"\.[^/]*\.[a-z0-9_]{8}(\.[A-Za-z0-9]+)?")
_TRAINING_STATE = re.compile(r"[0-9a-f]{16}")
_INGEST_STATE = re.compile(r"ingest-[0-9a-f]{24}")
_ARCHIVE = re.compile(r"[^.].*\.tar(\.gz)?")
# An evaluation holds its place with a lock; one of an earlier version did not.
_QUIET_SECONDS = 3600.0


@dataclasses.dataclass(frozen=True)
class Item:
    """Something that may be freed.

    Attributes:
      kind: What it is.
      path: Where it lies.
      size_bytes: Of its files together.
      why: Why it may go, in words.
      run_ids: The runs that it is of.
      artifact_id: In the metadata store; None of what is no artifact.
    """

    kind: Kind
    path: Path
    size_bytes: int
    why: str
    run_ids: tuple[str, ...] = ()
    artifact_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "kind": self.kind,
            "path": str(self.path),
            "bytes": self.size_bytes,
            "why": self.why,
            "runs": list(self.run_ids),
        }


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
        items += _rests(workspace, content)
        items += _unfinished(workspace, content)
        items += _staging(workspace, facts)
        items += _temporaries(workspace)
    if archives:
        items += _archives(workspace)
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
        is_decided=bool(words) or bool(digests & content.decided_digests),
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
        raise DataError(f"A decision in {directory} cannot be read ({error}).") from error


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


def artifact_path(workspace: Workspace, artifact: ArtifactFacts) -> Path | None:
    """Returns the directory of an artifact; None unless it is `pipelines/<pipeline>/<node>/<output>/<execution>`.

    What lies elsewhere, or is reached through a symbolic link, is not the workspace's to remove.
    """
    path = Path(artifact.uri)
    try:
        parts = path.relative_to(workspace.pipelines_dir).parts
    except ValueError:
        return None
    if len(parts) != 4 or any(part in (".", "..") or part.startswith(".") for part in parts):
        return None
    return path if is_plain(workspace.root, path) else None


def is_plain(root: Path, path: Path) -> bool:
    """Tells whether each step from a root down to a path is a directory, or at the end a file, and no link."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        return False
    if not parts or ".." in parts:
        return False
    place = root
    for index, part in enumerate(parts):
        place = place / part
        try:
            mode = place.lstat().st_mode
        except OSError:
            return False
        if not (stat.S_ISDIR(mode) or (index == len(parts) - 1 and stat.S_ISREG(mode))):
            return False
    return True


def size_of(path: Path) -> int:
    """Returns the bytes of all files at or below a path; a file that has other names elsewhere counts nothing."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size if status.st_nlink == 1 else 0
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            total += size_of(Path(entry.path))
    return total


def _rests(workspace: Workspace, content: StoreContent) -> Iterator[Item]:
    """What a collection that was killed has marked and not removed."""
    why = "rest of an earlier w2v2 gc"
    for artifact in content.freed.values():
        if artifact.type_name not in ALWAYS_KEPT_TYPES:
            path = artifact_path(workspace, artifact)
            if path is not None:
                yield Item("rest", path, size_of(path), why)
    places = (
        *_children(workspace, workspace.pipelines_dir, 3),
        workspace.staging_dir,
        workspace.staging_dir / "training",
    )
    for place in places:
        for path in _listed(workspace, place):
            if path.name.startswith(FREED_PREFIX):
                yield Item("rest", path, size_of(path), why)


def _unfinished(workspace: Workspace, content: StoreContent) -> Iterator[Item]:
    """Outputs and working directories of executions whose process was killed, so that TFX could not remove them."""
    run_of = {one: run_id for run_id, run in content.runs.items() for one in run.unfinished_executions}
    known = {artifact.uri.rstrip("/") for artifact in (*content.artifacts.values(), *content.freed.values())}
    for node in _children(workspace, workspace.pipelines_dir, 2):
        for output in _listed(workspace, node):
            if output.name.startswith("."):
                continue
            for path in _listed(workspace, output):
                if str(path) not in known and path.name.isdigit() and int(path.name) in run_of:
                    run_id = run_of[int(path.name)]
                    yield Item("unfinished", path, size_of(path), "half-written when its run ended", (run_id,))
        for path in _listed(workspace, node / ".system" / "stateful_working_dir"):
            yield Item("unfinished", path, size_of(path), "working directory of a node that was killed")


def _staging(workspace: Workspace, facts: Mapping[str, RunFacts]) -> Iterator[Item]:
    kinds: tuple[tuple[Path, re.Pattern[str], str, Kind, str], ...] = (
        (workspace.staging_dir / "training", _TRAINING_STATE, _TRAINER, "training", "state of a training that ended"),
        (workspace.staging_dir, _INGEST_STATE, _INGEST, "ingest", "shards of an ingest that ended"),
    )
    for place, pattern, node, kind, why in kinds:
        since = needed_since(facts.values(), node)
        for path in _listed(workspace, place):
            if pattern.fullmatch(path.name) and (since is None or _last_change(path) < since):
                yield Item(kind, path, size_of(path), f"{why}; no run can be resumed with it")
    for path in _listed(workspace, workspace.staging_dir):
        if path.name.startswith("evaluate-") and path.is_dir() and not _is_in_use(path):
            yield Item("evaluation", path, size_of(path), "left by a w2v2 evaluate that was killed")


def _temporaries(workspace: Workspace) -> Iterator[Item]:
    """What `model.storage` had not finished when its process was killed; nobody else writes there under the lock."""
    places = [workspace.runs_dir, *_children(workspace, workspace.runs_dir, 1)]
    places += [workspace.staging_dir / "schema", *_children(workspace, workspace.staging_dir / "schema", 1)]
    places += [workspace.staging_dir / "publication"]
    for pipeline in _children(workspace, workspace.pipelines_dir, 1):
        places += _children(workspace, pipeline / "decisions", 1)
    for place in places:
        for path in _listed(workspace, place):
            if _TEMPORARY.fullmatch(path.name):
                yield Item("temporary", path, size_of(path), "half-written by a process that was killed")


def _archives(workspace: Workspace) -> Iterator[Item]:
    """Archives whose whole content is unpacked beside them, as the note of the unpacking says."""
    from beam_jobs.librispeech.archives import NOTE_FILE, ROOT_NAME

    for corpus in _children(workspace, workspace.corpora_dir, 1):
        unpacked = set()
        for subset in _listed(workspace, corpus / ROOT_NAME):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                unpacked.add(str(json.loads((subset / NOTE_FILE).read_text(encoding="utf-8"))["identity"]))
        for path in _listed(workspace, corpus):
            if not (_ARCHIVE.fullmatch(path.name) and path.is_file()):
                continue
            status = path.stat()
            if f"{path.name} {status.st_size} {status.st_mtime_ns}" in unpacked:
                why = f"unpacked; a run that names the subset downloads it again, --corpus {corpus} does not"
                yield Item("archive", path, size_of(path), why)


def _listed(workspace: Workspace, place: Path) -> list[Path]:
    """Returns what lies directly in a directory of the workspace, without links; nothing where it is none."""
    if not is_plain(workspace.root, place) or not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if is_plain(workspace.root, path))


def _children(workspace: Workspace, place: Path, depth: int) -> list[Path]:
    """Returns the directories so many levels below a directory of the workspace, without hidden ones and links."""
    found = [place]
    for _ in range(depth):
        found = [
            path for one in found for path in _listed(workspace, one) if path.is_dir() and not path.name.startswith(".")
        ]
    return found


def _last_change(path: Path) -> float:
    latest = path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            latest = max(latest, _last_change(child))
    return latest


@contextlib.contextmanager
def held(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Tells `w2v2 gc` for the time of a block that a directory is in use; the kernel ends it with the process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _is_in_use(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return time.time() - _last_change(directory) < _QUIET_SECONDS
