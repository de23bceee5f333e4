"""What the gate asks of the data, case by case."""

import dataclasses

import pytest

from components.wer_evaluator.gate import decide
from tests.passing_metrics import (
    SETTINGS,
    check,
    replaced,
    require_rejection,
    without,
)

CASES = {
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
    require_rejection(*CASES[case])


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
