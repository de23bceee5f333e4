"""The decision: measurements and settings in, verdict and reasons out. Pure: it reads and writes nothing.

`data_gate` judges what was measured on, `accuracy_gate` what was heard, and `release_gate` the files that heard it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.gate import Decision, decision_of
from components.evaluation.rules import check_approval
from components.wer_evaluator import accuracy_gate, data_gate, release_gate
from components.wer_evaluator.settings import GateSettings

_HEADLINES = ("max_wer/", "baseline", "non_inferiority/")


def decide(metrics: Mapping[str, Any], settings: GateSettings) -> Decision:
    """Judges a model.

    Args:
      metrics: What `metrics.json` holds.
      settings: What is asked for.
    """
    rules = (data_gate.checks, accuracy_gate.checks, release_gate.checks)
    checks = [check for rule in rules for check in rule(metrics, settings)]
    checks += check_approval(settings.require_approval)
    return decision_of(checks, _HEADLINES)


def decide_on_texts(metrics: Mapping[str, Any], settings: GateSettings) -> Decision:
    """Judges a system of which nothing but its texts is known.

    Args:
      metrics: With `expected_splits`, `splits` and `baseline`.
      settings: What is asked for; what needs a model is not looked at.
    """
    return decision_of(accuracy_gate.text_checks(metrics, settings), _HEADLINES)
