"""Errors of texts by hand, against the textbook's distance, against jiwer's own rates, and on real output."""

import csv

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.metrics import (
    Counts,
    align_words,
    count_character_errors,
    count_character_errors_of,
    count_word_errors,
    counts_of_alignment,
    total,
)

WORDS = st.lists(st.sampled_from(["A", "BE", "SEE"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("A B C", "A B C", Counts(3, 0, 0, 0, 1, 0)),
        ("A B C", "A X C D", Counts(3, 1, 0, 1, 1, 1)),
        ("A B C", "C", Counts(3, 0, 2, 0, 1, 1)),
        ("A", "A", Counts(1, 0, 0, 0, 1, 0)),
        ("A", "", Counts(1, 0, 1, 0, 1, 1)),
        ("", "A B", Counts(0, 0, 0, 2, 1, 1)),
        ("", "", Counts(0, 0, 0, 0, 1, 0)),
        (" A\tB  C ", "A B C", Counts(3, 0, 0, 0, 1, 0)),
        ("řeka šumí", "řeka sumí", Counts(2, 1, 0, 0, 1, 1)),
    ],
)
def test_words_by_hand(reference, hypothesis, expected):
    assert count_word_errors(reference, hypothesis) == expected


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("AB C", "ABC", Counts(4, 0, 1, 0, 1, 1)),
        (" AB  C ", "AB C", Counts(4, 0, 0, 0, 1, 0)),
        ("ABC", "XBCD", Counts(3, 1, 0, 1, 1, 1)),
        ("", "AB", Counts(0, 0, 0, 2, 1, 1)),
        ("AB", "", Counts(2, 0, 2, 0, 1, 1)),
        ("", "", Counts(0, 0, 0, 0, 1, 0)),
        ("šumí", "sumí", Counts(4, 1, 0, 0, 1, 1)),
    ],
)
def test_characters_by_hand(reference, hypothesis, expected):
    assert count_character_errors(reference, hypothesis) == expected


def distance(left, right):
    """Levenshtein by the textbook."""
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        row, before = [i], row
        for j, other in enumerate(right, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@settings(deadline=None)
@given(WORDS, WORDS)
def test_errors_are_the_edit_distance(reference, hypothesis):
    words, characters = count_word_errors(reference, hypothesis), count_character_errors(reference, hypothesis)
    assert words.errors == distance(reference.split(), hypothesis.split())
    assert characters.errors == distance(reference, hypothesis)
    for counts, left, right in ((words, reference.split(), hypothesis.split()), (characters, reference, hypothesis)):
        assert (counts.reference, counts.hypothesis) == (len(left), len(right))
    assert counts_of_alignment(align_words(reference, hypothesis)) == words


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS.filter(bool), WORDS), min_size=1, max_size=5))
def test_rates_are_those_of_jiwer(pairs):
    references, hypotheses = [list(column) for column in zip(*pairs, strict=True)]
    words = total(count_word_errors(reference, hypothesis) for reference, hypothesis in pairs)
    theirs = jiwer.process_words(references, hypotheses)
    assert (words.rate, words.match_error_rate) == pytest.approx((theirs.wer, theirs.mer))
    assert words.information_lost == pytest.approx(theirs.wil)
    characters = total(count_character_errors_of(references, hypotheses))
    assert characters.rate == pytest.approx(jiwer.process_characters(references, hypotheses).cer)


def test_no_utterance_gives_no_counts():
    assert count_character_errors_of([], []) == []


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
    # Where alignments with as few errors are several, sclite, which the published counts are from, prefers another.
    for name, column in (("substitutions", "pub_subs"), ("deletions", "pub_dels"), ("insertions", "pub_ins")):
        assert getattr(counts, name) == pytest.approx(int(expected[column]), abs=2)
    characters = total(
        count_character_errors_of([references[name] for name in references], [hypotheses[name] for name in references])
    )
    assert 100 * characters.rate == pytest.approx(float(expected["CER_with_spaces"]), abs=1e-5)
