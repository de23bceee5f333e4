"""What a model is compared with, by the name that reasons and reports call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LATEST_BLESSED = "latest blessed model"
BASELINE = "baseline"


def baseline_name(metrics: Mapping[str, Any]) -> str:
    """Returns what stands after `the`, or alone in a table.

    Args:
      metrics: The content of `metrics.json`; with `files`, it is of transcripts of any system.
    """
    return BASELINE if "files" in metrics else LATEST_BLESSED
