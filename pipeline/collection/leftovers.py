"""What processes that ended or were killed have left in a workspace, apart from artifacts."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pipeline.collection.holding import is_in_use
from pipeline.collection.item import Item, Kind
from pipeline.collection.protection import ALWAYS_KEPT_TYPES, RunFacts, needed_since
from pipeline.collection.store import StoreContent
from pipeline.collection.walking import FREED_PREFIX, artifact_path, children, last_change, listed, size_of
from pipeline.workspace import Workspace

_TRAINER, _INGEST = "Trainer", "LibriSpeechExampleGen"
# As `model.storage` names what is not whole yet: the random part has eight characters.
_TEMPORARY = re.compile(r"\.[^/]*\.[a-z0-9_]{8}(\.[A-Za-z0-9]+)?")
_TRAINING_STATE = re.compile(r"[0-9a-f]{16}")
_INGEST_STATE = re.compile(r"ingest-[0-9a-f]{24}")
_ARCHIVE = re.compile(r"[^.].*\.tar(\.gz)?")


def rests(workspace: Workspace, content: StoreContent) -> Iterator[Item]:
    """What a collection that was killed has marked and not removed."""
    why = "rest of an earlier w2v2 gc"
    for artifact in content.freed.values():
        if artifact.type_name not in ALWAYS_KEPT_TYPES:
            path = artifact_path(workspace, artifact)
            if path is not None:
                yield Item("rest", path, size_of(path), why)
    places = (
        *children(workspace, workspace.pipelines_dir, 3),
        workspace.staging_dir,
        workspace.staging_dir / "training",
    )
    for place in places:
        for path in listed(workspace, place):
            if path.name.startswith(FREED_PREFIX):
                yield Item("rest", path, size_of(path), why)


def unfinished(workspace: Workspace, content: StoreContent) -> Iterator[Item]:
    """Outputs and working directories of executions whose process was killed, so that TFX could not remove them."""
    run_of = {one: run_id for run_id, run in content.runs.items() for one in run.unfinished_executions}
    known = {artifact.uri.rstrip("/") for artifact in (*content.artifacts.values(), *content.freed.values())}
    for node in children(workspace, workspace.pipelines_dir, 2):
        for output in listed(workspace, node):
            if output.name.startswith("."):
                continue
            for path in listed(workspace, output):
                if str(path) not in known and path.name.isdigit() and int(path.name) in run_of:
                    run_id = run_of[int(path.name)]
                    yield Item("unfinished", path, size_of(path), "half-written when its run ended", (run_id,))
        for path in listed(workspace, node / ".system" / "stateful_working_dir"):
            yield Item("unfinished", path, size_of(path), "working directory of a node that was killed")


def staging(workspace: Workspace, facts: Mapping[str, RunFacts], kept: Collection[str]) -> Iterator[Item]:
    """What trainings, ingests and evaluations have begun, and nobody goes on with."""
    kinds: tuple[tuple[Path, re.Pattern[str], str, Kind, str], ...] = (
        (workspace.staging_dir / "training", _TRAINING_STATE, _TRAINER, "training", "state of a training that ended"),
        (workspace.staging_dir, _INGEST_STATE, _INGEST, "ingest", "shards of an ingest that ended"),
    )
    for place, pattern, node, kind, why in kinds:
        since = needed_since(facts.values(), kept, node)
        for path in listed(workspace, place):
            if pattern.fullmatch(path.name) and (since is None or last_change(path) < since):
                yield Item(kind, path, size_of(path), f"{why}, or of a run that is not kept")
    for path in listed(workspace, workspace.staging_dir):
        if path.name.startswith("evaluate-") and path.is_dir() and not is_in_use(path):
            yield Item("evaluation", path, size_of(path), "left by a w2v2 evaluate that was killed")


def temporaries(workspace: Workspace) -> Iterator[Item]:
    """What `model.storage` had not finished when its process was killed; nobody else writes there under the lock."""
    places = [workspace.runs_dir, *children(workspace, workspace.runs_dir, 1)]
    places += [workspace.staging_dir / "schema", *children(workspace, workspace.staging_dir / "schema", 1)]
    places += [workspace.staging_dir / "publication"]
    for pipeline in children(workspace, workspace.pipelines_dir, 1):
        places += children(workspace, pipeline / "decisions", 1)
    for place in places:
        for path in listed(workspace, place):
            if _TEMPORARY.fullmatch(path.name):
                yield Item("temporary", path, size_of(path), "half-written by a process that was killed")


def archives(workspace: Workspace) -> Iterator[Item]:
    """Archives whose whole content is unpacked beside them, as the note of the unpacking says."""
    from beam_jobs.librispeech.archives import NOTE_FILE, ROOT_NAME

    for corpus in children(workspace, workspace.corpora_dir, 1):
        unpacked = set()
        for subset in listed(workspace, corpus / ROOT_NAME):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                unpacked.add(str(json.loads((subset / NOTE_FILE).read_text(encoding="utf-8"))["identity"]))
        for path in listed(workspace, corpus):
            if not (_ARCHIVE.fullmatch(path.name) and path.is_file()):
                continue
            status = path.stat()
            if f"{path.name} {status.st_size} {status.st_mtime_ns}" in unpacked:
                why = f"unpacked; a run that names the subset downloads it again, --corpus {corpus} does not"
                yield Item("archive", path, size_of(path), why)
