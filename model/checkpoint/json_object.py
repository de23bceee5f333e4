"""The JSON files beside a checkpoint's weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.errors import CheckpointError


def read_json_object(path: Path) -> dict[str, Any]:
    """Reads a file that must hold a JSON object, such as a `config.json`.

    Raises:
      CheckpointError: the file cannot be read, is no JSON, holds something else, or text that is no Unicode.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        # JSON can spell half of a character pair, which no file in UTF-8 can hold again.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} must be a JSON object in UTF-8: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(value).__name__}.")
    return value
