"""The whole document: a case by hand, what must be refused, and real systems."""

import csv
import dataclasses
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ConfigurationError, DataError, UsageError
from model.metrics import (
    Counts,
    Frequent,
    ScoringSettings,
    SliceSettings,
    Transcript,
    align_words_of,
    matched_pairs_test,
    paired_difference,
    rate_interval,
    score,
)

REFERENCES = [
    Transcript("u1", "The cat sat", "s1", "F", "clean", 1.0),
    Transcript("u2", "On the mat.", "s1", "F", "clean", 3.0),
    Transcript("u3", "Yes", "s2", "M", "other", 0.5),
    Transcript("u4", "", "s2", "M", "other", 2.0),
]
HEARD = {"u1": "the cat sat down", "u2": "on a mat", "u3": "", "u4": "noise"}
BASELINE = {"u1": "the hat mat", "u2": "on the mat.", "u3": "yes", "u4": ""}
SETTINGS = ScoringSettings(
    resamples=200,
    slices=SliceSettings(duration_edges_seconds=(2.0,), rate_edges_words_per_second=(2.0,), min_words=3),
)


def test_a_system_by_hand():
    found = score(REFERENCES, HEARD, settings=SETTINGS)
    # u1: «down» added; u2: «the» → «a», «mat.» → «mat»; u3 left out; u4 added.
    assert found.system.words == Counts(7, 2, 1, 2, 4, 4)
    # The capitals of The and On are errors of the raw text.
    assert found.system.raw_words == Counts(7, 4, 1, 2, 4, 4)
    # u1: « down»; u2: «the» → «a» is three errors, and «.»; u3 three; u4 five.
    assert found.system.characters.reference == 11 + 11 + 3
    assert found.system.characters.errors == 5 + 4 + 3 + 5
    assert found.system.raw_characters.errors == 5 + 4 + 3 + 5 + 2
    assert (found.speakers, found.seconds, found.baseline) == (2, 6.5, None)
    assert found.system.interval.unit == "utterance"
    assert found.confusions == (Frequent("mat.", "mat", 1), Frequent("the", "a", 1))
    assert found.deletions == (Frequent("yes", "", 1),)
    assert found.insertions == (Frequent("", "down", 1), Frequent("", "noise", 1))


def test_slices_by_hand():
    found = score(REFERENCES, HEARD, settings=SETTINGS)
    assert {one.name: one.words for one in found.slices} == {
        "subset=clean": Counts(6, 2, 0, 1, 2, 2),
        "subset=other": Counts(1, 0, 1, 1, 2, 2),
        "speaker=s1": Counts(6, 2, 0, 1, 2, 2),
        "speaker=s2": Counts(1, 0, 1, 1, 2, 2),
        "gender=F": Counts(6, 2, 0, 1, 2, 2),
        "gender=M": Counts(1, 0, 1, 1, 2, 2),
        "duration=under 2 s": Counts(4, 0, 1, 1, 2, 2),
        "duration=from 2 s": Counts(3, 2, 0, 1, 2, 2),
        "speaking_rate=under 2 words/s": Counts(3, 2, 0, 1, 2, 2),
        "speaking_rate=from 2 words/s": Counts(4, 0, 1, 1, 2, 2),
    }
    # subset=other has a WER of 200 %, of a single word, which is too few.
    assert found.worst_slice is not None
    assert found.worst_slice.name == "duration=from 2 s"
    assert found.worst_slice.words.rate == 1.0
    fewer = ScoringSettings(resamples=200, slices=SliceSettings(min_words=1))
    worst = score(REFERENCES, HEARD, settings=fewer).worst_slice
    assert worst is not None
    assert (worst.name, worst.words.rate) == ("subset=other", 2.0)
    assert score(REFERENCES, HEARD).worst_slice is None


def test_what_holds_every_utterance_is_not_the_worst_slice():
    settings = ScoringSettings(resamples=200, slices=SliceSettings(min_words=1))
    everybody = [dataclasses.replace(one, subset="test", gender="F", seconds=None) for one in REFERENCES]
    found = score(everybody, HEARD, settings=settings)
    assert {one.name for one in found.slices} == {"subset=test", "speaker=s1", "speaker=s2", "gender=F"}
    assert found.worst_slice is not None
    assert found.worst_slice.name == "speaker=s2"
    alone = [dataclasses.replace(one, speaker=None) for one in everybody]
    assert score(alone, HEARD, settings=settings).worst_slice is None


def test_rows_by_hand():
    _, row, *_ = score(REFERENCES, HEARD, BASELINE, SETTINGS).rows
    assert row.to_mapping() == {
        "utterance_id": "u2",
        "reference": "on the mat.",
        "hypothesis": "on a mat",
        "words": {"words": 3, "hits": 1, "substitutions": 2, "deletions": 0, "insertions": 0, "errors": 2},
        "characters": row.to_mapping()["characters"],
        "slices": {
            "subset": "clean",
            "speaker": "s1",
            "gender": "F",
            "duration": "from 2 s",
            "speaking_rate": "under 2 words/s",
        },
        "baseline_hypothesis": "on the mat.",
        "baseline_words": {"words": 3, "hits": 3, "substitutions": 0, "deletions": 0, "insertions": 0, "errors": 0},
    }
    assert "baseline_words" not in score(REFERENCES, HEARD, settings=SETTINGS).rows[0].to_mapping()


def test_against_a_baseline_by_hand():
    found = score(REFERENCES, HEARD, BASELINE, ScoringSettings(resamples=200, margin=0.1)).baseline
    assert found is not None
    assert found.system.words == Counts(7, 2, 0, 0, 4, 1)
    assert found.difference.value == pytest.approx(5 / 7 - 2 / 7)
    assert (found.better_utterances, found.worse_utterances) == (1, 3)
    # Segments: u1 −1, u2 +2, u3 +1, u4 +1.
    assert (found.matched_pairs.segments, found.matched_pairs.mean) == (4, 0.75)
    assert found.non_inferiority is not None
    assert not found.non_inferiority.is_non_inferior
    assert found.non_inferiority.upper_bound == found.difference.upper_bound > 0.1


def many(utterances=60, speakers=6, seed=1):
    draw = random.Random(seed)
    words = "one two three four five six seven".split()
    references, system, baseline = [], {}, {}
    for number in range(utterances):
        text = [draw.choice(words) for _ in range(draw.randint(1, 9))]
        name = f"u{number:03d}"
        references.append(Transcript(name, " ".join(text), f"s{number % speakers}", "MF"[number % 2], "a", 2.0))
        for heard, rate in ((system, 0.3), (baseline, 0.2)):
            heard[name] = " ".join(draw.choice(words) if draw.random() < rate else word for word in text)
    return references, system, baseline


def test_intervals_and_tests_are_those_of_the_parts():
    references, system, baseline = many()
    found = score(references, system, baseline)
    words = [row.words for row in found.rows]
    theirs = [row.baseline_words for row in found.rows if row.baseline_words is not None]
    speakers = [row.keys["speaker"] for row in found.rows]
    assert found.system.interval == rate_interval(words, speakers, 1000, 20)
    assert found.system.interval.unit == "speaker"
    assert found.baseline is not None
    assert found.baseline.system.interval == rate_interval(theirs, speakers, 1000, 20)
    expected = paired_difference(words, theirs, speakers, 1000, 20)
    assert found.baseline.difference.value == pytest.approx(expected.value)
    assert found.baseline.difference.interval == expected.interval
    texts = [one.text for one in references]
    assert found.baseline.matched_pairs == matched_pairs_test(
        align_words_of(texts, list(system.values())), align_words_of(texts, list(baseline.values()))
    )
    (women,) = [one for one in found.slices if one.name == "gender=F"]
    own = [index for index, row in enumerate(found.rows) if row.keys["gender"] == "F"]
    assert women.interval == rate_interval([words[i] for i in own], [speakers[i] for i in own], 1000, 20)
    # Three women are too few to draw from.
    assert women.interval.unit == "utterance"


def test_the_order_of_utterances_does_not_matter():
    references, system, baseline = many()
    expected = score(references, system, baseline).to_mapping()
    for seed in range(3):
        shuffled = [list(one.items()) for one in (system, baseline)]
        order = list(references)
        for one in (order, *shuffled):
            random.Random(seed).shuffle(one)
        assert score(order, dict(shuffled[0]), dict(shuffled[1])).to_mapping() == expected


def test_the_document_is_plain_json():
    references, system, baseline = many()
    references.append(Transcript("silence", "", "s9", "F", "b", 1.0))
    system["silence"], baseline["silence"] = "noise", ""
    document = score(references, system, baseline, ScoringSettings(margin=0.005)).to_mapping()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    (silence,) = [one for one in document["slices"] if (one["kind"], one["value"]) == ("subset", "b")]
    assert silence["words"] == {
        "words": 0, "hits": 0, "substitutions": 0, "deletions": 0, "insertions": 1, "errors": 1, "utterances": 1,
        "wrong_utterances": 1, "wer": None, "mer": 1.0, "wil": None, "sentence_error_rate": 1.0,
    }  # fmt: skip
    assert silence["interval"] == {"low": None, "high": None, "unit": "utterance"}
    assert document["utterances"] == 61
    assert document["normaliser"]["name"] == "librispeech"


def test_identical_systems_do_not_differ():
    references, system, _ = many()
    found = score(references, system, system, ScoringSettings(margin=0.0)).baseline
    assert found is not None
    assert (found.difference.value, found.difference.interval.low, found.difference.interval.high) == (0, 0, 0)
    assert (found.matched_pairs.z, found.matched_pairs.p_value) == (0.0, 1.0)
    assert found.non_inferiority is not None
    assert found.non_inferiority.is_non_inferior


def test_where_one_speaker_is_not_known_utterances_are_drawn():
    references, system, _ = many()
    references[3] = Transcript("u003", references[3].text)
    found = score(references, system)
    assert (found.speakers, found.seconds, found.system.interval.unit) == (None, None, "utterance")
    assert "speaker=unknown" in {one.name for one in found.slices}


@pytest.mark.parametrize(
    ("references", "heard", "message"),
    [
        (
            REFERENCES,
            {**HEARD, "x1": "a", "x2": "b"},
            r"The hypotheses must be of utterances that the references have, and they have no x1, x2; leave out",
        ),
        (
            REFERENCES,
            {"u1": "a"},
            r"must have a line for each of the 4 utterances of the references, and there is none for u2, u3, u4; where",
        ),
        (REFERENCES, {}, r"and there is none for u1, u2, u3 and 1 more; where nothing was heard, add the id with an"),
        (
            [*REFERENCES, REFERENCES[0]],
            HEARD,
            r"Each utterance must occur once in the references, and u1 more than once",
        ),
        (
            [Transcript("a", ""), Transcript("b", " ")],
            {"a": "x", "b": "y"},
            r"The references must hold at least one word, and the 2 that are there hold none after the normaliser",
        ),
        ([], {}, r"The references must hold at least one word, and the 0 that are there hold none"),
    ],
)
def test_what_does_not_fit_together_is_refused(references, heard, message):
    with pytest.raises(DataError, match=message):
        score(references, heard)


def test_a_baseline_that_does_not_fit_is_named():
    with pytest.raises(DataError, match=r"The hypotheses of the baseline must have a line for each of the 4"):
        score(REFERENCES, HEARD, {"u1": "a"})


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        (
            {"normaliser": "x"},
            UsageError,
            "A normaliser must be one of none, librispeech, unpunctuated, characters, not 'x'",
        ),
        ({"resamples": 99}, ConfigurationError, r"resamples must be at least 100, not 99\."),
        ({"num_frequent": -1}, ConfigurationError, r"num_frequent must be at least 0, not -1\."),
        ({"margin": -0.1}, ConfigurationError, r"margin must be a difference of fractions, 0\.005 for half a point"),
        ({"margin": math.nan}, ConfigurationError, r"for half a point, not nan\."),
        ({"margin": 50.0}, ConfigurationError, r"for half a point, not 50\.0\."),
    ],
)
def test_settings_are_checked(setting, error, message):
    with pytest.raises(error, match=message):
        ScoringSettings(**setting)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), min_size=1, max_size=4))
def test_any_text_is_counted(pairs):
    references = [Transcript(str(number), text) for number, (text, _) in enumerate(pairs)]
    references.append(Transcript("a", "word"))
    heard = {str(number): text for number, (_, text) in enumerate(pairs)} | {"a": "word"}
    found = score(references, heard, settings=ScoringSettings(normaliser="none", resamples=100))
    assert found.system.words.utterances == len(references)
    assert found.system.words.reference == sum(len(one.text.split()) for one in references)
    assert found.system.words.hypothesis == sum(len(text.split()) for text in heard.values())
    assert found.system.raw_words == found.system.words
    json.dumps(found.to_mapping(), allow_nan=False)


@pytest.mark.real_data
def test_real_systems(real_data):
    directory = real_data / "wer_librispeech"

    def read(name):
        lines = (directory / f"test-clean.{name}.tsv").read_text(encoding="utf-8").splitlines()
        return dict(line.split("\t") for line in lines)

    references = [Transcript(name, text, speaker=name.split("-")[0]) for name, text in read("ref").items()]
    first, second = read("b1.hyp"), read("b2.hyp")
    found = score(references, second, first, ScoringSettings(margin=0.0035))
    assert found.baseline is not None
    rows = list(csv.DictReader((directory / "expected_wer.csv").read_text().splitlines()))
    expected = {row["hyp_file"].split(".")[1]: row for row in rows}
    for system, name in ((found.baseline.system, "b1"), (found.system, "b2")):
        assert system.words.errors == system.raw_words.errors == int(expected[name]["published_errors"])
        assert system.words.reference == int(expected[name]["published_ref_words"])
        assert system.words.utterances == 2620
        assert 100 * system.characters.rate == pytest.approx(float(expected[name]["CER_with_spaces"]), abs=1e-5)
        assert system.interval.low < system.words.rate < system.interval.high
    assert found.speakers == 40
    # Better with every test.
    difference = found.baseline.difference
    assert difference.value == pytest.approx((1467 - 1921) / 52_576)
    assert difference.interval.high < 0
    assert difference.probability_of_improvement > 0.999
    matched = found.baseline.matched_pairs
    assert matched.z is not None
    assert matched.z < -10
    assert matched.p_value is not None
    assert matched.p_value < 1e-20
    assert found.baseline.non_inferiority is not None
    assert found.baseline.non_inferiority.is_non_inferior
    # The other way round, the gate rejects, and lines in another order change nothing.
    random.Random(1).shuffle(references)
    items = list(first.items())
    random.Random(2).shuffle(items)
    turned = score(references, dict(items), second, ScoringSettings(margin=0.0035)).baseline
    assert turned is not None
    assert turned.non_inferiority is not None
    assert not turned.non_inferiority.is_non_inferior
    assert turned.matched_pairs.z == pytest.approx(-matched.z)
    assert turned.difference.interval.low == pytest.approx(-difference.interval.high)


def test_without_spaces_word_errors_are_those_of_characters():
    said = [Transcript("1", "今天天气很好"), Transcript("2", "你好，世界")]
    found = score(said, {"1": "今天天很好", "2": "你好 世界"}, settings=ScoringSettings(normaliser="characters"))
    assert (found.system.words.reference, found.system.words.errors) == (10, 1)
    assert (found.system.characters.reference, found.system.characters.errors) == (10, 1)
