"""Makes `smoke.json`, the compiled smoke configuration, so that every change of what Vertex AI gets shows in review.

    .venv/bin/python -m tests.golden.vertex.make

What changes with each change of code, and with nothing else, is left out: hashes of source code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "smoke.json"

_OF_CODE = ("code_fingerprint", "corpus_fingerprint", "w2v2-code")
_IN_TEXT = re.compile(r'("code_fingerprint": ")[0-9a-f]{64}')


def without_code(value: Any, is_of_code: bool = False) -> Any:
    """Returns a compiled job with `<code>` in the place of each hash of source code."""
    if isinstance(value, dict):
        return {key: without_code(item, is_of_code or key in _OF_CODE) for key, item in value.items()}
    if isinstance(value, list):
        return [without_code(item, is_of_code) for item in value]
    if not isinstance(value, str):
        return value
    if is_of_code and re.search(r"[0-9a-f]{60,}", value):
        return re.sub(r"[0-9a-f]{60,}", "<code>", value)
    return _IN_TEXT.sub(r"\1<code>", value)


def golden_text(job: dict[str, Any]) -> str:
    """Returns the content of the golden file."""
    return json.dumps(without_code(job), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes the file."""
    from pipeline.vertex.compile import compile_for_vertex
    from tests.pipeline.vertex.smoke_on_vertex import get_config

    GOLDEN.write_text(golden_text(compile_for_vertex(get_config()).job), encoding="utf-8")


if __name__ == "__main__":
    main()
