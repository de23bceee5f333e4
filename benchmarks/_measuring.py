"""What the benchmarks share: claims, conditions, the base checkpoint of PyTorch."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REFERENCE_PYTHON = Path(__file__).parents[1] / ".venv-reference" / "bin" / "python"

_MAKE = Path(__file__).parents[1] / "tests" / "golden" / "wav2vec2" / "make.py"


def make_base(directory: Path) -> None:
    """Lets PyTorch write the base architecture, with random weights at its full size, to a new directory."""
    if not REFERENCE_PYTHON.exists():
        raise SystemExit("This benchmark needs .venv-reference; make it with: make reference")
    subprocess.run([REFERENCE_PYTHON, _MAKE, "--full", "base", directory], check=True, stderr=subprocess.DEVNULL)


def claim(value: float, bound: float) -> dict[str, float | bool]:
    """Returns the claim that a value is at most its bound, as the README's table reads it."""
    return {"value": round(value, 3), "bound": bound, "holds": value <= bound}


def at_least(value: float, bound: float) -> dict[str, float | bool]:
    """Returns the claim that a value is at least its bound."""
    return {"value": round(value, 3), "bound": bound, "holds": value >= bound}


def finish(claims: Mapping[str, Mapping[str, Any]], conditions: Mapping[str, Any]) -> int:
    """Prints the last line, one JSON object; returns 0 if every claim holds."""
    machine = {"cpu": cpu(), "cores": os.cpu_count()}
    sys.stdout.write(json.dumps({"claims": claims, "conditions": {**machine, **conditions}}) + "\n")
    return 0 if all(entry["holds"] for entry in claims.values()) else 1


def cpu() -> str:
    """Returns what the machine says that its processor is."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
