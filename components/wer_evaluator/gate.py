"""The decision: measurements and settings in, verdict and reasons out. Pure: it reads and writes nothing.

What is missing, is no number or cannot be read fails the check that needs it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from components.wer_evaluator.settings import GateSettings

Outcome = Literal["PASS", "FAIL", "REVIEW", "NOT APPLICABLE"]
Verdict = Literal["ACCEPT", "REJECT", "NEEDS_REVIEW"]


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
    """

    verdict: Verdict
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the checks that decided: those that failed, else those that ask for a review."""
        for outcome in ("FAIL", "REVIEW"):
            reasons = tuple(check.reason for check in self.checks if check.verdict == outcome)
            if reasons:
                return reasons
        return tuple(check.reason for check in self.checks if check.name.startswith(("max_wer/", "baseline")))


def decide(metrics: Mapping[str, Any], settings: GateSettings) -> Decision:
    """Judges a model.

    Args:
      metrics: What `metrics.json` holds: `expected_splits`, `splits`, `exports`, `anomalies` and `baseline`.
      settings: What is asked for.
    """
    checks = tuple(
        check for rule in (_data, _splits, _ceilings, _comparison, _exports) for check in rule(metrics, settings)
    )
    outcomes = {check.verdict for check in checks}
    if "FAIL" in outcomes or "PASS" not in outcomes:
        return Decision("REJECT", checks)
    return Decision("NEEDS_REVIEW" if "REVIEW" in outcomes else "ACCEPT", checks)


def _data(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    anomalies = metrics.get("anomalies")
    if anomalies is None:
        yield Check("data_anomalies", "FAIL", "The anomalies that ExampleValidator found could not be read.")
        return
    found = [f"{split}: {feature}" for split, features in anomalies.items() for feature in features]
    if not found:
        yield Check("data_anomalies", "PASS", "ExampleValidator found no anomaly in the data.", 0, 0)
    elif settings.allow_data_anomalies:
        reason = f"ExampleValidator found anomalies ({', '.join(found)}), which the configuration allows."
        yield Check("data_anomalies", "PASS", reason, None, len(found))
    else:
        reason = f"ExampleValidator found anomalies in the data: {', '.join(found)}."
        yield Check("data_anomalies", "FAIL", reason, 0, len(found))


def _splits(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Every test split is there, whole."""
    expected = metrics.get("expected_splits") or ()
    if not expected:
        yield Check("test_splits", "FAIL", "There must be a test split to measure, and there is none.")
    for split in expected:
        name = f"complete/{split}"
        measured = metrics.get("splits", {}).get(split)
        if measured is None:
            yield Check(name, "FAIL", f"{split} must be measured, and was not.", settings.min_utterances, 0)
            continue
        utterances, words = measured["utterances"], measured["words"]
        promised = measured.get("promised")
        if promised is None:
            reason = f"{split} has no count of utterances from ingest to compare with."
            yield Check(name, "FAIL", reason, None, utterances)
        elif (utterances, words) != (promised["utterances"], promised["words"]):
            reason = (
                f"{split} must have {promised['utterances']} utterances and {promised['words']} words as ingest said,"
                f" and {utterances} and {words} were measured."
            )
            yield Check(name, "FAIL", reason, promised["utterances"], utterances)
        elif utterances < settings.min_utterances:
            reason = f"{split} must have {settings.min_utterances} utterances at least, and has {utterances}."
            yield Check(name, "FAIL", reason, settings.min_utterances, utterances)
        else:
            reason = f"All {utterances} utterances and {words} words of {split} were measured."
            yield Check(name, "PASS", reason, promised["utterances"], utterances)


def _ceilings(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    if settings.max_wer is None:
        return
    for split in metrics.get("expected_splits") or ():
        name = f"max_wer/{split}"
        measured = metrics.get("splits", {}).get(split, {})
        wer = measured.get("wer")
        if not _is_number(wer):
            yield Check(name, "FAIL", f"The WER of {split} must be a number, and is {wer}.", settings.max_wer)
            continue
        interval = measured.get("interval")
        bounds = None if interval is None else (interval["low"], interval["high"])
        passes = wer <= settings.max_wer
        reason = (
            f"The WER of {split} is {_percent(wer)}, {'within' if passes else 'above'} the ceiling of"
            f" {_percent(settings.max_wer)}."
        )
        yield Check(name, "PASS" if passes else "FAIL", reason, settings.max_wer, wer, bounds)


def _comparison(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    if settings.max_wer_increase is None:
        return
    limit = settings.max_wer_increase
    baseline = metrics.get("baseline")
    if baseline is None:
        if settings.first_run == "accept":
            reason = "There is no blessed model to compare with yet; the configuration accepts a first one."
            yield Check("baseline", "NOT APPLICABLE", reason, limit)
        else:
            reason = "There is no blessed model to compare with yet; the configuration leaves a first one to a person."
            yield Check("baseline", "REVIEW", reason, limit)
        return
    if baseline.get("error"):
        yield Check("baseline", "FAIL", f"The latest blessed model could not be measured: {baseline['error']}", limit)
        return
    if baseline.get("same"):
        reason = "There is nothing to compare: the latest blessed model is this very model."
        yield Check("baseline", "NOT APPLICABLE", reason, limit)
        return
    for split in metrics.get("expected_splits") or ():
        name = f"baseline/{split}"
        found = baseline.get("splits", {}).get(split, {}).get("difference")
        if found is None or not _is_number(found["value"]):
            reason = f"The latest blessed model must be compared on {split}, and was not."
            yield Check(name, "FAIL", reason, limit)
            continue
        passes = found["value"] <= limit
        direction = "worse" if found["value"] > 0 else "better"
        reason = (
            f"On {split} the model is {_points(abs(found['value']))} {direction} than the latest blessed one;"
            f" {_points(limit)} worse is allowed. This test set can tell differences from"
            f" {_points(found['smallest_detectable'])} up."
        )
        bounds = (found["interval"]["low"], found["interval"]["high"])
        yield Check(name, "PASS" if passes else "FAIL", reason, limit, found["value"], bounds)


def _exports(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """The ONNX file says what the SavedModel says."""
    onnx = metrics.get("exports", {}).get("onnx")
    if onnx is None:
        yield Check("onnx_parity", "FAIL", "The ONNX file must be compared with the SavedModel, and was not.")
        return
    agreement = onnx.get("text_agreement")
    least = settings.min_export_text_agreement
    if not _is_number(agreement):
        yield Check("onnx_text", "FAIL", f"The share of equal texts must be a number, and is {agreement}.", least)
    else:
        reason = (
            f"The ONNX file gives the text of the SavedModel for {_percent(agreement)} of {onnx['utterances']}"
            f" utterances; {_percent(least)} is asked for."
        )
        yield Check("onnx_text", "PASS" if agreement >= least else "FAIL", reason, least, agreement)
    difference = onnx.get("largest_logit_difference")
    most = settings.max_export_logit_difference
    if not _is_number(difference):
        yield Check("onnx_logits", "FAIL", f"The difference of logits must be a number, and is {difference}.", most)
    else:
        reason = f"The logits of the ONNX file differ by {difference:.2g} at most; {most:g} is allowed."
        yield Check("onnx_logits", "PASS" if difference <= most else "FAIL", reason, most, difference)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f} points"
