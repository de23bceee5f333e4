"""What the workers of `forward.py` and `train_step.py` do with a request; imported in both environments."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO


def serve(load: Callable[[], Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]]) -> None:
    """Answers requests, a JSON object a line, until standard input ends.

    An answer holds `seconds`, `peak_bytes` of this process during the call, and what the call returned.

    Args:
      load: Returns what makes the inputs that a request asks for, and returns the call that is measured.
    """
    # Answers go where standard output went; what libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare = load()
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        call = prepare(json.loads(line))
        # Linux: 5 sets the peak of resident memory to what is resident now.
        Path("/proc/self/clear_refs").write_text("5")
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
        _answer(answers, {"seconds": seconds, "peak_bytes": _peak_bytes(), **result})


def _answer(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _peak_bytes() -> int:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) * 1024
