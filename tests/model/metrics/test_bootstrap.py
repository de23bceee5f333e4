"""Intervals: what is drawn, how often they cover the truth, and that slices share their draws."""

import math

import numpy as np
import pytest
from scipy import stats

from model.metrics import Bootstrap, Counts, rate_interval, ratio_interval
from model.metrics.bootstrap import _student_quantile


def simulated(speakers, utterances, rate, seed, spread=0.0):
    random = np.random.default_rng(seed)
    counts, names = [], []
    for speaker in range(speakers):
        own = min(max(rate + random.normal() * spread, 0), 1)
        for _ in range(utterances):
            counts.append(Counts(10, int(random.binomial(10, own)), 0, 0, 1, 0))
            names.append(str(speaker))
    return counts, names


@pytest.mark.parametrize("speakers", [6, 12, 40])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(speakers):
    covered = 0
    for seed in range(400):
        counts, names = simulated(speakers, 10, 0.2, seed, spread=0.05)
        interval = rate_interval(counts, names, 500, seed)
        assert interval.unit == "speaker"
        covered += interval.low <= 0.2 <= interval.high
    # Plain percentiles cover 85 % with six speakers.
    assert 0.92 <= covered / 400 <= 0.985


def test_what_one_person_says_is_not_independent():
    counts, names = simulated(10, 50, 0.2, 1, spread=0.1)
    by_speaker = rate_interval(counts, names, 1000, 1)
    by_utterance = rate_interval(counts, ["one"] * len(counts), 1000, 1)
    assert (by_speaker.unit, by_utterance.unit) == ("speaker", "utterance")
    assert by_speaker.high - by_speaker.low > 2 * (by_utterance.high - by_utterance.low)


def test_with_few_speakers_utterances_are_drawn_and_it_says_so():
    counts, names = simulated(4, 20, 0.2, 1)
    assert rate_interval(counts, names, 200, 1).unit == "utterance"
    counts, names = simulated(5, 20, 0.2, 1)
    assert rate_interval(counts, names, 200, 1).unit == "speaker"


def test_the_interval_of_utterances_is_that_of_the_normal_distribution():
    random = np.random.default_rng(3)
    wrong = random.binomial(1, 0.3, 2000)
    interval = ratio_interval(wrong.tolist(), [1.0] * 2000, ["one"] * 2000, 4000, 1)
    error = math.sqrt(wrong.mean() * (1 - wrong.mean()) / 2000)
    assert interval.low == pytest.approx(wrong.mean() - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(wrong.mean() + 1.96 * error, abs=0.1 * error)


def test_what_depends_on_nothing_but_the_data_is_the_same_again():
    counts, names = simulated(8, 10, 0.2, 1)
    first = rate_interval(counts, names, 300, 1)
    assert rate_interval(counts, names, 300, 1) == first
    assert rate_interval(counts, names, 300, 2) != first
    order = np.random.default_rng(1).permutation(len(counts))
    shuffled = rate_interval([counts[i] for i in order], [names[i] for i in order], 300, 1)
    assert (shuffled.low, shuffled.high) == pytest.approx((first.low, first.high), rel=1e-12)


def test_draws_in_pieces_are_those_in_one_piece(monkeypatch):
    values, weights = np.arange(60.0)[:, None], np.full(60, 7.0)
    whole = Bootstrap(200, 5).ratios(values, weights, [""] * 60)
    monkeypatch.setattr("model.metrics.bootstrap._CHUNK", 1000)
    pieces = Bootstrap(200, 5).ratios(values, weights, [""] * 60)
    assert np.array_equal(whole.ratios, pieces.ratios)
    assert whole.ratios.shape == (200, 1)


def test_a_slice_has_the_same_interval_alone_as_among_others():
    counts, names = simulated(8, 10, 0.2, 1)
    errors = np.array([[one.errors] for one in counts], float)
    words = np.full(len(counts), 10.0)
    shared = Bootstrap(300, 1)
    shared.ratios(errors[:40], words[:40], names[:40])
    assert shared.ratios(errors, words, names).interval() == rate_interval(counts, names, 300, 1)


def test_draws_without_a_word_say_nothing_and_are_left_out():
    found = Bootstrap(500, 1).ratios(np.array([[1.0], [1.0]]), np.array([0.0, 4.0]), ["", ""])
    # A quarter of the draws has the utterance without words twice.
    assert 325 <= len(found.ratios) <= 425
    assert set(found.ratios[:, 0]) == {0.5, 0.25}
    nothing = ratio_interval([1.0, 2.0], [0.0, 0.0], ["", ""], 100, 1)
    assert math.isnan(nothing.low)
    assert math.isnan(nothing.high)
    assert math.isnan(ratio_interval([], [], [], 100, 1).low)


def test_one_utterance_gives_a_point():
    interval = ratio_interval([1.0], [4.0], ["a"], 100, 1)
    assert (interval.low, interval.high, interval.unit) == (0.25, 0.25, "utterance")


@pytest.mark.parametrize("freedom", [4, 9, 39])
@pytest.mark.parametrize("probability", [0.025, 0.05, 0.95, 0.975])
def test_quantiles_of_students_distribution(freedom, probability):
    assert _student_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-3)
