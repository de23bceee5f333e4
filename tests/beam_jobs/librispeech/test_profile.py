"""What is in the data: right numbers, and the same ones in whatever order parts are merged."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.profile import QUANTITIES, Profile, merge_all, profile_of
from beam_jobs.librispeech.word_counts import WordCounts
from model.errors import DataError
from model.examples import Utterance


def utterance(samples, transcript="GOOD MORNING", rate_hz=16_000):
    return Utterance("id", "s", "c", "F", "train-a", rate_hz, np.asarray(samples, np.int16), transcript)


def tone(amplitude, seconds=1.0, pitch_hz=500):
    return np.rint(amplitude * np.sin(2 * np.pi * pitch_hz * np.arange(int(16_000 * seconds)) / 16_000))


def bins(profile):
    """Where the only utterance of a profile lies: for each quantity the edges of its bin."""
    found = {}
    for name, quantity in QUANTITIES.items():
        ((index, count),) = [(i, n) for i, n in enumerate(profile.histograms[name]) if n]
        assert count == 1
        edges = (-np.inf, *quantity.edges, np.inf)
        found[name] = (edges[index], edges[index + 1])
    return found


def test_an_utterance_lies_in_the_bins_of_its_numbers():
    # A sine is 3.01 dB below its peak; a tenth of full scale is -20 dB.
    assert bins(profile_of([utterance(tone(3270, 2.5))])) == {
        "duration_seconds": (2, 3),
        "level_dbfs": (-24, -22),
        "peak_dbfs": (-22, -20),
        "clipped_fraction": (-np.inf, 1e-9),
        "characters_per_second": (4, 5),
        "words": (0, 4),
    }


def test_edges_belong_to_the_bin_above():
    square = np.where(np.arange(16_000) % 2, 32767, -32768)
    found = bins(profile_of([utterance(square, "A B C D")]))
    assert found["duration_seconds"] == (1, 2)
    assert found["peak_dbfs"] == (0, np.inf)
    assert found["level_dbfs"] == (-2, 0), "half of the samples are one step below full scale"
    assert found["clipped_fraction"] == (0.1, np.inf)
    assert found["words"] == (4, 8)
    assert found["characters_per_second"] == (7, 8)


def test_clipping_and_silence_are_counted():
    clipped = tone(3000, 1.0)
    clipped[[5, 6, 900]] = 32767, -32768, 32767
    profile = profile_of([utterance(clipped), utterance(tone(30_000)), utterance(np.zeros(400), "")])
    totals = profile.totals
    assert (totals.utterances, totals.samples, totals.words, totals.silent) == (3, 32_400, 4, 1)
    assert (totals.clipped_utterances, totals.clipped_samples) == (1, 3)
    assert (totals.shortest_samples, totals.longest_samples) == (400, 16_000)
    assert profile.histograms["clipped_fraction"] == [2, 0, 0, 1, 0, 0, 0]
    assert profile.histograms["level_dbfs"][0] == profile.histograms["peak_dbfs"][0] == 1


def test_an_utterance_without_samples_breaks_nothing():
    assert bins(profile_of([utterance([])]))["duration_seconds"] == (0, 1)


def test_the_summary_counts_words_and_letters():
    texts = ["THE CAT SAT", "THE DOG", "THE CAT'S"]
    summary = profile_of(utterance(tone(100), text) for text in texts).summary()
    assert summary["words"] == 7
    assert summary["top_words"] == {"THE": 3, "CAT": 1, "CAT'S": 1, "DOG": 1, "SAT": 1}
    assert list(summary["top_words"]) == ["THE", "CAT", "CAT'S", "DOG", "SAT"]
    assert (summary["different_words"], summary["different_words_exact"], summary["words_said_once"]) == (5, True, 4)
    assert summary["characters"] == {
        " ": 4, "'": 1, "A": 3, "C": 2, "D": 1, "E": 3, "G": 1, "H": 3, "O": 1, "S": 2, "T": 6,
    }  # fmt: skip
    assert summary["histograms"]["duration_seconds"] == {
        "edges": list(range(36)), "counts": [0, 0, 3, *[0] * 34],
    }  # fmt: skip
    assert json.loads(json.dumps(summary)) == summary


def test_many_words_are_sampled_and_their_number_is_estimated():
    texts = [f"W{n} W{n // 2}" for n in range(20_000)]
    counts = WordCounts(max_words=2_000)
    for text in texts:
        counts.add(text)
    assert not counts.exact
    assert len(counts.words) == 2_000
    assert counts.different_words == pytest.approx(20_000, rel=0.1)
    # Those that are kept have their exact counts.
    exact = WordCounts()
    for text in texts:
        exact.add(text)
    assert all(exact.words[word] == count for word, count in counts.words.items())
    assert counts.top(5) == {}
    assert exact.different_words == 20_000
    assert profile_of([utterance([], "A B C")], max_words=2).summary()["words_said_once"] is None


WORDS = st.lists(st.sampled_from([f"W{n}" for n in range(12)]), max_size=8).map(" ".join)
UTTERANCE = st.builds(
    utterance,
    st.lists(st.integers(-32768, 32767) | st.sampled_from([32767, -32768, 0]), max_size=12),
    WORDS,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(UTTERANCE, max_size=9), st.sampled_from([3, 1_000]), st.data())
def test_the_order_and_the_parts_do_not_matter(utterances, max_words, data):
    whole = profile_of(utterances, max_words).to_json()
    shuffled = data.draw(st.permutations(utterances))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    edges = [0, *cuts, len(shuffled)]
    parts = [profile_of(shuffled[a:b], max_words) for a, b in itertools.pairwise(edges)]
    assert merge_all(parts, max_words).to_json() == whole
    right = Profile(max_words)
    for part in reversed(parts):
        right = part.merged(right)
    # Through JSON, as results of shards come.
    back = merge_all((Profile.from_json(json.loads(json.dumps(part.to_json()))) for part in parts), max_words)
    assert right.to_json() == back.to_json() == whole
    assert back.summary() == profile_of(utterances, max_words).summary()


def test_merging_leaves_its_parts_as_they_were():
    one, two = profile_of([utterance(tone(100), "A")]), profile_of([utterance(tone(100), "B")])
    before = one.to_json(), two.to_json()
    one.merged(two).add(utterance(tone(5), "C"))
    assert (one.to_json(), two.to_json()) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda value: value.pop("totals"), r"must be as this code writes it \('totals'\); ingest again"),
        (lambda value: value["totals"].update(other=1), "must be as this code writes it"),
        (lambda value: value["histograms"]["words"].pop(), "must have the bins of this code, and has others"),
        (lambda value: value["histograms"].pop("words"), "must have the bins of this code, and has others"),
        (lambda value: value["counts"].update(words=3), "must be as this code writes it"),
    ],
)
def test_what_is_no_profile_is_refused(spoil, message):
    value = profile_of([utterance(tone(100))]).to_json()
    spoil(value)
    with pytest.raises(DataError, match=message):
        Profile.from_json(value)


@pytest.mark.real_data
def test_real_speech_lies_where_speech_lies(real_data):
    from model.audio import read_pcm16

    files = sorted((real_data / "LibriSpeech").rglob("*.flac"))[:50]
    profile = profile_of(utterance(read_pcm16(path)[0]) for path in files)
    assert profile.totals.utterances == 50
    assert profile.totals.silent == 0
    quiet, loud = QUANTITIES["level_dbfs"].edges.index(-40), QUANTITIES["level_dbfs"].edges.index(-10)
    assert sum(profile.histograms["level_dbfs"][quiet:loud]) == 50
