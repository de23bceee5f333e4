"""Frees what a plan names: first the metadata says so, then a directory vanishes at once, then its files go."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.collection.item import Item
from pipeline.collection.plan import CollectionPlan, is_workspace, plan_collection
from pipeline.collection.protection import require_some_kept
from pipeline.collection.store import mark_freed, read_store
from pipeline.collection.walking import FREED_PREFIX, artifact_path, is_plain
from pipeline.metadata_store import require_unlocked
from pipeline.workspace import Workspace

HOLDER = "w2v2 gc"
"""As which a collection holds the lock of the workspace."""


def collect(
    workspace: Workspace,
    keep_runs: int,
    archives: bool = False,
    freed: Callable[[Item], object] | None = None,
) -> CollectionPlan:
    """Frees what `plan_collection` finds under the lock of the workspace; returns what was freed.

    Killed at any moment, it is ended by the next call, or by the next run.

    Args:
      workspace: Where.
      keep_runs: How many of the newest runs of each pipeline are kept, whatever came of them.
      archives: Whether archives of corpora that are unpacked may go.
      freed: Called after each item.

    Raises:
      UsageError: less than one run is to be kept.
      DataError: the metadata store cannot be read.
      TryAgainError: a run or another collection uses the workspace, or another process has locked the store.
    """
    require_some_kept(keep_runs)
    if not is_workspace(workspace):
        return CollectionPlan((), {})
    with workspace.lock(HOLDER):
        if workspace.metadata_file.is_file():
            require_unlocked(workspace.metadata_file)
        plan = plan_collection(workspace, keep_runs, archives, is_locked=True)
        marked = {item.artifact_id: item.size_bytes for item in plan.items if item.artifact_id is not None}
        if marked:
            now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
            mark_freed(workspace.metadata_file, marked, now)
        for item in plan.items:
            remove(workspace, item.path)
            if freed is not None:
                freed(item)
        return plan


def end_collection(workspace: Workspace) -> None:
    """Removes what the metadata store says is freed and is still there; for a run, which holds the lock.

    A collection that was killed may have left it, and TFX would take a directory that is there for the output that it
    remembers.

    Raises:
      DataError: the metadata store cannot be read.
      TryAgainError: another process has locked it.
    """
    for artifact in read_store(workspace.metadata_file).freed.values():
        path = artifact_path(workspace, artifact)
        if path is not None:
            remove(workspace, path)


def remove(workspace: Workspace, path: Path) -> None:
    """Removes a file or a directory of the workspace; it vanishes at once, and links in it are removed, not followed.

    Raises:
      OSError: it may not be removed.
    """
    if not is_plain(workspace.root, path):
        return
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.startswith(FREED_PREFIX):
        vanished = path.with_name(f"{FREED_PREFIX}{path.name}")
        if os.path.lexists(vanished):
            # An earlier collection was killed between these two steps, and the name was taken anew since.
            shutil.rmtree(vanished)
        path = path.rename(vanished)
    shutil.rmtree(path)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
