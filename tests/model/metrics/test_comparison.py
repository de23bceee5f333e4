"""Two systems on the same utterances."""

import math

import numpy as np
import pytest

from model.metrics import Counts, paired_difference, paired_ratio_difference


def simulated(speakers, utterances, rate, seed):
    random = np.random.default_rng(seed)
    names = [str(speaker) for speaker in range(speakers) for _ in range(utterances)]
    return [Counts(10, int(random.binomial(10, rate)), 0, 0, 1, 0) for _ in names], names


def test_an_equal_system_does_not_differ_and_a_worse_one_does():
    counts, names = simulated(20, 20, 0.2, 3)
    same = paired_difference(counts, counts, names, 200, 1)
    assert (same.value, same.interval.low, same.interval.high, same.smallest_detectable) == (0, 0, 0, 0)
    assert (same.standard_error, same.upper_bound, same.probability_of_improvement) == (0, 0, 0)
    worse = [Counts(10, min(one.substitutions + 1, 10), 0, 0, 1, 0) for one in counts]
    found = paired_difference(worse, counts, names, 200, 1)
    assert found.value == pytest.approx(0.1, abs=1e-3)
    assert found.interval.low > 0.09
    assert found.probability_of_improvement == 0.0
    assert paired_difference(counts, worse, names, 200, 1).probability_of_improvement == 1.0
    assert found.blocks == 20


def test_numbers_by_the_normal_distribution():
    # Of 400 utterances of 10 words, half are worse by one word and a quarter is better by one.
    changes = np.array([1, 1, -1, 0] * 100)
    found = paired_ratio_difference(changes.tolist(), [10.0] * 400, ["one"] * 400, 4000, 1)
    error = changes.std(ddof=1) / math.sqrt(400) / 10
    assert found.value == pytest.approx(0.025)
    assert found.standard_error == pytest.approx(error, rel=0.05)
    assert found.smallest_detectable == pytest.approx(2.8016 * error, rel=0.05)
    assert found.upper_bound == pytest.approx(0.025 + 1.645 * error, abs=0.1 * error)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (0.025 - 1.96 * error, 0.025 + 1.96 * error), abs=0.15 * error
    )
    assert found.interval.unit == "utterance"


def test_the_probability_of_improvement_is_of_the_draws():
    # The difference has its mean at 1 standard error below 0, so Φ(1) = 84 % of the draws are better.
    random = np.random.default_rng(1)
    changes = random.normal(size=900)
    changes += -changes.mean() - changes.std(ddof=1) / 30
    found = paired_ratio_difference(changes.tolist(), [1.0] * 900, ["one"] * 900, 4000, 1)
    assert found.probability_of_improvement == pytest.approx(0.841, abs=0.02)


def test_without_words_there_is_no_number():
    found = paired_ratio_difference([1.0], [0.0], ["a"], 100, 1)
    assert math.isnan(found.value)
    assert math.isnan(found.upper_bound)
    assert math.isnan(found.probability_of_improvement)
