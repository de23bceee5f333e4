"""What the files of an evaluation say, on this machine or in Cloud Storage."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from beam_jobs import places
from components.evaluation.junit import JUNIT_FILE
from model.errors import DataError
from model.export.evaluation_summary import GATE_FILE, METRICS_FILE

REPORT_FILE = "report.html"
_MEASURES_OF_BACKBONE = ("contrastive_loss", "accuracy", "code_perplexity", "codes")


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What an Evaluation artifact says; without one, nothing."""

    verdict: str | None = None
    wer: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    measures: Mapping[str, Mapping[str, float | None]] = dataclasses.field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
    reasons: tuple[str, ...] = ()
    report: str | None = None
    junit: str | None = None


def read_evaluation(place: str) -> Evaluated:
    """Reads what an evaluation says.

    Args:
      place: Where its files lie: a directory or a gs:// address.

    Raises:
      DataError: they are missing, or are not what an evaluator writes.
      TryAgainError: Cloud Storage does not answer.
    """
    junit = places.join(place, JUNIT_FILE)
    try:
        gate = places.read_json(places.join(place, GATE_FILE))
        metrics = places.read_json(places.join(place, METRICS_FILE))
        measures = {name: _measures(split) for name, split in metrics["splits"].items()}
        return Evaluated(
            verdict=str(gate["verdict"]),
            wer={name: values["wer"] for name, values in measures.items() if "wer" in values},
            measures=measures,
            gates=tuple({**check, "measured": _finite(check["measured"])} for check in gate["checks"]),
            reasons=tuple(gate["reasons"]),
            report=places.join(place, REPORT_FILE),
            # Runs before this file was written have none.
            junit=junit if places.is_file(junit) else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"An evaluation must hold gate.json and metrics.json; those in {place} cannot be read"
            f" ({type(error).__name__}: {error}); {again(place)}."
        ) from error


def read_report(place: str) -> str:
    """Returns the evaluator's report, as it wrote it.

    Args:
      place: Where the evaluation lies.

    Raises:
      DataError: it cannot be read.
      TryAgainError: Cloud Storage does not answer.
    """
    path = places.join(place, REPORT_FILE)
    try:
        return places.read_bytes(path).decode("utf-8")
    except (OSError, ValueError) as error:
        raise DataError(
            f"An evaluation must hold its report, and {path} cannot be read ({error}); {again(place)}."
        ) from error


def again(place: str) -> str:
    """Returns how what lies at a place is made anew, to be put behind a semicolon."""
    if places.is_remote(place):
        return "run again with vertex.enable_cache=False"
    return "run again with --no-cache"


def _measures(split: Mapping[str, Any]) -> dict[str, float | None]:
    if "contrastive_loss" in split:
        return {name: _finite(split.get(name)) for name in _MEASURES_OF_BACKBONE}
    if "wer" in split:
        # Format 1, of runs before the rates of words and characters had places of their own.
        return {name: _finite(split.get(name)) for name in ("wer", "cer")}
    return {"wer": _finite(split["words"]["wer"]), "cer": _finite(split["characters"]["cer"])}


def _finite(value: Any) -> float | None:
    """Returns a number as it is, and None for what is none, so that the document stays JSON."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None
