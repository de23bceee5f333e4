"""The gate's promises, by simulation from the errors of two real systems on LibriSpeech's test-clean.

The label swap: utterance by utterance, a coin decides which system is the candidate and which the baseline, so that
neither is better and they differ as real systems do. With a coin that falls more often for the worse system, the
candidate has a true regression of any size up to the systems' own difference of 0.86 points.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from model.metrics import judge_non_inferiority, paired_ratio_difference

GOLDEN = Path(__file__).parents[2] / "golden" / "gate" / "errors.csv"
TRIALS = 400
REGRESSION = 0.005
MARGIN = 0.0035


@pytest.fixture(scope="module")
def errors():
    with GOLDEN.open(encoding="utf-8") as file:
        rows = np.array([[int(value) for value in row] for row in list(csv.reader(file))[1:]])
    speakers, words, first, second = rows.T
    return speakers, words, first - second


def test_the_errors_are_those_of_the_whole_set(errors):
    speakers, words, changes = errors
    assert (len(words), len(set(speakers)), words.sum(), changes.sum()) == (2620, 40, 52_576, 1921 - 1467)


def judgements(errors, regression, *, new_speakers=False, seed=6):
    """Yields what the gate finds, time and again, for a candidate that is worse by `regression`."""
    speakers, words, changes = errors
    probability = 0.5 + 0.5 * regression * words.sum() / changes.sum()
    rows_of = [np.flatnonzero(speakers == one) for one in np.unique(speakers)]
    random = np.random.default_rng(seed)
    for trial in range(TRIALS):
        drawn, names = np.arange(len(words)), speakers
        if new_speakers:
            chosen = [rows_of[one] for one in random.integers(0, len(rows_of), len(rows_of))]
            drawn, names = np.concatenate(chosen), np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])
        signs = np.where(random.random(len(drawn)) < probability, 1, -1)
        found = paired_ratio_difference(
            (signs * changes[drawn]).tolist(), words[drawn].tolist(), names.astype(str).tolist(), 1000, trial
        )
        assert found.interval.unit == "speaker"
        yield judge_non_inferiority(found, MARGIN)


@pytest.mark.parametrize("new_speakers", [False, True])
def test_equal_systems_are_rejected_at_most_5_times_in_100(errors, new_speakers):
    found = list(judgements(errors, 0.0, new_speakers=new_speakers))
    assert abs(np.mean([one.difference for one in found])) < 2e-4
    assert np.mean([not one.is_non_inferior for one in found]) <= 0.05
    # Not because nothing is ever rejected, or everything is alike.
    assert np.std([one.difference for one in found]) == pytest.approx(0.0007, rel=0.15)


@pytest.mark.parametrize("new_speakers", [False, True])
def test_a_regression_of_half_a_point_is_caught_at_least_95_times_in_100(errors, new_speakers):
    found = list(judgements(errors, REGRESSION, new_speakers=new_speakers))
    assert np.mean([one.difference for one in found]) == pytest.approx(REGRESSION, rel=0.05)
    assert np.mean([not one.is_non_inferior for one in found]) >= 0.95


def test_the_bound_is_above_the_truth_in_about_95_of_100_sets(errors):
    found = list(judgements(errors, REGRESSION, new_speakers=True))
    assert 0.92 <= np.mean([one.upper_bound > REGRESSION for one in found]) <= 0.98


def test_what_the_gate_says_of_equal_systems_is_what_happens(errors):
    found = list(judgements(errors, 0.0))
    margin = float(np.mean([one.smallest_margin for one in found]))
    assert margin == pytest.approx(0.0023, rel=0.1)
    assert 0.02 <= np.mean([one.upper_bound > margin for one in found]) <= 0.09


def test_the_point_estimate_would_not_keep_the_promise(errors):
    found = list(judgements(errors, REGRESSION))
    assert np.mean([one.difference > REGRESSION for one in found]) < 0.7
