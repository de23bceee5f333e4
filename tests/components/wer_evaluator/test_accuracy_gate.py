"""What the gate asks of the texts, case by case."""

import dataclasses
import math

import pytest

from components.wer_evaluator.gate import decide
from tests.passing_metrics import (
    METRICS,
    SETTINGS,
    SPLITS,
    check,
    compared,
    counts,
    outcomes,
    replaced,
    require_rejection,
    without,
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
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_hold_rejects_and_says_why(case):
    require_rejection(*CASES[case])


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


def test_the_same_model_is_not_compared_with_itself():
    decision = decide(replaced(True, "baseline", "same"), SETTINGS)
    assert decision.verdict == "ACCEPT"
    assert check(decision, "baseline").verdict == "NOT APPLICABLE"
    assert check(decision, "baseline").reason == (
        "There is nothing to compare: the latest blessed model is this very model."
    )
    assert not [name for name in outcomes(decision) if name.startswith(("non_inferiority/", "deletions/"))]


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


def test_a_baseline_of_another_vocabulary_is_told():
    decision = decide(replaced("Mind that its vocabulary lacks 2 % of the letters.", "baseline", "note"), SETTINGS)
    assert check(decision, "baseline").reason.endswith(
        "same utterances. Mind that its vocabulary lacks 2 % of the letters."
    )
