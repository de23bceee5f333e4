"""The decision about a pre-trained model: measurements and settings in, verdict and reasons out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.gate import Check, Decision, decision_of
from components.evaluation.rules import (
    check_anomalies,
    check_approval,
    check_comparable,
    check_least,
    check_most,
    check_non_inferiority,
    check_splits,
    look_up,
)
from components.pretraining_evaluator.settings import PretrainingGateSettings

_EXPORTS = {"saved_model": "SavedModel", "onnx": "ONNX file"}


def decide(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Decision:
    """Judges a model.

    Args:
      metrics: What `metrics.json` holds: `expected_splits`, `splits`, `exports`, `anomalies` and `baseline`.
      settings: What is asked for.
    """
    checks = [
        check_anomalies(metrics, settings.allow_data_anomalies),
        *check_splits(metrics, _counts, settings.min_utterances),
        *_measures(metrics, settings),
        *_comparison(metrics, settings),
        *_exports(metrics, settings),
        *check_approval(settings.require_approval),
    ]
    return decision_of(
        checks, headlines=("max_contrastive_loss/", "min_code_perplexity/", "baseline", "non_inferiority/")
    )


def _counts(measured: Any) -> dict[str, Any]:
    return {name: look_up(measured, name) for name in ("utterances", "samples")}


def _measures(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    for split in metrics.get("expected_splits") or ():
        measured = look_up(metrics, "splits", split)
        frames = look_up(measured, "masked_frames")
        yield check_least(f"masked_frames/{split}", f"The number of masked frames of {split}", frames, 1, "count")
        loss, ceiling = look_up(measured, "contrastive_loss"), settings.max_contrastive_loss
        what = f"The contrastive loss of {split}"
        interval = look_up(measured, "interval")
        yield check_most(f"max_contrastive_loss/{split}", what, loss, ceiling, "nats", interval)
        perplexity, floor = look_up(measured, "code_perplexity"), settings.min_code_perplexity
        what = f"The perplexity of the {look_up(measured, 'codes')} codes on {split}"
        yield check_least(f"min_code_perplexity/{split}", what, perplexity, floor)


def _comparison(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    margin = settings.non_inferiority_margin
    comparable = check_comparable(metrics, margin is not None, settings.first_run)
    yield comparable
    if comparable.verdict == "PASS":
        for split in metrics.get("expected_splits") or ():
            difference = look_up(metrics, "baseline", "splits", split, "difference")
            yield check_non_inferiority(split, "contrastive loss", difference, margin, "nats")


def _exports(metrics: Mapping[str, Any], settings: PretrainingGateSettings) -> Iterator[Check]:
    """The exported backbones say what the model says that was measured."""
    for format_, title in _EXPORTS.items():
        found = look_up(metrics, "exports", format_)
        what = f"The largest difference of a hidden state of the {title} from the model's"
        difference, most = look_up(found, "largest_difference"), settings.max_export_difference
        yield check_most(f"{format_}_hidden_states", what, difference, most)
