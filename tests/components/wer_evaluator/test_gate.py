"""The decision, case by case."""

import copy
import dataclasses
import math

import pytest

from components.wer_evaluator.gate import decide
from components.wer_evaluator.settings import EvaluationSettings, GateSettings, require_answers
from model.errors import ConfigurationError, UsageError
from model.settings import from_json, to_json

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
    return {"words": 100, "utterances": 10, "deletions": deletions, "wer": wer}


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


def test_the_margin_holds_for_the_upper_bound_and_the_reason_tells_what_the_test_set_is_good_for():
    decision = decide(compared(upper_bound=0.0101), SETTINGS)
    assert decision.verdict == "REJECT"
    found = check(decision, "non_inferiority/test-clean")
    assert (found.verdict, found.threshold, found.measured) == ("FAIL", 0.01, 0.0101)
    assert found.interval == (-0.002, 0.006)
    assert found.reason == (
        "On test-clean the model's WER is 0.20 points worse than that of the latest blessed one, and at most 1.01"
        " points worse with 95 % confidence; a margin of 1.00 points is allowed. This test set catches regressions from"
        " 0.84 points up (four in five), and bears a margin down to 0.66 points."
    )
    wide = check(decide(compared(value=0.009, upper_bound=0.0099), SETTINGS), "non_inferiority/test-clean")
    assert wide.verdict == "PASS"
    equal = check(decide(compared(value=0.0), SETTINGS), "non_inferiority/test-clean")
    assert (
        "On test-clean the model's WER is as good as that of the latest blessed one, and at most 0.53" in equal.reason
    )
    better = check(decide(compared(value=-0.008, upper_bound=-0.003), SETTINGS), "non_inferiority/test-clean")
    assert "is 0.80 points better than that of the latest blessed one, and at least 0.30 points better" in better.reason


def test_a_margin_that_the_test_set_does_not_bear_is_told():
    found = check(decide(compared(standard_error=0.01, upper_bound=0.0184), SETTINGS), "non_inferiority/test-clean")
    assert found.verdict == "FAIL"
    assert found.reason.endswith(
        "This test set bears no margin below 3.29 points: with this one, 74% of equal models are rejected."
    )


CASES = {
    "above the ceiling": (
        replaced(0.21, "splits", "test-other", "words", "wer"),
        "max_wer/test-other",
        "The WER of test-other is 21.0 %, above the ceiling of 20.0 %.",
    ),
    "above the ceiling by less than is usually told": (
        replaced(0.20001, "splits", "test-other", "words", "wer"),
        "max_wer/test-other",
        "The WER of test-other is 20.001 %, above the ceiling of 20.000 %.",
    ),
    "a WER that is no number": (
        replaced(math.nan, "splits", "test-clean", "words", "wer"),
        "max_wer/test-clean",
        "The WER of test-clean must be a number, and is nan.",
    ),
    "a split that was not measured": (
        without("splits", "test-other"),
        "complete/test-other",
        "test-other must be measured, and was not.",
    ),
    "no split at all": (
        replaced([], "expected_splits"),
        "splits",
        "There must be a split to measure, and there is none.",
    ),
    "an utterance that got lost": (
        replaced(9, "splits", "test-clean", "utterances"),
        "complete/test-clean",
        "test-clean must have 10 utterances and 100 words as ingest said, and 9 and 100 were measured.",
    ),
    "a word that got lost": (
        replaced(99, "splits", "test-clean", "raw", "words", "words"),
        "complete/test-clean",
        "test-clean must have 10 utterances and 100 words as ingest said, and 10 and 99 were measured.",
    ),
    "no promise to compare with": (
        replaced(None, "splits", "test-clean", "promised"),
        "complete/test-clean",
        "test-clean must be held against the counts of ingest, and there are none.",
    ),
    "a promise without words": (
        replaced({"utterances": 10, "words": None}, "splits", "test-clean", "promised"),
        "complete/test-clean",
        "test-clean must be held against all counts that ingest said, and there is none of words.",
    ),
    "less than was published": (
        replaced({"utterances": 2620, "words": 52_576}, "splits", "test-clean", "published"),
        "published/test-clean",
        "test-clean must have 2620 utterances and 52576 words as was published, and 10 and 100 were measured.",
    ),
    "an utterance that was trained on": (
        replaced([f"1-2-{n}" for n in range(7)], "leakage", "shared_utterances"),
        "shared_utterances",
        "The number of utterances in training or validation and in test is 7, above the ceiling of 0. They are 1-2-0,"
        " 1-2-1, 1-2-2, 1-2-3, 1-2-4 and 2 more.",
    ),
    "a person who was trained on": (
        replaced(["7"], "leakage", "shared_speakers"),
        "shared_speakers",
        "The number of people in training or validation and in test is 1, above the ceiling of 0. They are 7.",
    ),
    "sentences that were trained on": (
        replaced(4, "leakage", "shared_sentences"),
        "shared_sentences",
        "The number of test utterances with a sentence of training or validation is 4, above the ceiling of 3.",
    ),
    "training that cannot be read": (
        replaced(None, "leakage"),
        "leakage",
        "The test splits must be held against training and validation, and that could not be read.",
    ),
    "a bad slice": (
        replaced(0.31, "splits", "test-clean", "worst_slice", "words", "wer"),
        "worst_slice/test-clean",
        "The WER of the worst slice of test-clean, speaker=7, is 31.0 %, above the ceiling of 30.0 %.",
    ),
    "no slice with enough words": (
        replaced(None, "splits", "test-clean", "worst_slice"),
        "worst_slice/test-clean",
        "The worst slice of test-clean must be within a ceiling, and no slice has enough words to be judged;"
        " test on more speech, or ask for no ceiling.",
    ),
    "a baseline that cannot be read": (
        replaced("it is gone.", "baseline", "error"),
        "baseline",
        "The latest blessed model could not be measured: it is gone.",
    ),
    "no word about a baseline": (
        without("baseline"),
        "baseline",
        "The latest blessed model must be compared with, and the measurements do not say whether there is one.",
    ),
    "a baseline without a digest": (
        replaced({}, "baseline"),
        "baseline",
        "The latest blessed model must be told by its digest, and was told without one.",
    ),
    "a comparison on one utterance": (
        compared(blocks=1, interval={"low": 0.0, "high": 0.0, "unit": "utterance"}, upper_bound=0.0),
        "non_inferiority/test-clean",
        "The comparison on test-clean must have an interval, for which 5 speakers or as many utterances are needed, and"
        " was made on 1 utterance.",
    ),
    "a comparison without a standard error": (
        compared(standard_error=math.nan),
        "non_inferiority/test-clean",
        "The comparison on test-clean must have a standard error, and has none.",
    ),
    "a baseline without a split": (
        without("splits", "test-other", "baseline"),
        "non_inferiority/test-other",
        "The latest blessed model must be compared on test-other, and was not.",
    ),
    "a bound that is no number": (
        compared(upper_bound=None),
        "non_inferiority/test-clean",
        "The latest blessed model must be compared on test-clean, and was not.",
    ),
    "more words left out": (
        replaced(counts(0.1, deletions=3), "splits", "test-clean", "words"),
        "deletions/test-clean",
        "The increase of the words of test-clean that are left out, from the latest blessed model on, is 1.00 points,"
        " above the ceiling of 0.50 points.",
    ),
    "words in silence": (
        replaced({"alone": "THE\x1b[31m A", "onnx": "A"}, "silence", 0, "texts"),
        "silence_words",
        "The largest number of words that a file heard in 1 silence is 2, above the ceiling of 0. The SavedModel heard"
        " 2, such as 'THE\\x1b[31m A'. The ONNX file heard 1, such as 'A'.",
    ),
    "words in silence by the file that people run alone": (
        replaced("WORD " * 40, "silence", 0, "texts", "onnx"),
        "silence_words",
        "The largest number of words that a file heard in 1 silence is 40, above the ceiling of 0. The ONNX file heard"
        " 40, such as 'WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD…'.",
    ),
    "words in noise by both": (
        replaced({"alone": "HM", "onnx": "HM"}, "silence", 1, "texts"),
        "noise_words",
        "The largest number of words that a file heard in 1 noise is 1, above the ceiling of 0. The SavedModel and the"
        " ONNX file heard 1, such as 'HM'.",
    ),
    "a model that gives no numbers for silence": (
        replaced(None, "silence", 0, "texts", "alone"),
        "silence_words",
        "The largest number of words that a file heard in 1 silence must be a number, and is None. The SavedModel gave"
        " no text for 1 of 1.",
    ),
    "a file that heard no noise": (
        without("silence", 1, "texts", "onnx"),
        "noise_words",
        "The largest number of words that a file heard in 1 noise must be a number, and is None. The ONNX file gave no"
        " text for 1 of 1.",
    ),
    "no noise": (
        replaced(METRICS["silence"][:1], "silence"),
        "noise_words",
        "The largest number of words that a file heard in 0 noises must be a number, and is None.",
    ),
    "beam search above its ceiling": (
        replaced(0.16, "ways", "beam_search", "wer", "test-clean"),
        "beam_search/test-clean",
        "The WER of test-clean by beam search with a language model is 16.0 %, above the ceiling of 15.0 %.",
    ),
    "a release whose files were not counted": (
        without("release_files"),
        "release_files",
        "The files of the release must be compared with what ReleaseExporter wrote, and None were.",
    ),
    "another text in constant padding": (
        replaced(0.95, "ways", "constant", "text_agreement"),
        "padding_text/constant",
        "The share of the utterances that alone and with constant padding give the text that they give in a batch is"
        " 95.0 %, below the floor of 99.9 %.",
    ),
    "a way that was asked for and not run": (
        without("ways", "alone"),
        "padding_logits/alone",
        "The largest difference of a logit alone from that in a batch must be a number, and is None.",
    ),
    "no utterance alone": (
        replaced(["batched", "onnx"], "expected_ways"),
        "padding",
        "The configuration runs no utterance alone, so what padding changes was not measured; name 'alone' or"
        " 'constant' in evaluation.paddings, or ask nothing of padding.",
    ),
    "nothing that was padded": (
        replaced({name: way(padded_utterances=0) for name in METRICS["ways"]}, "ways"),
        "padded_utterances",
        "The number of times that an utterance was padded, in a batch or to a constant length, is 0, below the floor of"
        " 1. Name 'constant' in evaluation.paddings, with evaluation.pad_to_samples above the utterances' lengths.",
    ),
    "a speed that was asked for and not measured": (
        replaced(["batched", "constant", "onnx", "beam_search"], "expected_ways"),
        "speed/alone",
        "The configuration does not run the SavedModel utterance by utterance, so its speed was not measured; name"
        " 'alone' in evaluation.paddings, or ask nothing of speed.",
    ),
    "another text from ONNX": (
        replaced(0.95, "ways", "onnx", "text_agreement"),
        "parity_text/onnx",
        "The share of equal texts of the ONNX file and the SavedModel in 20 utterances is 95.0 %, below the floor of"
        " 99.9 %.",
    ),
    "other logits from the checkpoint": (
        replaced(0.01, "ways", "checkpoint", "largest_logit_difference"),
        "parity_logits/checkpoint",
        "The largest difference of a logit of the checkpoint from the SavedModel's is 0.01, above the ceiling of"
        " 0.001.",
    ),
    "infinite difference": (
        replaced(math.inf, "ways", "onnx", "largest_logit_difference"),
        "parity_logits/onnx",
        "The largest difference of a logit of the ONNX file from the SavedModel's must be a number, and is inf.",
    ),
    "a better WER from ONNX, which is as strange as a worse one": (
        replaced(-0.002, "ways", "onnx", "wer_difference", "test-other"),
        "parity_wer/onnx",
        "The largest difference of the WER of the ONNX file from the SavedModel's is 0.20 points, above the ceiling of"
        " 0.10 points.",
    ),
    "no ONNX": (
        without("ways", "onnx"),
        "parity_text/onnx",
        "The share of equal texts of the ONNX file and the SavedModel in no utterances must be a number, and is None.",
    ),
    "another text from int8": (
        replaced(0.98, "ways", "onnx_int8", "text_agreement"),
        "int8_text",
        "The share of equal texts of the int8 ONNX file and the SavedModel in 20 utterances is 98.0 %, below the floor"
        " of 99.0 %.",
    ),
    "another WER from int8": (
        replaced(0.006, "ways", "onnx_int8", "wer_difference", "test-other"),
        "int8_wer",
        "The largest difference of the WER of the int8 ONNX file from the SavedModel's is 0.60 points, above the"
        " ceiling of 0.50 points.",
    ),
    "slow": (
        replaced(0.5, "speed", "alone", "realtime_factor"),
        "realtime_factor/alone",
        "The speed of the SavedModel, as a multiple of real time, is 0.5 ×, below the floor of 1 ×.",
    ),
    "now and then slow": (
        replaced(2.5, "speed", "onnx", "p95_seconds"),
        "p95_seconds/onnx",
        "The 95th percentile of the times by the ONNX file is 2.5 s, above the ceiling of 2 s.",
    ),
    "large": (
        replaced(1_000_001, "sizes", "onnx"),
        "size/onnx",
        "The size of onnx is 1.000001 MB, above the ceiling of 1.000000 MB.",
    ),
    "anomalies": (
        replaced({"train": ["gender: Unexpected string values"]}, "anomalies"),
        "data_anomalies",
        "ExampleValidator found anomalies in the data: train: gender: Unexpected string values.",
    ),
    "anomalies that cannot be read": (
        replaced(None, "anomalies"),
        "data_anomalies",
        "The anomalies that ExampleValidator found could not be read.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_hold_rejects_and_says_why(case):
    metrics, name, reason = CASES[case]
    decision = decide(metrics, SETTINGS)
    assert decision.verdict == "REJECT"
    assert check(decision, name).reason == reason
    assert check(decision, name).verdict == "FAIL"
    assert reason in decision.reasons


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


def test_the_same_model_is_not_compared_with_itself():
    decision = decide(replaced(True, "baseline", "same"), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert check(decision, "baseline").verdict == "NOT APPLICABLE"
    assert check(decision, "baseline").reason == (
        "There is nothing to compare: the latest blessed model is this very model."
    )
    assert not [name for name in outcomes(decision) if name.startswith(("non_inferiority/", "deletions/"))]


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


def test_a_ceiling_may_belong_to_a_split():
    settings = dataclasses.replace(SETTINGS, max_wer={"test-clean": 0.05, "test-other": None})
    decision = decide(METRICS, settings)
    assert check(decision, "max_wer/test-clean").reason == (
        "The WER of test-clean is 10.0 %, above the ceiling of 5.0 %."
    )
    assert check(decision, "max_wer/test-other").verdict == "NOT APPLICABLE"
    unnamed = decide(METRICS, dataclasses.replace(SETTINGS, max_wer={"test-clean": 0.5}))
    assert unnamed.reasons == (
        "gate.max_wer must name a ceiling for each split, or None, and has none for test-other.",
    )
    unknown = decide(METRICS, dataclasses.replace(SETTINGS, max_wer={**dict.fromkeys(SPLITS, 0.5), "test-claen": 0.5}))
    assert unknown.reasons == ("gate.max_wer names test-claen, which must be measured, and was not.",)


def test_what_passes_is_left_to_a_person_where_the_configuration_asks_for_one():
    settings = dataclasses.replace(SETTINGS, require_approval=True)
    decision = decide(METRICS, settings)
    assert decision.verdict == "NEEDS_REVIEW"
    assert decision.reasons == ("The configuration asks for a person's approval of every model.",)
    assert check(decision, "approval").verdict == "REVIEW"
    rejected = decide(METRICS, dataclasses.replace(settings, max_wer=0.15))
    assert rejected.verdict == "REJECT", "no person overrules a check that failed"
    assert "approval" not in outcomes(decide(METRICS, SETTINGS))


def test_a_first_run_follows_its_policy():
    first = replaced(None, "baseline")
    assert decide(first, SETTINGS).verdict == "ACCEPT"
    settings = dataclasses.replace(SETTINGS, first_run="review")
    review = decide(first, settings)
    assert review.verdict == "NEEDS_REVIEW"
    assert review.reasons == (
        "There is no blessed model to compare with yet; the configuration leaves a first one to a person.",
    )
    rejected = decide(first, dataclasses.replace(settings, max_wer=0.15))
    assert rejected.verdict == "REJECT", "a failed check outweighs a review"


def test_allowed_anomalies_and_parts_of_subsets_pass_and_are_named():
    metrics = replaced({"train": ["gender: new"]}, "anomalies")
    metrics = replaced({"utterances": 2620, "words": None}, "splits", "test-clean", "published", metrics=metrics)
    settings = dataclasses.replace(SETTINGS, allow_data_anomalies=True, allow_partial_subsets=True)
    decision = decide(metrics, settings)
    assert decision.verdict == "ACCEPT"
    assert "train: gender: new" in check(decision, "data_anomalies").reason
    assert check(decision, "published/test-clean").reason == (
        "test-clean must have 2620 utterances as was published, and 10 were measured. The configuration allows a part"
        " of a subset."
    )


def test_people_who_are_not_known_cannot_be_held_against_each_other():
    decision = decide(replaced(False, "leakage", "speakers_known"), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert check(decision, "shared_speakers").reason == (
        "Nobody knows who speaks in this corpus, so whether training and test share people is not known."
    )


def test_a_baseline_of_another_vocabulary_is_told():
    decision = decide(replaced("Mind that its vocabulary lacks 2 % of the letters.", "baseline", "note"), SETTINGS)
    assert check(decision, "baseline").reason.endswith(
        "same utterances. Mind that its vocabulary lacks 2 % of the letters."
    )


def test_empty_measurements_are_rejected():
    assert decide({}, SETTINGS).verdict == "REJECT"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"max_wer": {"test-clean": None}}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"non_inferiority_margin": 0.01}, "first_run must be 'review' where max_wer holds no ceiling, not 'accept'"),
        (
            {"non_inferiority_margin": 0.01, "max_wer": {"test-clean": None}},
            "first_run must be 'review' where max_wer holds no ceiling, not 'accept'",
        ),
        ({"max_slice_wer": 0.5}, "gate must hold a threshold, max_wer or non_inferiority_margin"),
        ({"max_wer": -0.1}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not -0.1"),
        ({"max_wer": 50}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not 50"),
        ({"max_wer": "low"}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not 'low'"),
        ({"max_wer": math.nan}, r"gate.max_wer must be a fraction, 0.1 for 10 %, not nan"),
        ({"max_wer": {}}, r"gate.max_wer must be a fraction, or one for each test split; it is empty"),
        ({"max_wer": {"test-a": 11}}, r"gate.max_wer\['test-a'\] must be a fraction, 0.1 for 10 %, not 11"),
        (
            {"max_wer": 0.5, "non_inferiority_margin": math.inf},
            "gate.non_inferiority_margin must be a difference of fractions, 0.005",
        ),
        ({"max_wer": 0.5, "min_export_text_agreement": 2}, r"min_export_text_agreement must be in \[0, 1\], not 2"),
        ({"max_wer": 0.5, "max_silence_words": -1}, "max_silence_words must be a number of at least 0, not -1"),
        ({"max_wer": 0.5, "max_release_bytes": {"tflite": 1}}, "max_release_bytes must name 'saved_model', 'onnx'"),
        (
            {"max_wer": 0.5, "max_release_bytes": {"onnx": 0}},
            r"max_release_bytes\['onnx'\] must be a number of at least 1",
        ),
        ({"max_wer": 0.5, "min_utterances": 0}, "min_utterances must be at least 1, not 0"),
        ({"max_wer": 0.5, "first_run": "maybe"}, "first_run must be 'accept' or 'review', not 'maybe'"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        GateSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"num_probes": 0}, ConfigurationError, "evaluation.num_probes must be at least 1, not 0"),
        ({"num_noises": -1}, ConfigurationError, "evaluation.num_noises must be at least 0, not -1"),
        ({"paddings": ("alone", "alone")}, ConfigurationError, "paddings must name 'alone' and 'constant', each once"),
        ({"paddings": ("none",)}, ConfigurationError, "paddings must name 'alone' and 'constant', each once"),
        ({"pad_to_samples": 10}, ConfigurationError, "evaluation.pad_to_samples must be at least 400, not 10"),
        ({"normaliser": "whisper"}, UsageError, "A normaliser must be one of none, librispeech, unpunctuated"),
    ],
)
def test_impossible_evaluation_settings_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        EvaluationSettings(**fields)


def test_settings_travel_as_json():
    assert from_json(GateSettings, to_json(SETTINGS)) == SETTINGS
    evaluation = EvaluationSettings(paddings=("constant",), normaliser="none")
    assert from_json(EvaluationSettings, to_json(evaluation)) == evaluation


@pytest.mark.parametrize(
    ("evaluation", "gate", "message"),
    [
        ({"num_silences": 0}, {}, r"evaluation.num_silences must be at least 1 with gate.max_silence_words 0, not 0"),
        (
            {"num_noises": 0},
            {"max_noise_words": 9},
            r"num_noises must be at least 1 with gate.max_noise_words 9, not 0",
        ),
        (
            {"paddings": ()},
            {},
            r"paddings must name 'alone' or 'constant' with gate.min_padding_text_agreement, not \(\)",
        ),
        (
            {"paddings": ("constant",)},
            {"max_p95_seconds": 1.0},
            r"paddings must name 'alone' with gate.max_p95_seconds, not \('constant',\)",
        ),
        ({}, {"max_beam_search_wer": 0.1}, r"evaluation.beam_search must name a language model with .* 0.1, not None"),
        (
            {"splits": ("test-a", "test-b")},
            {"max_wer": {"test-a": 0.5, "test-c": 0.5}},
            r"gate.max_wer must name the test splits of evaluation.splits, test-a, test-b, not test-a, test-c",
        ),
    ],
)
def test_a_gate_that_asks_for_what_is_not_measured_is_refused(evaluation, gate, message):
    with pytest.raises(ConfigurationError, match=message):
        require_answers(EvaluationSettings(**evaluation), GateSettings(**{"max_wer": 0.5, **gate}))
    require_answers(EvaluationSettings(), GateSettings(max_wer={"test-a": 0.5}))
