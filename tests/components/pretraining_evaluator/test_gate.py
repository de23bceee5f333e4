"""The decision about a pre-trained model, case by case."""

import dataclasses
import math

import pytest

from components.pretraining_evaluator.gate import decide
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from model.errors import ConfigurationError

SETTINGS = PretrainingGateSettings(
    max_contrastive_loss=2.0, min_code_perplexity=50, non_inferiority_margin=0.05
)  # fmt: skip


def measurements(split=None, **changes):
    validation = {
        "utterances": 10, "samples": 160_000, "masked_frames": 250, "contrastive_loss": 1.5,
        "interval": {"low": 1.4, "high": 1.6, "unit": "speaker"}, "code_perplexity": 90.0, "codes": 128,
        "promised": {"utterances": 10, "samples": 160_000}, **(split or {}),
    }  # fmt: skip
    exports = {name: {"utterances": 10, "largest_difference": 1e-6} for name in ("saved_model", "onnx")}
    metrics = {
        "expected_splits": ["validation"],
        "splits": {"validation": validation},
        "exports": exports,
        "anomalies": {"train": [], "validation": []},
        "baseline": compared(0.01),
    }
    return {**metrics, **changes}


def compared(value):
    difference = {
        "value": value,
        "interval": {"low": value - 0.02, "high": value + 0.02, "unit": "speaker"},
        "probability_of_improvement": 0.4,
        "smallest_detectable": 0.03,
        "standard_error": 0.01,
        "upper_bound": value + 0.017,
        "blocks": 40,
    }
    return {
        "same": False,
        "error": None,
        "release_name": "tiny",
        "model_digest": "5" * 64,
        "splits": {"validation": {"difference": difference}},
    }


def outcomes(decision):
    return {check.name: check.verdict for check in decision.checks}


def test_what_holds_everywhere_is_accepted():
    decision = decide(measurements(), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert outcomes(decision) == dict.fromkeys(
        [
            "data_anomalies", "complete/validation", "min_utterances/validation", "masked_frames/validation",
            "max_contrastive_loss/validation", "min_code_perplexity/validation", "baseline",
            "non_inferiority/validation", "saved_model_hidden_states", "onnx_hidden_states",
        ],
        "PASS",
    )  # fmt: skip
    assert decision.reasons == (
        "The contrastive loss of validation is 1.500 nats, within the ceiling of 2.000 nats.",
        "The perplexity of the 128 codes on validation is 90, not below the floor of 50.",
        "The latest blessed model, tiny (model digest 555555555555), was run on the same utterances.",
        "On validation the model's contrastive loss is 0.010 nats worse than that of the latest blessed one, and at"
        " most 0.027 nats worse with 95 % confidence; a margin of 0.050 nats is allowed. This test set catches"
        " regressions from 0.042 nats up (four in five), and bears a margin down to 0.033 nats.",
    )
    (loss,) = [check for check in decision.checks if check.name.startswith("max_contrastive_loss/")]
    assert (loss.threshold, loss.measured, loss.interval) == (2.0, 1.5, (1.4, 1.6))


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        (
            {"split": {"contrastive_loss": 2.001}},
            "max_contrastive_loss/validation",
            "2.001 nats, above the ceiling of 2.000 nats",
        ),
        ({"split": {"contrastive_loss": math.nan}}, "max_contrastive_loss/validation", "must be a number, and is nan"),
        ({"split": {"contrastive_loss": None}}, "max_contrastive_loss/validation", "must be a number, and is None"),
        (
            {"split": {"code_perplexity": 49.9}},
            "min_code_perplexity/validation",
            "of the 128 codes on validation is 49.9, below the floor of 50",
        ),
        ({"split": {"code_perplexity": math.nan}}, "min_code_perplexity/validation", "must be a number, and is nan"),
        (
            {"split": {"promised": None}},
            "complete/validation",
            "must be held against the counts of ingest, and there are none",
        ),
        (
            {"split": {"utterances": 9}},
            "complete/validation",
            "must have 10 utterances and 160000 samples as ingest said",
        ),
        ({"split": {"samples": 1}}, "complete/validation", "and 10 and 1 were measured"),
        (
            {"split": {"masked_frames": 0}},
            "masked_frames/validation",
            "masked frames of validation is 0, below the floor",
        ),
        ({"splits": {}}, "complete/validation", "must be measured, and was not"),
        ({"expected_splits": []}, "splits", "There must be a split to measure"),
        ({"anomalies": None}, "data_anomalies", "could not be read"),
        ({"anomalies": {"train": ["gender: odd"]}}, "data_anomalies", "train: gender: odd"),
        ({"baseline": compared(0.034)}, "non_inferiority/validation", "and at most 0.051 nats worse"),
        ({"baseline": compared(math.nan)}, "non_inferiority/validation", "must be compared on validation, and was not"),
        ({"baseline": {"error": "It is gone."}}, "baseline", "could not be measured: It is gone."),
        (
            {"baseline": {"same": False, "error": None, "model_digest": "5" * 64, "splits": {}}},
            "non_inferiority/validation",
            "must be compared on",
        ),
        ({"exports": {}}, "saved_model_hidden_states", "from the model's must be a number, and is None"),
        (
            {"exports": {"saved_model": {"utterances": 1, "largest_difference": math.inf}}},
            "saved_model_hidden_states",
            "from the model's must be a number, and is inf",
        ),
        (
            {
                "exports": {
                    "saved_model": {"utterances": 1, "largest_difference": 0.0},
                    "onnx": {"utterances": 1, "largest_difference": 0.0011},
                }
            },
            "onnx_hidden_states",
            "ONNX file from the model's is 0.0011, above the ceiling of 0.001",
        ),
    ],
)
def test_what_fails_rejects_and_says_why(changes, name, reason):
    decision = decide(measurements(**changes), SETTINGS)
    assert decision.verdict == "REJECT"
    assert outcomes(decision)[name] == "FAIL"
    assert any(reason in told for told in decision.reasons), decision.reasons


@pytest.mark.parametrize(
    ("first_run", "verdict", "outcome"), [("accept", "ACCEPT", "NOT APPLICABLE"), ("review", "NEEDS_REVIEW", "REVIEW")]
)
def test_a_first_model_is_what_the_configuration_says(first_run, verdict, outcome):
    settings = PretrainingGateSettings(max_contrastive_loss=2.0, non_inferiority_margin=0.1, first_run=first_run)
    decision = decide(measurements(baseline=None), settings)
    assert (decision.verdict, outcomes(decision)["baseline"]) == (verdict, outcome)


def test_too_few_utterances_reject():
    settings = PretrainingGateSettings(max_contrastive_loss=2.0, min_utterances=11)
    assert decide(measurements(), settings).reasons == (
        "The number of utterances of validation is 10, below the floor of 11.",
    )


def test_the_very_same_model_is_not_compared():
    decision = decide(
        measurements(baseline={"same": True, "error": None, "model_digest": "5" * 64, "splits": {}}), SETTINGS
    )
    assert (decision.verdict, outcomes(decision)["baseline"]) == ("ACCEPT", "NOT APPLICABLE")


@pytest.mark.parametrize(
    ("cls", "fields", "message"),
    [
        (PretrainingGateSettings, {}, "gate must hold a threshold, max_contrastive_loss or"),
        (
            PretrainingGateSettings,
            {"non_inferiority_margin": 0.1},
            "gate.first_run must be 'review' where there is no max_contrastive_loss, not 'accept'",
        ),
        (PretrainingGateSettings, {"max_contrastive_loss": -1.0}, r"gate.max_contrastive_loss must be 0 nats or more"),
        (
            PretrainingGateSettings,
            {"max_contrastive_loss": 1.0, "min_code_perplexity": -1.0},
            "gate.min_code_perplexity must be 0 or more, not -1.0",
        ),
        (
            PretrainingGateSettings,
            {"max_contrastive_loss": 1.0, "max_export_difference": 0.0},
            "gate.max_export_difference must be above 0, not 0.0",
        ),
        (
            PretrainingGateSettings,
            {"max_contrastive_loss": 1.0, "first_run": "no"},
            "gate.first_run must be 'accept' or 'review', not 'no'",
        ),
        (PretrainingEvaluationSettings, {"split": ""}, "evaluation.split must name a split"),
        (PretrainingEvaluationSettings, {"mask_time_prob": 1.0}, r"mask_time_prob must be in \(0, 1\), not 1.0"),
        (PretrainingEvaluationSettings, {"num_negatives": 0}, "evaluation.num_negatives must be at least 1, not 0"),
        (PretrainingEvaluationSettings, {"num_probes": 41}, "parity_utterances at most, of which they are a part: 40"),
        (PretrainingEvaluationSettings, {"bootstrap_resamples": 9}, "bootstrap_resamples must be at least 100, not 9"),
        (PretrainingEvaluationSettings, {"seed": -1}, "evaluation.seed must be in"),
    ],
)
def test_impossible_settings_are_refused(cls, fields, message):
    with pytest.raises(ConfigurationError, match=message):
        cls(**fields)


def test_what_passes_is_left_to_a_person_where_the_configuration_asks_for_one():
    settings = dataclasses.replace(SETTINGS, require_approval=True)
    decision = decide(measurements(), settings)
    assert decision.verdict == "NEEDS_REVIEW"
    assert decision.reasons == ("The configuration asks for a person's approval of every model.",)
    assert outcomes(decision)["approval"] == "REVIEW"
    assert decide(measurements(), dataclasses.replace(settings, max_contrastive_loss=1.0)).verdict == "REJECT"
    assert "approval" not in outcomes(decide(measurements(), SETTINGS))
