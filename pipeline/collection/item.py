"""Something that may be freed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

Kind = Literal["artifact", "rest", "unfinished", "training", "ingest", "evaluation", "temporary", "archive"]


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
