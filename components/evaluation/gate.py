"""The form of a decision: checks with their reasons, and the verdict that follows from them. Pure.

What is missing, is no number or cannot be read fails the check that needs it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

Outcome = Literal["PASS", "FAIL", "REVIEW", "NOT APPLICABLE"]
Verdict = Literal["ACCEPT", "REJECT", "NEEDS_REVIEW"]
FirstRun = Literal["accept", "review"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One rule of the gate.

    Attributes:
      name: What is checked, such as `max_wer/test-clean`.
      verdict: `FAIL` rejects the model; `REVIEW` leaves it to a person.
      reason: A sentence.
      threshold: What was asked for, if it is a number.
      measured: What was measured, if it is a number.
      interval: 95 % interval of what was measured, where there is one.
    """

    name: str
    verdict: Outcome
    reason: str
    threshold: float | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None


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


def check_anomalies(metrics: Mapping[str, Any], are_allowed: bool) -> Check:
    """Checks that ExampleValidator found nothing odd in the data.

    Args:
      metrics: With `anomalies`, lists by split.
      are_allowed: Whether a model may pass in spite of them.
    """
    anomalies = metrics.get("anomalies")
    if anomalies is None:
        return Check("data_anomalies", "FAIL", "The anomalies that ExampleValidator found could not be read.")
    found = [f"{split}: {feature}" for split, features in anomalies.items() for feature in features]
    if not found:
        return Check("data_anomalies", "PASS", "ExampleValidator found no anomaly in the data.", 0, 0)
    if are_allowed:
        reason = f"ExampleValidator found anomalies ({', '.join(found)}), which the configuration allows."
        return Check("data_anomalies", "PASS", reason, None, len(found))
    reason = f"ExampleValidator found anomalies in the data: {', '.join(found)}."
    return Check("data_anomalies", "FAIL", reason, 0, len(found))


def check_approval(is_required: bool) -> Iterator[Check]:
    """Yields a check that leaves the model to a person, where the configuration asks for one."""
    if is_required:
        yield Check("approval", "REVIEW", "The configuration asks for a person's approval of every model.")


def check_comparable(metrics: Mapping[str, Any], limit: float, first_run: FirstRun) -> Check | None:
    """Checks that there is a blessed model to compare with.

    Args:
      metrics: With `baseline`.
      limit: How much worse the model may be.
      first_run: What to do where no model was blessed yet.

    Returns:
      The check where there is nothing to compare; None where the comparison decides.
    """
    baseline = metrics.get("baseline")
    if baseline is None:
        if first_run == "accept":
            reason = "There is no blessed model to compare with yet; the configuration accepts a first one."
            return Check("baseline", "NOT APPLICABLE", reason, limit)
        reason = "There is no blessed model to compare with yet; the configuration leaves a first one to a person."
        return Check("baseline", "REVIEW", reason, limit)
    if baseline.get("error"):
        reason = f"The latest blessed model could not be measured: {baseline['error']}"
        return Check("baseline", "FAIL", reason, limit)
    if baseline.get("same"):
        reason = "There is nothing to compare: the latest blessed model is this very model."
        return Check("baseline", "NOT APPLICABLE", reason, limit)
    return None


def is_number(value: Any) -> bool:
    """Tells whether a value is a number, and no NaN or infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
