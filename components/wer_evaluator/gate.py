"""The decision: measurements and settings in, verdict and reasons out. Pure: it reads and writes nothing.

What is missing, is no number or cannot be read fails the check that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.gate import (
    Check,
    Decision,
    check_anomalies,
    check_approval,
    check_comparable,
    decision_of,
    is_number,
)
from components.wer_evaluator.settings import GateSettings


def decide(metrics: Mapping[str, Any], settings: GateSettings) -> Decision:
    """Judges a model.

    Args:
      metrics: What `metrics.json` holds: `expected_splits`, `splits`, `exports`, `anomalies` and `baseline`.
      settings: What is asked for.
    """
    rules = (_data, _splits, _ceilings, _comparison, _exports, _approval)
    checks = (check for rule in rules for check in rule(metrics, settings))
    return decision_of(checks, headlines=("max_wer/", "baseline"))


def _data(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    yield check_anomalies(metrics, settings.allow_data_anomalies)


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
        if not is_number(wer):
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
    nothing = check_comparable(metrics, limit, settings.first_run)
    if nothing is not None:
        yield nothing
        return
    baseline = metrics["baseline"]
    for split in metrics.get("expected_splits") or ():
        name = f"baseline/{split}"
        found = baseline.get("splits", {}).get(split, {}).get("difference")
        if found is None or not is_number(found["value"]):
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
    if not is_number(agreement):
        yield Check("onnx_text", "FAIL", f"The share of equal texts must be a number, and is {agreement}.", least)
    else:
        reason = (
            f"The ONNX file gives the text of the SavedModel for {_percent(agreement)} of {onnx['utterances']}"
            f" utterances; {_percent(least)} is asked for."
        )
        yield Check("onnx_text", "PASS" if agreement >= least else "FAIL", reason, least, agreement)
    difference = onnx.get("largest_logit_difference")
    most = settings.max_export_logit_difference
    if not is_number(difference):
        yield Check("onnx_logits", "FAIL", f"The difference of logits must be a number, and is {difference}.", most)
    else:
        reason = f"The logits of the ONNX file differ by {difference:.2g} at most; {most:g} is allowed."
        yield Check("onnx_logits", "PASS" if difference <= most else "FAIL", reason, most, difference)


def _approval(_: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    yield from check_approval(settings.require_approval)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f} points"
