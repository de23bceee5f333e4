"""Which recogniser was released last, where releases are published: `<releases>/<name>/onnx/<version>/`."""

from __future__ import annotations

from pathlib import Path

from model.errors import ReleaseError
from model.export.release import ONNX, read_release


def newest_recogniser(releases_dir: Path) -> Path | None:
    """Returns the folder of versions of the recogniser that was released last, as ONNX; a backbone is none.

    Args:
      releases_dir: Where the pushers publish; it need not be there.

    Returns:
      None, where no recogniser was released.
    """
    pointers = sorted(
        filter(_is_of_recogniser, releases_dir.glob(f"*/{ONNX}/latest")), key=lambda path: path.stat().st_mtime_ns
    )
    return pointers[-1].parent if pointers else None


def _is_of_recogniser(pointer: Path) -> bool:
    """Tells whether `latest` names a model with a CTC head; what cannot be read is for its reader to complain of."""
    version = pointer.read_text(encoding="utf-8").strip()
    try:
        return read_release(pointer.parent / version).head == "ctc"
    except ReleaseError:
        return True
