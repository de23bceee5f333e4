"""The worker of `demo_page.py` that transcribes a file without any page, one request a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import _serving


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what takes the sound of a request and returns the transcription of it."""
    from model import Transcriber

    transcriber = Transcriber(sys.argv[1], runtime="onnxruntime", precision=sys.argv[2])

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        return lambda: {"text": transcriber.transcribe(request["sound"]).text}

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
