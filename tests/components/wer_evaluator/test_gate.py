"""The decision as a whole: what it needs, and what outweighs what. Each part has its own cases."""

import dataclasses
import math

import pytest

from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import GateSettings
from tests.passing_metrics import METRICS, SETTINGS, check, outcomes, replaced

NAMES = [
    "data_anomalies",
    "complete/test-clean", "min_utterances/test-clean", "complete/test-other", "min_utterances/test-other",
    "published/test-clean", "published/test-other",
    "shared_utterances", "shared_speakers", "shared_sentences",
    "max_wer/test-clean", "max_wer/test-other", "worst_slice/test-clean", "worst_slice/test-other",
    "baseline", "non_inferiority/test-clean", "non_inferiority/test-other",
    "deletions/test-clean", "deletions/test-other", "silence_words", "noise_words",
    "beam_search/test-clean", "beam_search/test-other",
    "release_files",
    "padded_utterances",
    "padding_text/alone", "padding_logits/alone", "padding_text/constant", "padding_logits/constant",
    "parity_text/onnx", "parity_logits/onnx", "parity_wer/onnx",
    "parity_text/checkpoint", "parity_logits/checkpoint", "parity_wer/checkpoint",
    "int8_text", "int8_wer",
    "realtime_factor/alone", "median_seconds/alone", "p95_seconds/alone",
    "realtime_factor/onnx", "median_seconds/onnx", "p95_seconds/onnx",
    "size/saved_model", "size/onnx",
]  # fmt: skip


def test_what_holds_everywhere_is_accepted():
    decision = decide(METRICS, SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert outcomes(decision) == {**dict.fromkeys(NAMES, "PASS"), "size/checkpoint": "NOT APPLICABLE"}
    ceiling = check(decision, "max_wer/test-other")
    assert (ceiling.threshold, ceiling.measured, ceiling.interval) == (0.2, 0.2, (0.08, 0.22))
    assert (ceiling.unit, ceiling.bound) == ("fraction", "most")
    assert ceiling.reason == "The WER of test-other is 20.0 %, within the ceiling of 20.0 %."
    assert (
        check(decision, "size/checkpoint").reason == "The size of checkpoint is 800.0 kB, and no ceiling is asked for."
    )
    assert check(decision, "complete/test-clean").reason == (
        "All 10 utterances and 100 words of test-clean were measured, as ingest said."
    )
    assert [reason.split(" is ")[0] for reason in decision.reasons] == [
        "The WER of test-clean",
        "The WER of test-other",
        "The latest blessed model, tiny (model digest abcdef012345), was run on the same utterances.",
        "On test-clean the model's WER",
        "On test-other the model's WER",
    ]


# Every number that a check goes by.
DECISIVE = [
    ("anomalies",), ("leakage",), ("release_files",), ("leakage", "shared_sentences"), ("leakage", "shared_speakers"),
    ("leakage", "shared_utterances"), ("splits",), ("splits", "test-clean"), ("splits", "test-clean", "promised"),
    *(("splits", "test-clean", *path) for path in (
        ("utterances",), ("raw", "words", "words"), ("words",), ("words", "wer"), ("words", "deletions"),
        ("words", "words"), ("worst_slice",), ("worst_slice", "words"), ("worst_slice", "words", "wer"), ("baseline",),
        ("baseline", "words", "deletions"), ("baseline", "words", "words"), ("baseline", "difference"),
        ("baseline", "difference", "value"), ("baseline", "difference", "upper_bound"),
        ("baseline", "difference", "blocks"), ("baseline", "difference", "standard_error"), ("promised", "words"),
    )),
    *(("ways", way_, key) for way_ in ("alone", "constant", "onnx", "checkpoint")
      for key in ("text_agreement", "largest_logit_difference")),
    *(("ways", way_, "wer_difference") for way_ in ("onnx", "checkpoint")), ("ways", "onnx"), ("ways",),
    ("ways", "onnx_int8"), ("ways", "onnx_int8", "text_agreement"), ("ways", "onnx_int8", "wer_difference"),
    ("ways", "batched", "padded_utterances"),
    ("ways", "onnx", "wer_difference", "test-other"), ("ways", "beam_search", "wer", "test-clean"),
    *(("speed", way_, key) for way_ in ("alone", "onnx")
      for key in ("realtime_factor", "median_seconds", "p95_seconds")),
    ("sizes",), ("sizes", "onnx"), ("silence",), ("silence", 0, "texts"),
    ("baseline",), ("baseline", "model_digest"), ("expected_splits",), ("expected_ways",),
]  # fmt: skip


NOTHING = [None, math.nan, -math.inf, "?", {}, []]
# Where there is no blessed model yet, None says so; a digest may be any text.
FITTING = {("baseline",): None, ("baseline", "model_digest"): "?"}
# What stands there where nothing is wrong, and is no sign of something that is missing.
EMPTY = {"anomalies": {}, "shared_speakers": [], "shared_utterances": []}


@pytest.mark.parametrize("path", DECISIVE, ids=lambda path: "/".join(map(str, path)))
def test_what_is_missing_or_no_number_rejects(path):
    for nothing in NOTHING[:1] if path[-1].startswith("expected_") else NOTHING:
        if path in FITTING and FITTING[path] == nothing:
            continue
        if EMPTY.get(path[-1]) != nothing or nothing is None:
            assert decide(replaced(nothing, *path), SETTINGS).verdict == "REJECT", nothing


def test_what_the_configuration_does_not_ask_for_is_told_and_not_judged():
    nothing = GateSettings(
        max_wer=0.2,
        max_silence_words=None,
        max_noise_words=None,
        min_padding_text_agreement=None,
        max_padding_logit_difference=None,
        min_export_text_agreement=None,
        max_export_logit_difference=None,
        max_export_wer_difference=None,
        min_int8_text_agreement=None,
        max_int8_wer_difference=None,
        allow_shared_speakers=True,
    )
    bad = replaced(0.5, "ways", "onnx", "text_agreement", metrics=replaced(0.9, "speed", "onnx", "p95_seconds"))
    decision = decide(replaced(["7"], "leakage", "shared_speakers", metrics=bad), nothing)
    assert decision.verdict == "ACCEPT"
    unasked = {name for name, outcome in outcomes(decision).items() if outcome == "NOT APPLICABLE"}
    assert unasked == {
        *(name for name in NAMES if name.startswith(("padd", "parity", "int8", "worst", "beam", "size", "shared_s"))),
        *(name for name in NAMES if name.startswith(("realtime", "median", "p95"))),
        "silence_words", "noise_words", "baseline", "size/checkpoint",
    }  # fmt: skip
    assert check(decision, "parity_text/onnx").reason == (
        "The share of equal texts of the ONNX file and the SavedModel in 20 utterances is 50.0 %, and no floor is asked"
        " for."
    )
    assert check(decision, "shared_speakers").reason == (
        "The number of people in training or validation and in test is 1, and no ceiling is asked for. They are 7."
    )
    assert check(decision, "baseline").reason == (
        "The configuration asks for no comparison with the latest blessed model."
    )


def test_what_passes_is_left_to_a_person_where_the_configuration_asks_for_one():
    settings = dataclasses.replace(SETTINGS, require_approval=True)
    decision = decide(METRICS, settings)
    assert decision.verdict == "NEEDS_REVIEW"
    assert decision.reasons == ("The configuration asks for a person's approval of every model.",)
    assert check(decision, "approval").verdict == "REVIEW"
    rejected = decide(METRICS, dataclasses.replace(settings, max_wer=0.15))
    assert rejected.verdict == "REJECT", "no person overrules a check that failed"
    assert "approval" not in outcomes(decide(METRICS, SETTINGS))


def test_empty_measurements_are_rejected():
    assert decide({}, SETTINGS).verdict == "REJECT"
