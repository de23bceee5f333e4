"""Finds released models: `<releases>/<name>/<format>/<version>/`, with `latest` naming the newest version."""

from __future__ import annotations

import contextlib
from pathlib import Path

from model.errors import ReleaseError, UsageError
from model.export.release import RELEASE_FILE, read_release
from pipeline.workspace import Workspace


def newest_onnx_release(workspace: Workspace) -> Path:
    """Returns the folder of versions of the recogniser that was released last, as ONNX; a backbone is none.

    Raises:
      UsageError: none was released yet.
    """
    pointers = sorted(
        filter(_is_of_recogniser, workspace.releases_dir.glob("*/onnx/latest")),
        key=lambda path: path.stat().st_mtime_ns,
    )
    if not pointers:
        raise UsageError(
            f"No model has been released in {workspace.root} yet; run w2v2 run until its verdict is ACCEPT, or name a"
            " released ONNX folder with --model."
        )
    return pointers[-1].parent


def _is_of_recogniser(pointer: Path) -> bool:
    """Tells whether `latest` names a model with a CTC head; what cannot be read is for its reader to complain of."""
    version = pointer.read_text(encoding="utf-8").strip()
    try:
        return read_release(pointer.parent / version).head == "ctc"
    except ReleaseError:
        return True


def published_versions(releases_dir: Path, name: str) -> dict[str, str]:
    """Returns the newest published version of a model, by format; nothing for a format of which none is there.

    A version counts while its directory is there: a pusher must run again when somebody has removed it.
    """
    found: dict[str, str] = {}
    for pointer in sorted((releases_dir / name).glob("*/latest")):
        version = pointer.read_text(encoding="utf-8").strip()
        if version and (pointer.parent / version).is_dir():
            found[pointer.parent.name] = version
    return found


def formats_of_release(releases_dir: Path, name: str, release_digest: str) -> dict[str, Path]:
    """Returns the published versions that hold a release, by format; their files are not looked at.

    Args:
      releases_dir: Where the pushers publish.
      name: Of the model.
      release_digest: Of the release.
    """
    found: dict[str, Path] = {}
    for path in sorted((releases_dir / name).glob(f"*/*/{RELEASE_FILE}")):
        with contextlib.suppress(ReleaseError):  # what is there in its place is for the pushers to tell of
            if read_release(path.parent).release_digest == release_digest:
                found[path.parent.parent.name] = path.parent
    return found
