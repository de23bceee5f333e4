"""Error counts by hand, on real system output, and the statistics by simulation."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.metrics import (
    Counts,
    align_words,
    count_character_errors,
    count_word_errors,
    paired_difference,
    rate_interval,
    total,
)

WORDS = st.lists(st.sampled_from(["A", "BE", "SEE"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("A B C", "A B C", Counts(3, 0, 0, 0, 1, 0)),
        ("A B C", "A X C D", Counts(3, 1, 0, 1, 1, 1)),
        ("A B C", "C", Counts(3, 0, 2, 0, 1, 1)),
        ("A", "", Counts(1, 0, 1, 0, 1, 1)),
        ("", "A B", Counts(0, 0, 0, 2, 1, 1)),
        ("", "", Counts(0, 0, 0, 0, 1, 0)),
    ],
)
def test_counts_by_hand(reference, hypothesis, expected):
    assert count_word_errors(reference, hypothesis) == expected


def test_characters_are_counted_with_their_spaces():
    assert count_character_errors("AB C", "ABC") == Counts(4, 0, 1, 0, 1, 1)


def test_the_rate_is_errors_over_words_and_not_a_mean_of_rates():
    counts = total([count_word_errors("A", "B"), count_word_errors("A B C D E F G H I", "A B C D E F G H I")])
    assert counts == Counts(10, 1, 0, 0, 2, 1)
    assert counts.rate == 0.1
    assert math.isnan(count_word_errors("", "A").rate)


def distance(left, right):
    """Levenshtein by the textbook."""
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        row, before = [i], row
        for j, other in enumerate(right, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@given(WORDS, WORDS)
def test_errors_are_the_edit_distance_and_the_alignment_tells_them(reference, hypothesis):
    counts = count_word_errors(reference, hypothesis)
    assert counts.errors == distance(reference.split(), hypothesis.split())
    steps = align_words(reference, hypothesis)
    assert [step.reference for step in steps if step.reference] == reference.split()
    assert [step.hypothesis for step in steps if step.hypothesis] == hypothesis.split()
    kinds = [step.kind for step in steps]
    assert (kinds.count("substitute"), kinds.count("delete"), kinds.count("insert")) == (
        counts.substitutions, counts.deletions, counts.insertions,
    )  # fmt: skip


def simulated(speakers, utterances, rate, seed, spread=0.0):
    random = np.random.default_rng(seed)
    counts, names = [], []
    for speaker in range(speakers):
        own = min(max(rate + random.normal() * spread, 0), 1)
        for _ in range(utterances):
            counts.append(Counts(10, int(random.binomial(10, own)), 0, 0, 1, 0))
            names.append(str(speaker))
    return counts, names


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        counts, names = simulated(30, 10, 0.2, seed, spread=0.05)
        interval = rate_interval(counts, names, 300, seed)
        assert interval.unit == "speaker"
        covered += interval.low <= 0.2 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_with_few_speakers_utterances_are_drawn_and_it_says_so():
    counts, names = simulated(4, 20, 0.2, 1)
    assert rate_interval(counts, names, 200, 1).unit == "utterance"


def test_an_equal_system_does_not_differ_and_a_worse_one_does():
    counts, names = simulated(20, 20, 0.2, 3)
    same = paired_difference(counts, counts, names, 200, 1)
    assert (same.value, same.interval.low, same.interval.high, same.smallest_detectable) == (0, 0, 0, 0)
    worse = [Counts(10, min(one.substitutions + 1, 10), 0, 0, 1, 0) for one in counts]
    found = paired_difference(worse, counts, names, 200, 1)
    assert found.value == pytest.approx(0.1, abs=1e-3)
    assert found.interval.low > 0.09
    assert found.probability_of_improvement == 0.0


@pytest.mark.real_data
@pytest.mark.parametrize("system", ["b1", "b2"])
def test_published_counts_of_real_systems(real_data, system):
    directory = real_data / "wer_librispeech"

    def read(name):
        lines = (directory / f"test-clean.{name}.tsv").read_text().splitlines()
        return dict(line.split("\t")[:2] if "\t" in line else (line, "") for line in lines)

    references, hypotheses = read("ref"), read(f"{system}.hyp")
    assert set(references) == set(hypotheses)
    counts = total(count_word_errors(references[name].upper(), hypotheses[name].upper()) for name in references)
    table = csv.DictReader((directory / "expected_wer.csv").read_text().splitlines())
    (expected,) = [row for row in table if row["hyp_file"] == f"test-clean.{system}.hyp.tsv"]
    assert counts.reference == int(expected["published_ref_words"]) == 52_576
    assert counts.errors == int(expected["published_errors"])
    assert 100 * counts.rate == pytest.approx(float(expected["published_WER"]), abs=1e-5)
