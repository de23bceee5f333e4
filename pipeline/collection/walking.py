"""Walks through a workspace without following a symbolic link."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from pipeline.collection.protection import ArtifactFacts
from pipeline.workspace import Workspace

FREED_PREFIX = ".freed-"
"""Of the name that a directory gets before its files are removed, so that it is never seen in part."""


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


def listed(workspace: Workspace, place: Path) -> list[Path]:
    """Returns what lies directly in a directory of the workspace, without links; nothing where it is none."""
    if not is_plain(workspace.root, place) or not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if is_plain(workspace.root, path))


def children(workspace: Workspace, place: Path, depth: int) -> list[Path]:
    """Returns the directories so many levels below a directory of the workspace, without hidden ones and links."""
    found = [place]
    for _ in range(depth):
        found = [
            path for one in found for path in listed(workspace, one) if path.is_dir() and not path.name.startswith(".")
        ]
    return found


def last_change(path: Path) -> float:
    """Returns when something at or below a path has changed last, in seconds since the epoch."""
    latest = path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            latest = max(latest, last_change(child))
    return latest
