"""Measurements that pass every check, and ways to spoil one of them."""

import copy

from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import GateSettings

SPLITS = ("test-clean", "test-other")
SETTINGS = GateSettings(
    max_wer=0.2,
    non_inferiority_margin=0.01,
    max_slice_wer=0.3,
    max_deletion_increase=0.005,
    max_beam_search_wer=0.15,
    min_realtime_factor=1.0,
    max_median_seconds=1.0,
    max_p95_seconds=2.0,
    max_release_bytes={"saved_model": 2_000_000, "onnx": 1_000_000},
    max_shared_sentences=3,
)
INTERVAL = {"low": 0.08, "high": 0.22, "unit": "speaker"}
DIFFERENCE = {
    "value": 0.002,
    "interval": {"low": -0.002, "high": 0.006, "unit": "speaker"},
    "probability_of_improvement": 0.2,
    "smallest_detectable": 0.0056,
    "standard_error": 0.002,
    "upper_bound": 0.0053,
    "blocks": 40,
}


def counts(wer, deletions=2):
    return {"words": 100, "utterances": 10, "deletions": deletions, "insertions": 1, "wer": wer}


def measured_split(wer):
    return {
        "utterances": 10,
        "words": counts(wer),
        "raw": {"words": counts(wer + 0.5)},
        "interval": INTERVAL,
        "worst_slice": {"kind": "speaker", "value": "7", "words": counts(0.25), "interval": INTERVAL},
        "promised": {"utterances": 10, "words": 100},
        "published": {"utterances": 10, "words": 100},
        "baseline": {"words": counts(wer), "difference": DIFFERENCE},
    }


def way(**changes):
    return {
        "utterances": 20,
        "padded_utterances": 9,
        "text_agreement": 1.0,
        "largest_logit_difference": 1e-5,
        "wer": dict.fromkeys(SPLITS, 0.1),
        "wer_difference": dict.fromkeys(SPLITS, 0.0),
        **changes,
    }


METRICS = {
    "expected_splits": list(SPLITS),
    "expected_ways": ["batched", "alone", "constant", "onnx", "onnx_int8", "beam_search"],
    "splits": {"test-clean": measured_split(0.1), "test-other": measured_split(0.2)},
    "ways": {
        name: way() for name in ("batched", "alone", "constant", "onnx", "onnx_int8", "beam_search", "checkpoint")
    },
    "speed": {
        name: {"realtime_factor": 20.0, "median_seconds": 0.25, "p95_seconds": 0.5, "utterances": 20}
        for name in ("alone", "onnx")
    },
    "sizes": {"saved_model": 1_500_000, "onnx": 900_000, "checkpoint": 800_000},
    "silence": [
        {"name": "silence 1", "kind": "silence", "seconds": 2.0, "texts": {"alone": "", "onnx": ""}},
        {"name": "hum 1", "kind": "noise", "seconds": 2.0, "texts": {"alone": "", "onnx": ""}},
    ],
    "leakage": {
        "against": ["train", "validation"], "speakers_known": True, "shared_speakers": [], "shared_utterances": [],
        "shared_sentences": 1,
    },
    "anomalies": {"train": [], "test-clean": []},
    "release_files": 9,
    "baseline": {
        "same": False, "error": None, "note": None, "model_digest": "abcdef0123456789", "release_name": "tiny",
    },
}  # fmt: skip


def outcomes(decision):
    return {check.name: check.verdict for check in decision.checks}


def check(decision, name):
    (found,) = [one for one in decision.checks if one.name == name]
    return found


def replaced(value, *path, metrics=METRICS):
    changed = copy.deepcopy(metrics)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def without(*path):
    changed = copy.deepcopy(METRICS)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def compared(**changes):
    return replaced({**DIFFERENCE, **changes}, "splits", "test-clean", "baseline", "difference")


def require_rejection(metrics, name, reason):
    """Asserts that one check rejects the model, for a reason that the decision repeats."""
    decision = decide(metrics, SETTINGS)
    assert decision.verdict == "REJECT"
    assert check(decision, name).reason == reason
    assert check(decision, name).verdict == "FAIL"
    assert reason in decision.reasons
