"""Sums of errors, and the rates that follow from them."""

import math

import pytest

from model.metrics import Counts, total


def test_rates_are_of_sums_and_not_means_of_rates():
    counts = total([Counts(1, 1, 0, 0, 1, 1), Counts(9, 0, 0, 0, 1, 0)])
    assert counts == Counts(10, 1, 0, 0, 2, 1)
    assert counts.rate == 0.1
    assert counts.utterance_error_rate == 0.5


def test_rates_by_hand():
    # Of 10 words, 2 were replaced, 1 was left out and 7 were heard; 3 were added: 12 words were heard.
    counts = Counts(10, 2, 1, 3, 4, 3)
    assert (counts.hits, counts.hypothesis, counts.errors) == (7, 12, 6)
    assert counts.rate == 0.6
    assert counts.match_error_rate == pytest.approx(6 / 13)
    assert counts.information_lost == pytest.approx(1 - 49 / 120)
    assert counts.utterance_error_rate == 0.75


def test_what_is_not_defined_is_no_number():
    nothing = Counts()
    for rate in ("rate", "match_error_rate", "information_lost", "utterance_error_rate"):
        assert math.isnan(getattr(nothing, rate))
    # Words in silence: no WER, but each step of the alignment is an error.
    noise = Counts(0, 0, 0, 2, 1, 1)
    assert math.isnan(noise.rate)
    assert (noise.match_error_rate, noise.utterance_error_rate) == (1.0, 1.0)
    assert math.isnan(noise.information_lost)
    deaf = Counts(3, 0, 3, 0, 1, 1)
    assert (deaf.rate, deaf.match_error_rate, deaf.information_lost) == (1.0, 1.0, 1.0)


def test_the_sum_of_nothing_is_nothing():
    assert total([]) == Counts()
    assert Counts(1, 2, 3, 4, 5, 6) + Counts(10, 20, 30, 40, 50, 60) == Counts(11, 22, 33, 44, 55, 66)
