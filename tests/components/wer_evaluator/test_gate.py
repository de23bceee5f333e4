"""The decision, case by case."""

import copy
import dataclasses
import math

import pytest

from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.errors import ConfigurationError

SETTINGS = GateSettings(max_wer=0.2, max_wer_increase=0.01)


def measurements(**changes):
    metrics = {
        "expected_splits": ["test-clean", "test-other"],
        "splits": {
            name: {
                "utterances": 10,
                "words": 100,
                "wer": wer,
                "interval": {"low": wer - 0.02, "high": wer + 0.02, "unit": "speaker"},
                "promised": {"utterances": 10, "words": 100},
            }
            for name, wer in (("test-clean", 0.1), ("test-other", 0.2))
        },
        "exports": {"onnx": {"utterances": 20, "text_agreement": 1.0, "largest_logit_difference": 1e-5}},
        "anomalies": {"train": [], "test-clean": []},
        "baseline": compared(0.005),
    }
    return {**metrics, **changes}


def compared(value):
    difference = {
        "value": value,
        "interval": {"low": value - 0.01, "high": value + 0.01, "unit": "speaker"},
        "probability_of_improvement": 0.5,
        "smallest_detectable": 0.012,
    }
    splits = {name: {"difference": difference} for name in ("test-clean", "test-other")}
    return {"same": False, "error": None, "splits": splits}


def outcomes(decision):
    return {check.name: check.verdict for check in decision.checks}


def check(decision, name):
    (found,) = [one for one in decision.checks if one.name == name]
    return found


def test_what_holds_everywhere_is_accepted():
    decision = decide(measurements(), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert outcomes(decision) == dict.fromkeys(
        [
            "data_anomalies", "complete/test-clean", "complete/test-other", "max_wer/test-clean", "max_wer/test-other",
            "baseline/test-clean", "baseline/test-other", "onnx_text", "onnx_logits",
        ],
        "PASS",
    )  # fmt: skip
    ceiling = check(decision, "max_wer/test-other")
    assert (ceiling.threshold, ceiling.measured) == (0.2, 0.2)
    assert ceiling.interval == pytest.approx((0.18, 0.22))
    assert ceiling.reason == "The WER of test-other is 20.0 %, within the ceiling of 20.0 %."
    assert "1.20 points up" in check(decision, "baseline/test-clean").reason


def without(metrics, *path):
    changed = copy.deepcopy(metrics)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def replaced(metrics, value, *path):
    changed = copy.deepcopy(metrics)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


CASES = {
    "above the ceiling": (
        replaced(measurements(), 0.21, "splits", "test-other", "wer"),
        "max_wer/test-other",
        "The WER of test-other is 21.0 %, above the ceiling of 20.0 %.",
    ),
    "a WER that is no number": (
        replaced(measurements(), math.nan, "splits", "test-clean", "wer"),
        "max_wer/test-clean",
        "The WER of test-clean must be a number, and is nan.",
    ),
    "a split that was not measured": (
        without(measurements(), "splits", "test-other"),
        "complete/test-other",
        "test-other must be measured, and was not.",
    ),
    "no split at all": (
        measurements(expected_splits=[]),
        "test_splits",
        "There must be a test split to measure, and there is none.",
    ),
    "an utterance that got lost": (
        replaced(measurements(), 9, "splits", "test-clean", "utterances"),
        "complete/test-clean",
        "test-clean must have 10 utterances and 100 words as ingest said, and 9 and 100 were measured.",
    ),
    "no promise to compare with": (
        replaced(measurements(), None, "splits", "test-clean", "promised"),
        "complete/test-clean",
        "test-clean has no count of utterances from ingest to compare with.",
    ),
    "worse than the baseline": (
        measurements(baseline=compared(0.011)),
        "baseline/test-clean",
        "On test-clean the model is 1.10 points worse than the latest blessed one; 1.00 points worse is allowed."
        " This test set can tell differences from 1.20 points up.",
    ),
    "a baseline that cannot be read": (
        measurements(baseline={"same": False, "error": "it is gone.", "splits": {}}),
        "baseline",
        "The latest blessed model could not be measured: it is gone.",
    ),
    "a baseline without a split": (
        without(measurements(), "baseline", "splits", "test-other"),
        "baseline/test-other",
        "The latest blessed model must be compared on test-other, and was not.",
    ),
    "another text from ONNX": (
        replaced(measurements(), 0.95, "exports", "onnx", "text_agreement"),
        "onnx_text",
        "The ONNX file gives the text of the SavedModel for 95.0 % of 20 utterances; 100.0 % is asked for.",
    ),
    "other logits from ONNX": (
        replaced(measurements(), 0.01, "exports", "onnx", "largest_logit_difference"),
        "onnx_logits",
        "The logits of the ONNX file differ by 0.01 at most; 0.001 is allowed.",
    ),
    "infinite difference": (
        replaced(measurements(), math.inf, "exports", "onnx", "largest_logit_difference"),
        "onnx_logits",
        "The difference of logits must be a number, and is inf.",
    ),
    "no ONNX": (
        measurements(exports={}),
        "onnx_parity",
        "The ONNX file must be compared with the SavedModel, and was not.",
    ),
    "anomalies": (
        measurements(anomalies={"train": ["gender: Unexpected string values"]}),
        "data_anomalies",
        "ExampleValidator found anomalies in the data: train: gender: Unexpected string values.",
    ),
    "anomalies that cannot be read": (
        measurements(anomalies=None),
        "data_anomalies",
        "The anomalies that ExampleValidator found could not be read.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_hold_rejects_and_says_why(case):
    metrics, name, reason = CASES[case]
    decision = decide(metrics, SETTINGS)
    assert decision.verdict == "REJECT"
    assert check(decision, name).verdict == "FAIL"
    assert check(decision, name).reason == reason
    assert reason in decision.reasons


def test_the_same_model_is_not_compared_with_itself():
    decision = decide(measurements(baseline={"same": True, "error": None, "splits": {}}), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert check(decision, "baseline").verdict == "NOT APPLICABLE"
    assert check(decision, "baseline").reason == (
        "There is nothing to compare: the latest blessed model is this very model."
    )


def test_what_passes_is_left_to_a_person_where_the_configuration_asks_for_one():
    settings = dataclasses.replace(SETTINGS, require_approval=True)
    decision = decide(measurements(), settings)
    assert decision.verdict == "NEEDS_REVIEW"
    assert decision.reasons == ("The configuration asks for a person's approval of every model.",)
    assert check(decision, "approval").verdict == "REVIEW"
    rejected = decide(measurements(), dataclasses.replace(settings, max_wer=0.15))
    assert rejected.verdict == "REJECT", "no person overrules a check that failed"
    assert "approval" not in outcomes(decide(measurements(), SETTINGS))


def test_a_first_run_follows_its_policy():
    assert decide(measurements(baseline=None), SETTINGS).verdict == "ACCEPT"
    review = decide(measurements(baseline=None), GateSettings(max_wer=0.2, max_wer_increase=0.0, first_run="review"))
    assert review.verdict == "NEEDS_REVIEW"
    assert review.reasons == (
        "There is no blessed model to compare with yet; the configuration leaves a first one to a person.",
    )
    rejected = decide(measurements(baseline=None), GateSettings(max_wer=0.15, max_wer_increase=0.0, first_run="review"))
    assert rejected.verdict == "REJECT", "a failed check outweighs a review"


def test_allowed_anomalies_pass_and_are_named():
    settings = GateSettings(max_wer=0.2, allow_data_anomalies=True)
    decision = decide(measurements(anomalies={"train": ["gender: new"]}), settings)
    assert decision.verdict == "ACCEPT"
    assert "train: gender: new" in check(decision, "data_anomalies").reason


def test_empty_measurements_are_rejected():
    assert decide({}, SETTINGS).verdict == "REJECT"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "gate must hold a threshold, max_wer or max_wer_increase"),
        ({"max_wer": -0.1}, r"max_wer must be a fraction, 0.1 for 10 %, not -0.1"),
        ({"max_wer": 50}, r"max_wer must be a fraction, 0.1 for 10 %, not 50"),
        ({"max_wer": 0.5, "min_export_text_agreement": 2}, r"min_export_text_agreement must be in \[0, 1\], not 2"),
        ({"max_wer": 0.5, "first_run": "maybe"}, "first_run must be 'accept' or 'review', not 'maybe'"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        GateSettings(**fields)


def test_impossible_evaluation_settings_are_refused():
    with pytest.raises(ConfigurationError, match="num_probes must be at least 1, not 0"):
        EvaluationSettings(num_probes=0)
