"""What the two workers of `forward.py` do with a request. NumPy only: it is imported in both environments."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np


def serve(load: Callable[[], Callable[[Any], Any]]) -> None:
    """Answers requests, a JSON object a line with `batch` and `samples`, until standard input ends.

    An answer holds `seconds`, `peak_bytes` of this process during the call, and `logits`, those of the last frame of
    the first utterance, so that both sides can be compared.

    Args:
      load: Returns the forward pass: from float32 `[batch, samples]` to logits, NumPy on both sides.
    """
    # Answers go where standard output went; what libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    forward = load()
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        random = np.random.RandomState(request["samples"] + request["batch"])
        waveforms = random.randn(request["batch"], request["samples"]).astype(np.float32)
        # Linux: 5 sets the peak of resident memory to what is resident now.
        Path("/proc/self/clear_refs").write_text("5")
        start = time.perf_counter()
        logits = forward(waveforms)
        seconds = time.perf_counter() - start
        _answer(answers, {"seconds": seconds, "peak_bytes": _peak_bytes(), "logits": logits[0, -1].tolist()})


def _answer(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _peak_bytes() -> int:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) * 1024
