"""A process that one side of a benchmark runs in, so that the two take turns and do not share memory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Threads of the process that answered before may wait busily for more work, and would take the time of the next one.
_REST_SECONDS = 0.3


class Worker:
    """A process that answers requests, as `_serving.serve` does.

    Args:
      command: What to start.
      environment: Environment variables that are added.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **(environment or {})},
        )  # fmt: skip
        self._answer()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request, when all is quiet, and waits for the answer."""
        assert self.process.stdin is not None
        time.sleep(_REST_SECONDS)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process and gives its memory back."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}; run it alone to see why.")
        return json.loads(line)
