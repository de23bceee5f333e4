"""What is judged, and what it is compared with, by the names that reasons and reports call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CANDIDATE = "model"
LATEST_BLESSED = "latest blessed model"
BASELINE = "baseline"


def baseline_name(metrics: Mapping[str, Any]) -> str:
    """Returns what stands after `the`, or alone in a table.

    Args:
      metrics: The content of `metrics.json`; with `files`, it is of transcripts of any system.
    """
    return BASELINE if "files" in metrics else LATEST_BLESSED


def candidate_name(metrics: Mapping[str, Any]) -> str:
    """Returns what that which is judged is called: of transcripts nobody knows whether a model has made them.

    Args:
      metrics: As `baseline_name` takes them.
    """
    return "system" if "files" in metrics else CANDIDATE
