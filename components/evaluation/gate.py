"""The form of a decision: checks with their reasons, and the verdict that follows from them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from components.evaluation.quantities import Unit

Outcome = Literal["PASS", "FAIL", "REVIEW", "NOT APPLICABLE"]
Verdict = Literal["ACCEPT", "REJECT", "NEEDS_REVIEW"]
Bound = Literal["", "most", "least", "equal"]

SIGN_BY_BOUND: Mapping[str, str] = {"most": "≤", "least": "≥", "equal": "="}
"""What stands before a threshold, for people."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One rule of the gate.

    Attributes:
      name: What is checked, such as `max_wer/test-clean`.
      verdict: `FAIL` rejects the model; `REVIEW` leaves it to a person; `NOT APPLICABLE` says that nothing was asked
        for, or that there is nothing to ask.
      reason: A sentence.
      threshold: What was asked for, if it is a number.
      measured: What was measured, if it is a number.
      interval: 95 % interval of what was measured, where there is one.
      unit: Of the three numbers.
      bound: Whether `threshold` is the `most` or the `least` that passes, or what must be met; empty where there is
        none.
    """

    name: str
    verdict: Outcome
    reason: str
    threshold: float | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None
    unit: Unit = ""
    bound: Bound = ""


@dataclasses.dataclass(frozen=True)
class Decision:
    """What becomes of a model.

    Attributes:
      verdict: `ACCEPT`, `REJECT` or `NEEDS_REVIEW`.
      checks: Every check, in a fixed order.
      headlines: How the names of those checks begin whose reasons tell why a model was accepted.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    headlines: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the checks that decided: those that failed, else those that ask for a review."""
        for outcome in ("FAIL", "REVIEW"):
            reasons = tuple(check.reason for check in self.checks if check.verdict == outcome)
            if reasons:
                return reasons
        return tuple(check.reason for check in self.checks if check.name.startswith(self.headlines))

    def to_mapping(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the content of `gate.json`; the metrics say what model and release were judged."""
        return {
            "format_version": 1,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "model_digest": metrics["model_digest"],
            "release_digest": metrics["release_digest"],
        }


def decision_of(checks: Iterable[Check], headlines: tuple[str, ...]) -> Decision:
    """Returns the decision that follows from checks: one that fails rejects, and so does it when none passes."""
    checked = tuple(checks)
    outcomes = {check.verdict for check in checked}
    if "FAIL" in outcomes or "PASS" not in outcomes:
        return Decision("REJECT", checked, headlines)
    return Decision("NEEDS_REVIEW" if "REVIEW" in outcomes else "ACCEPT", checked, headlines)
