"""Finds released models: `<releases>/<name>/<format>/<version>/`, with `latest` naming the newest version."""

from __future__ import annotations

from pathlib import Path

from model.errors import UsageError
from pipeline.workspace import Workspace

_LATEST = "latest"
_ONNX_FILE = Path("onnx") / "model.onnx"


def onnx_release(workspace: Workspace, chosen: Path | None) -> Path:
    """Returns the folder of a released ONNX model.

    Args:
      workspace: Where to look for the release that was published last.
      chosen: A folder of a release, or one that holds versions; None for the newest in the workspace.

    Raises:
      UsageError: there is none.
    """
    if chosen is not None:
        folder = chosen.expanduser()
        for candidate in (folder, _newest_version(folder), _newest_version(folder / "onnx")):
            if candidate is not None and (candidate / _ONNX_FILE).is_file():
                return candidate
        raise UsageError(
            f"--model must be the folder of a released ONNX model, with {_ONNX_FILE} in it; {chosen} is not."
        )
    pointers = sorted(workspace.releases_dir.glob(f"*/onnx/{_LATEST}"), key=lambda path: path.stat().st_mtime)
    for pointer in reversed(pointers):
        version = _newest_version(pointer.parent)
        if version is not None and (version / _ONNX_FILE).is_file():
            return version
    raise UsageError(
        f"No model has been released in {workspace.root} yet; run w2v2 run until its verdict is ACCEPT, or name a"
        " released ONNX folder with --model."
    )


def _newest_version(folder: Path) -> Path | None:
    pointer = folder / _LATEST
    return folder / pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else None
