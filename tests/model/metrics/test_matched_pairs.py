"""The matched-pairs test: the cut into segments and the statistic by hand, and against NIST's programs."""

import json
import math
from pathlib import Path

import pytest

from model.metrics import AlignedWord, align_words, align_words_of, counts_of_alignment, matched_pairs_test, total
from model.metrics.matched_pairs import segment_errors

GOLDEN = Path(__file__).parents[2] / "golden" / "sclite"
KINDS = {"C": "equal", "S": "substitute", "D": "delete", "I": "insert"}


def segments(reference, one, other):
    return list(segment_errors(align_words(reference, one), align_words(reference, other)))


@pytest.mark.parametrize(
    ("reference", "one", "other", "expected"),
    [
        ("a b c d", "a b c d", "a b c d", []),
        # Two good words part the errors; one does not.
        ("a b c d", "x b c d", "a b c y", [(1, 0), (0, 1)]),
        ("a b c", "x b c", "a b y", [(1, 1)]),
        # A word that one system has right and the other wrong is not good.
        ("a b c d e", "x b c d y", "a b z d e", [(2, 1)]),
        # An insertion between two words breaks their row, whichever system makes it.
        ("a b c d e", "x b i c d e", "a b c d y", [(2, 0), (0, 1)]),
        ("a b c d", "x b c y", "a b i c d", [(2, 1)]),
        # Insertions before the first and after the last word.
        ("a b", "i a b", "a b i", [(1, 0), (0, 1)]),
        ("a b", "a b", "a b i j", [(0, 2)]),
        ("a", "", "a", [(1, 0)]),
        ("", "i", "", [(1, 0)]),
        ("a b c d e f", "a b x y e f", "a b c d e f", [(2, 0)]),
    ],
)
def test_segments_by_hand(reference, one, other, expected):
    assert segments(reference, one, other) == expected
    assert segments(reference, other, one) == [(there, here) for here, there in expected]


def test_alignments_of_other_references_are_refused():
    with pytest.raises(ValueError, match="must be of the same reference"):
        list(segment_errors(align_words("a", "a"), align_words("b", "b")))


def test_the_statistic_by_hand():
    # Differences 1, 1, -1, 1, 0: mean 0.4, variance (3 × 0.36 + 1.96 + 0.16) / 4 = 0.8, z = 0.4 / sqrt(0.8 / 5) = 1.
    references = ["a"] * 5
    one = align_words_of(references, ["x", "x", "a", "x", "x"])
    other = align_words_of(references, ["a", "a", "x", "a", "x"])
    found = matched_pairs_test(one, other)
    assert (found.segments, found.mean) == (5, pytest.approx(0.4))
    assert found.standard_deviation == pytest.approx(math.sqrt(0.8))
    assert found.z == pytest.approx(1.0)
    assert found.p_value == pytest.approx(0.317310507863)
    assert matched_pairs_test(other, one).z == pytest.approx(-1.0)


def test_where_it_can_say_nothing_it_says_so():
    right, wrong = align_words("a", "a"), align_words("a", "x")
    nothing = matched_pairs_test([right], [right])
    assert (nothing.segments, nothing.mean, nothing.z, nothing.p_value) == (0, 0.0, None, 1.0)
    same = matched_pairs_test([wrong, wrong], [wrong, wrong])
    assert (same.segments, same.z, same.p_value) == (2, 0.0, 1.0)
    single = matched_pairs_test([wrong], [right])
    assert (single.segments, single.mean, single.z, single.p_value) == (1, 1.0, None, None)
    alike = matched_pairs_test([wrong, wrong], [right, right])
    assert (alike.segments, alike.standard_deviation, alike.z, alike.p_value) == (2, 0.0, None, None)


def from_sclite(letters, reference, hypothesis):
    """Builds an alignment from sclite's letters and the texts."""
    left, right = iter(reference.split()), iter(hypothesis.split())
    steps = [
        AlignedWord(KINDS[letter], next(left) if letter != "I" else "", next(right) if letter != "D" else "")
        for letter in letters
    ]
    assert (list(left), list(right)) == ([], [])
    return steps


@pytest.fixture(scope="module")
def golden():
    return json.loads((GOLDEN / "reference.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["plain", "unicode", "heavy"])
def test_sc_stats_finds_the_same_in_the_same_alignments(golden, name):
    texts = golden[name]["texts"]
    one, other = (
        [from_sclite(golden[name][system]["alignments"][key], text[0], text[column]) for key, text in texts.items()]
        for column, system in ((1, "one"), (2, "two"))
    )
    found, expected = matched_pairs_test(one, other), golden[name]["mapsswe"]
    assert found.segments == expected["segments"]
    assert found.mean == pytest.approx(expected["mean"], abs=5.1e-4)
    assert found.standard_deviation == pytest.approx(expected["standard_deviation"], abs=5.1e-4)
    assert found.z == pytest.approx(expected["z"], abs=5.1e-4)
    assert found.p_value is not None
    assert (found.p_value < 0.05) is expected["differs"]


@pytest.mark.parametrize("name", ["plain", "unicode"])
def test_sclite_counts_the_same_errors(golden, name):
    texts = golden[name]["texts"]
    references = [text[0] for text in texts.values()]
    alignments = []
    for column, system in ((1, "one"), (2, "two")):
        alignments.append(align_words_of(references, [text[column] for text in texts.values()]))
        for key, steps in zip(texts, alignments[-1], strict=True):
            letters = golden[name][system]["alignments"][key]
            assert counts_of_alignment(steps).errors == len(letters) - letters.count("C"), key
        hits, *errors = golden[name][system]["counts"]
        counts = total(map(counts_of_alignment, alignments[-1]))
        assert (counts.errors, counts.reference) == (sum(errors), hits + errors[0] + errors[1])
    # From alignments of our own, which part a few segments elsewhere.
    assert matched_pairs_test(*alignments).z == pytest.approx(golden[name]["mapsswe"]["z"], abs=0.1)


def test_where_substitutions_are_many_sclite_may_count_more_than_the_fewest_errors(golden):
    # Its weights are 4 for a substitution and 3 for a deletion or an insertion.
    texts = golden["heavy"]["texts"]
    more = {}
    for column, system in ((1, "one"), (2, "two")):
        for key, text in texts.items():
            letters = golden["heavy"][system]["alignments"][key]
            theirs = len(letters) - letters.count("C")
            ours = counts_of_alignment(align_words(text[0], text[column])).errors
            assert ours <= theirs
            if ours < theirs:
                more[key] = (ours, theirs)
    assert more == {"8-0-0000": (5, 6)}


@pytest.mark.real_data
def test_sclite_and_sc_stats_on_real_systems(real_data):
    expected = json.loads((GOLDEN / "librispeech.json").read_text())

    def read(name):
        lines = (real_data / "wer_librispeech" / f"test-clean.{name}.tsv").read_text().splitlines()
        return dict(line.split("\t") for line in lines)

    references, alignments = read("ref"), []
    for name, system in (("b1", "one"), ("b2", "two")):
        heard = read(f"{name}.hyp")
        alignments.append(align_words_of(list(references.values()), [heard[key] for key in references]))
        assert total(map(counts_of_alignment, alignments[-1])).errors == sum(expected[system]["counts"][1:])
    found = matched_pairs_test(*alignments)
    assert found.segments == pytest.approx(expected["mapsswe"]["segments"], abs=2)
    assert found.z == pytest.approx(expected["mapsswe"]["z"], abs=0.01)
