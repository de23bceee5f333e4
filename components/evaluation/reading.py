"""The files of an evaluation, read for a program that looks at them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.evaluation.files import GATE_FILE, METRICS_FILE, REPORT_FILE, UTTERANCES_FILE
from model.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation says.

    Attributes:
      directory: Where its files lie.
      metrics: The content of `metrics.json`.
      gate: The content of `gate.json`; None where nothing was asked for, as `w2v2 score` may have it.
      rows: The lines of `utterances.jsonl`.
    """

    directory: Path
    metrics: Mapping[str, Any]
    gate: Mapping[str, Any] | None
    rows: tuple[Mapping[str, Any], ...]

    @property
    def report_file(self) -> Path:
        """The page for people."""
        return self.directory / REPORT_FILE

    @property
    def checks(self) -> tuple[Mapping[str, Any], ...]:
        """The checks of the gate: what failed first, then what is left to a person, then the others, as they stand."""
        order = ("FAIL", "REVIEW", "PASS", "NOT APPLICABLE")
        checks = () if self.gate is None else self.gate["checks"]
        return tuple(sorted(checks, key=lambda check: order.index(check["verdict"])))

    def slices(self, split: str) -> tuple[Mapping[str, Any], ...]:
        """Returns everything of a split, and then its slices, as `metrics.json` has them.

        Raises:
          DataError: there is no such split.
        """
        if split not in self.metrics["splits"]:
            raise DataError(
                f"The split must be one of {', '.join(self.metrics['splits'])}, those of the evaluation in"
                f" {self.directory}, not {split!r}; choose one of them."
            )
        found = self.metrics["splits"][split]
        whole = {"kind": "", "value": split, "words": found["words"], "interval": found["interval"]}
        return (whole, *found["slices"])

    def worst(self, number: int) -> tuple[Mapping[str, Any], ...]:
        """Returns the utterances with the most word errors, those with the highest rate first among equals."""
        return tuple(
            sorted(
                self.rows,
                key=lambda row: (-row["words"]["errors"], row["words"]["words"], row["utterance_id"]),
            )[:number]
        )


def read_evaluation_files(directory: str | Path) -> Evaluation:
    """Reads an evaluation of recognition: of a run, or what `w2v2 score --output` has written.

    Args:
      directory: With `metrics.json` and `utterances.jsonl`, and where something was asked for, `gate.json`.

    Raises:
      DataError: a file is missing, or is not what an evaluation writes.
    """
    root = Path(directory)
    try:
        metrics = json.loads((root / METRICS_FILE).read_text(encoding="utf-8"))
        gate_file = root / GATE_FILE
        gate = json.loads(gate_file.read_text(encoding="utf-8")) if gate_file.is_file() else None
        lines = (root / UTTERANCES_FILE).read_text(encoding="utf-8").splitlines()
        rows = tuple(json.loads(line) for line in lines)
        found = Evaluation(root, metrics, gate, rows)
        # What is looked at is there, or it is said now.
        for split in metrics["splits"]:
            _ = [(one["words"]["wer"], one["interval"]["low"]) for one in found.slices(split)]
        _ = found.checks, found.worst(1), [(row["reference"], row["hypothesis"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"An evaluation must hold {METRICS_FILE} and {UTTERANCES_FILE} as an evaluator writes them, and {root} does"
            f" not ({type(error).__name__}: {error}); name the evaluation of a run, or what w2v2 score --output wrote."
        ) from error
    return found
