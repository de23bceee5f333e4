"""The files of an evaluation that people and CI systems read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from components.evaluation.gate import Decision
from components.evaluation.junit import JUNIT_FILE, junit_xml
from model.storage import replacing, write_json

METRICS_FILE = "metrics.json"
GATE_FILE = "gate.json"
UTTERANCES_FILE = "utterances.jsonl"
REPORT_FILE = "report.html"


def write_files(
    root: Path, decision: Decision | None, metrics: dict[str, Any], rows: Iterable[Mapping[str, Any]], report: str
) -> None:
    """Writes an evaluation into a directory.

    Args:
      root: The directory.
      decision: Of the gate; None where none was asked for, and then no file is of one.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      report: The content of `report.html`.
    """
    write_json(root / METRICS_FILE, metrics)
    if decision is not None:
        write_json(root / GATE_FILE, decision.to_mapping(metrics))
        write_text(root / JUNIT_FILE, junit_xml(decision, metrics))
    write_text(root / UTTERANCES_FILE, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_text(root / REPORT_FILE, report)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, all of it or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
