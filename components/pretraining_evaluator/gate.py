"""The decision about a pre-trained model: measurements and settings in, verdict and reasons out. Pure."""

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
from components.pretraining_evaluator.settings import PretrainingGateSettings

_EXPORTS = {"saved_model": "SavedModel", "onnx": "ONNX file"}


def decide(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Decision:
    """Judges a model.

    Args:
      metrics: What `metrics.json` holds: `expected_splits`, `splits`, `exports`, `anomalies` and `baseline`.
      settings: What is asked for.
    """
    rules = (_data, _splits, _losses, _perplexities, _comparison, _exports, _approval)
    checks = (check for rule in rules for check in rule(metrics, settings))
    return decision_of(checks, headlines=("max_contrastive_loss/", "min_code_perplexity/", "baseline"))


def _data(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    yield check_anomalies(metrics, settings.allow_data_anomalies)


def _splits(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    """Every split is there, whole, and something in it was masked."""
    expected = metrics.get("expected_splits") or ()
    if not expected:
        yield Check("splits", "FAIL", "There must be a split to measure, and there is none.")
    for split in expected:
        name = f"complete/{split}"
        measured = metrics.get("splits", {}).get(split)
        if measured is None:
            yield Check(name, "FAIL", f"{split} must be measured, and was not.", settings.min_utterances, 0)
            continue
        utterances, samples, frames = measured["utterances"], measured["samples"], measured["masked_frames"]
        promised = measured.get("promised")
        if promised is None:
            reason = f"{split} has no count of utterances from ingest to compare with."
            yield Check(name, "FAIL", reason, None, utterances)
        elif (utterances, samples) != (promised["utterances"], promised["samples"]):
            reason = (
                f"{split} must have {promised['utterances']} utterances and {promised['samples']} samples as ingest"
                f" said, and {utterances} and {samples} were measured."
            )
            yield Check(name, "FAIL", reason, promised["utterances"], utterances)
        elif utterances < settings.min_utterances:
            reason = f"{split} must have {settings.min_utterances} utterances at least, and has {utterances}."
            yield Check(name, "FAIL", reason, settings.min_utterances, utterances)
        elif frames < 1:
            reason = f"A frame of {split} must be masked to be told from others, and its utterances are all too short."
            yield Check(name, "FAIL", reason, 1, frames)
        else:
            reason = f"All {utterances} utterances of {split} were measured, with {frames} masked frames."
            yield Check(name, "PASS", reason, promised["utterances"], utterances)


def _losses(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    ceiling = settings.max_contrastive_loss
    if ceiling is None:
        return
    for split in metrics.get("expected_splits") or ():
        name = f"max_contrastive_loss/{split}"
        measured = metrics.get("splits", {}).get(split, {})
        loss = measured.get("contrastive_loss")
        if not is_number(loss):
            reason = f"The contrastive loss of {split} must be a number, and is {loss}."
            yield Check(name, "FAIL", reason, ceiling)
            continue
        interval = measured.get("interval")
        bounds = None if interval is None else (interval["low"], interval["high"])
        passes = loss <= ceiling
        reason = (
            f"The contrastive loss of {split} is {loss:.3f} nats, {'within' if passes else 'above'} the ceiling of"
            f" {ceiling:g}."
        )
        yield Check(name, "PASS" if passes else "FAIL", reason, ceiling, loss, bounds)


def _perplexities(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    floor = settings.min_code_perplexity
    for split in metrics.get("expected_splits") or ():
        name = f"min_code_perplexity/{split}"
        measured = metrics.get("splits", {}).get(split, {})
        perplexity = measured.get("code_perplexity")
        if not is_number(perplexity):
            reason = f"The perplexity of the codes on {split} must be a number, and is {perplexity}."
            yield Check(name, "FAIL", reason, floor)
            continue
        passes = perplexity >= floor
        reason = (
            f"On {split} the model uses codes with a perplexity of {perplexity:.1f} of {measured.get('codes')},"
            f" {'at or above' if passes else 'below'} the floor of {floor:g}."
        )
        yield Check(name, "PASS" if passes else "FAIL", reason, floor, perplexity)


def _comparison(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    limit = settings.max_contrastive_loss_increase
    if limit is None:
        return
    nothing = check_comparable(metrics, limit, settings.first_run)
    if nothing is not None:
        yield nothing
        return
    for split in metrics.get("expected_splits") or ():
        name = f"baseline/{split}"
        found = metrics["baseline"].get("splits", {}).get(split, {}).get("difference")
        if found is None or not is_number(found["value"]):
            reason = f"The latest blessed model must be compared on {split}, and was not."
            yield Check(name, "FAIL", reason, limit)
            continue
        passes = found["value"] <= limit
        direction = "above" if found["value"] > 0 else "below"
        reason = (
            f"On {split} the contrastive loss is {abs(found['value']):.3f} nats {direction} that of the latest blessed"
            f" model; {limit:g} above is allowed. This split can tell differences from"
            f" {found['smallest_detectable']:.3f} up."
        )
        bounds = (found["interval"]["low"], found["interval"]["high"])
        yield Check(name, "PASS" if passes else "FAIL", reason, limit, found["value"], bounds)


def _exports(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    """The exported backbones say what the model says that was measured."""
    most = settings.max_export_difference
    for format_, title in _EXPORTS.items():
        name = f"{format_}_hidden_states"
        found = metrics.get("exports", {}).get(format_) or {}
        difference: Any = found.get("largest_difference")
        if not is_number(difference):
            reason = f"The hidden states of the {title} must be compared with the model's, and the difference is"
            yield Check(name, "FAIL", f"{reason} {difference}.", most)
            continue
        passes = difference <= most
        reason = (
            f"The hidden states of the {title} differ from the model's by {difference:.2g} at most in"
            f" {found['utterances']} utterances; {most:g} is allowed."
        )
        yield Check(name, "PASS" if passes else "FAIL", reason, most, difference)


def _approval(_: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    yield from check_approval(settings.require_approval)
