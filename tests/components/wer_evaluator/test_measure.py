"""What is made of what was heard: counts, ways, comparison, leakage; by hand, without a model."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from beam_jobs.evaluation import HeardBy, Sound
from components.wer_evaluator.gate import decide
from components.wer_evaluator.measure import chosen_splits, measure
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.beam_search import BeamSearchSettings
from model.errors import DataError, ReleaseError
from model.metrics import NORMALISERS
from model.storage import json_text, write_json

SETTINGS = EvaluationSettings(bootstrap_resamples=100, num_silences=1, num_noises=1)
GATE = GateSettings(
    max_wer=0.9, non_inferiority_margin=0.5, max_deletion_increase=0.5, min_export_text_agreement=None,
    max_export_logit_difference=None, max_export_wer_difference=None,
    min_int8_text_agreement=None, max_int8_wer_difference=None,
)  # fmt: skip


def hear_nothing(*_):
    raise AssertionError("a release that is not whole must not be heard")


def listen(way, waveforms):
    return [Sound("", np.zeros((3, 32), np.float32), 0.1) for _ in waveforms]


@pytest.fixture
def heard(make_heard):
    return [
        make_heard("1-1-1", "THE CAT SAT", "THE CAT SAT"),
        make_heard("1-1-2", "ON A MAT", "ON MAT", onnx="ON A MAT", differs=0.25),
        make_heard("2-1-1", "IT PURRED", "IT BURRED LOUDLY", took=1.5),
        make_heard("3-1-1", "ELSEWHERE", "ELSEWHERE", split="test-b", seconds=8.0),
    ]


@pytest.fixture
def run(make_release, make_examples, heard):
    """Measures and judges what was heard, and what a baseline heard."""

    def run(utterances=None, baseline=None, theirs=None, info=None, settings=SETTINGS, listen=listen, **examples):
        root = make_examples(**{"train": [("9-1-1", "SOMETHING ELSE")], **examples})
        promised = {"test-a": {"utterances": 3, "words": 8}, "test-b": {"utterances": 1, "words": 1}}
        write_json(root / "dataset_info.json", {"corpus": {"root_name": "c"}, "splits": promised, **(info or {})})
        ours = heard if utterances is None else utterances
        release = make_release()
        asked = []

        def hear(directory, ways, num_probes, stage):
            asked.append((directory, [way.name for way in ways], num_probes, stage))
            found: Any = ours if directory == release else theirs
            return found, []

        measured = measure(
            root,
            sorted({"train", "test-a", "test-b", *examples}),
            release,
            baseline,
            settings,
            GATE.non_inferiority_margin,
            hear,
            listen,
        )
        metrics = {**measured.metrics, "anomalies": {"train": []}}
        return measured, json.loads(json_text(metrics)), decide(metrics, GATE), asked

    return run


def check(decision, name):
    (found,) = [one for one in decision.checks if one.name == name]
    return found


def changed(heard, text):
    """The same utterances with other texts, heard in batches alone."""
    return [dataclasses.replace(one, by_way={"batched": HeardBy(text(one), 0.0, 0.1)}) for one in heard]


def test_every_utterance_counts_by_split(run):
    measured, metrics, decision, asked = run()
    assert decision.verdict == "ACCEPT", decision.reasons
    words = metrics["splits"]["test-a"]["words"]
    assert (words["words"], words["substitutions"], words["deletions"], words["insertions"]) == (8, 1, 1, 1)
    assert (words["wer"], metrics["splits"]["test-b"]["words"]["wer"]) == (3 / 8, 0.0)
    assert metrics["expected_splits"] == ["test-a", "test-b"]
    assert [one[1:] for one in asked] == [(["batched", "alone", "constant", "onnx", "onnx_int8"], 8, "release")]
    row = measured.rows[1]
    assert (row["utterance_id"], row["split"], row["speaker_id"], row["gender"]) == ("1-1-2", "test-a", "1", "F")
    assert (row["reference"], row["hypothesis"], row["words"]["deletions"]) == ("on a mat", "on mat", 1)
    assert row["texts"] == {
        "batched": "ON MAT",
        "alone": "ON MAT",
        "constant": "ON MAT",
        "onnx": "ON A MAT",
        "onnx_int8": "ON MAT",
    }
    assert row["slices"] == {
        "subset": "test-a", "speaker": "1", "gender": "F", "duration": "2 to 5 s", "speaking_rate": "under 2 words/s",
    }  # fmt: skip


def test_ways_are_held_against_batches(run):
    _, metrics, _, _ = run()
    assert metrics["ways"]["batched"] == {
        "utterances": 4, "padded_utterances": 3, "text_agreement": 1.0, "largest_logit_difference": 0.0,
        "wer": {"test-a": 3 / 8, "test-b": 0.0}, "wer_difference": {"test-a": 0.0, "test-b": 0.0},
        "pad_to_samples": 0, "decoder": "greedy",
    }  # fmt: skip
    onnx = metrics["ways"]["onnx"]
    assert (onnx["text_agreement"], onnx["largest_logit_difference"]) == (0.75, 0.25)
    assert (onnx["wer"], onnx["wer_difference"]) == (
        {"test-a": 2 / 8, "test-b": 0.0},
        {"test-a": -1 / 8, "test-b": 0.0},
    )
    assert metrics["ways"]["constant"]["pad_to_samples"] == 246_000
    assert [metrics["ways"][way]["padded_utterances"] for way in ("alone", "constant", "onnx")] == [0, 4, 0]


def test_speed_is_that_of_utterances_alone(run):
    _, metrics, _, _ = run()
    # 2 + 2 + 2 + 8 s of sound in 0.5 + 0.5 + 1.5 + 0.5 s.
    expected = {"realtime_factor": 14 / 3, "median_seconds": 0.5, "p95_seconds": 1.35, "utterances": 4}
    assert metrics["speed"] == dict.fromkeys(["alone", "onnx", "onnx_int8"], pytest.approx(expected))


def test_the_paddings_are_a_choice(run):
    settings = dataclasses.replace(SETTINGS, paddings=("constant",), pad_to_samples=100_000)
    _, metrics, decision, asked = run(settings=settings)
    assert asked[0][1] == metrics["expected_ways"] == ["batched", "constant", "onnx", "onnx_int8"]
    assert set(metrics["speed"]) == {"onnx", "onnx_int8"}
    assert check(decision, "speed/alone").verdict == "NOT APPLICABLE"
    assert check(decision, "speed/alone").reason == (
        "The configuration does not run the SavedModel utterance by utterance, so its speed was not measured."
    )
    assert decision.verdict == "ACCEPT"


def test_padding_that_nothing_had_proves_nothing(run, make_heard):
    utterances = [make_heard("1-1-1", "A CAT", "A CAT"), make_heard("1-1-2", "SAT", "SAT")]
    settings = dataclasses.replace(SETTINGS, paddings=("alone",))
    _, metrics, decision, _ = run(utterances, settings=settings)
    assert metrics["ways"]["batched"]["padded_utterances"] == 0
    assert check(decision, "padding_text/alone").verdict == "PASS", "each was held against itself"
    assert check(decision, "padded_utterances").verdict == "FAIL"
    utterances = [*utterances, make_heard("1-1-3", "ON IT", "ON IT", seconds=1.0)]
    _, metrics, decision, _ = run(utterances, settings=settings)
    assert check(decision, "padded_utterances").measured == 1
    # A batch holds one of them: nothing is padded, however the lengths differ.
    alone = dataclasses.replace(settings, batch_samples=16_000)
    _, metrics, decision, _ = run(utterances, settings=alone)
    assert check(decision, "padded_utterances").measured == 0


@pytest.mark.parametrize("way", ["alone", "onnx"])
def test_a_model_that_gives_no_numbers_for_silence_is_rejected(run, way):
    def listen_badly(one, waveforms):
        logits = np.full((3, 32), np.nan if one.name == way else 0.0, np.float32)
        # The best token of what is no number is the blank.
        return [Sound("", logits, 0.1) for _ in waveforms]

    _, metrics, decision, _ = run(listen=listen_badly)
    other = {"alone": "onnx", "onnx": "alone"}[way]
    assert [one["texts"] for one in metrics["silence"]] == [{way: None, other: ""}] * 2
    assert {check(decision, f"{kind}_words").verdict for kind in ("silence", "noise")} == {"FAIL"}


def test_what_the_onnx_file_alone_hears_in_noise_counts(run):
    def listen_to_noise(way, waveforms):
        logits = np.zeros((3, 32), np.float32)
        return [Sound("THREE MORE WORDS" if way.name == "onnx" and one.any() else "", logits, 0.1) for one in waveforms]

    _, _, decision, _ = run(listen=listen_to_noise)
    assert check(decision, "noise_words").measured == 3
    assert decision.reasons == (
        "The largest number of words that a file heard in 1 noise is 3, above the ceiling of 0. The ONNX file heard 3,"
        " such as 'THREE MORE WORDS'.",
    )


def test_a_language_model_has_a_row_of_its_own_and_no_speed(run, make_heard, tmp_path):
    utterances = [make_heard("1-1-1", "THE CAT SAT", "THE BAT SAT", beam_search="THE CAT SAT")]
    settings = dataclasses.replace(SETTINGS, beam_search=BeamSearchSettings(str(tmp_path / "words.arpa")))
    _, metrics, decision, asked = run(utterances, settings=settings)
    assert asked[0][1] == ["batched", "alone", "constant", "onnx", "onnx_int8", "beam_search"]
    row = metrics["ways"]["beam_search"]
    assert (row["decoder"], row["wer"], row["wer_difference"]) == ("beam_search", {"test-a": 0.0}, {"test-a": -1 / 3})
    assert set(metrics["speed"]) == {"alone", "onnx", "onnx_int8"}
    assert check(decision, "beam_search/test-a").reason == (
        "The WER of test-a by beam search with a language model is 0.0 %, and no ceiling is asked for."
    )


def test_an_empty_reference_counts_what_is_heard_in_it(run, make_heard):
    utterances = [make_heard("1-1-1", "A CAT", "A CAT"), make_heard("1-1-2", "", "HM"), make_heard("1-1-3", "", "")]
    _, metrics, _, _ = run(utterances)
    words = metrics["splits"]["test-a"]["words"]
    assert (words["utterances"], words["words"], words["insertions"], words["wer"]) == (3, 2, 1, 0.5)


def test_no_word_at_all_ends_in_a_sentence(run, make_heard):
    with pytest.raises(DataError, match=r"The references must hold at least one word, and the 1 that are there hold"):
        run([make_heard("1-1-1", "", "HM")])


def test_letters_of_every_script_and_markup_are_texts_like_others(run, make_heard):
    texts = ["Größe naïve", "привет мир", "<b>AT&T</b> <script>alert(1)</script>", "語 語"]
    utterances = [make_heard(f"1-1-{n}", text, text.upper()) for n, text in enumerate(texts)]
    measured, metrics, _, _ = run(utterances)
    assert metrics["splits"]["test-a"]["words"]["wer"] == 0.0
    assert [row["texts"]["batched"] for row in measured.rows] == [text.upper() for text in texts]


def test_an_utterance_that_occurs_twice_ends_in_a_sentence(run, heard):
    with pytest.raises(DataError, match=r"Each utterance must occur once in the references, and 1-1-2 more than once"):
        run([*heard, heard[1]])


def test_an_utterance_in_two_splits_ends_in_a_sentence(run, heard):
    with pytest.raises(DataError, match=r"must be in one test split, and 1-1-2 is in test-a and in test-b; ingest"):
        run([*heard, dataclasses.replace(heard[1], split="test-b")])


@pytest.mark.parametrize(("change", "count"), [("missing", "2 and 5"), ("unknown", "4 and 10")])
def test_other_utterances_than_ingest_wrote_reject(run, heard, make_heard, change, count):
    utterances = heard[:1] + heard[2:] if change == "missing" else [*heard, make_heard("4-1-1", "NOT OURS", "NOT OURS")]
    _, _, decision, _ = run(utterances)
    assert decision.reasons == (
        f"test-a must have 3 utterances and 8 words as ingest said, and {count} were measured.",
    )


def test_a_split_that_nobody_heard_rejects(run, heard):
    _, _, decision, _ = run(heard[:3])
    assert "test-b must be measured, and was not." in decision.reasons


def test_counts_that_were_published_are_held_against_whole_subsets_alone(run):
    published = {"test-a": {"utterances": 2620, "words": 52_576}}
    splits = {"test-a": {"utterances": 3, "words": 8, "subsets": ["test-a"]}, "test-b": {"utterances": 1, "words": 1}}
    info = {"splits": splits, "published": published, "subsets": {"test-a": {"splits": ["test-a"]}}}
    _, metrics, decision, _ = run(info=info)
    assert metrics["splits"]["test-a"]["published"] == published["test-a"]
    assert decision.reasons == (
        "test-a must have 2620 utterances and 52576 words as was published, and 3 and 8 were measured.",
    )


def test_a_subset_that_is_parted_has_no_published_count(run):
    splits = {"test-a": {"utterances": 3, "words": 8, "subsets": ["all"]}, "test-b": {"utterances": 1, "words": 1}}
    published = {"all": {"utterances": 2620, "words": None}}
    info = {"splits": splits, "published": published, "subsets": {"all": {"splits": ["train", "test-a"]}}}
    _, metrics, _, _ = run(info=info)
    assert metrics["splits"]["test-a"]["published"] is None


def test_what_was_trained_on_is_found_without_its_sound(run):
    train = [("2-9-9", "Another   Sentence"), ("1-1-2", "the cat SAT"), ("7-1-1", "")]
    _, metrics, decision, _ = run(train=train)
    assert metrics["leakage"] == {
        "against": ["train"], "speakers_known": True, "shared_speakers": ["1", "2"], "shared_utterances": ["1-1-2"],
        "shared_sentences": 1,
    }  # fmt: skip
    assert [one.split(".")[0] for one in decision.reasons] == [
        "The number of utterances in training or validation and in test is 1, above the ceiling of 0",
        "The number of people in training or validation and in test is 2, above the ceiling of 0",
    ]


def test_what_chose_the_weights_is_held_against_the_test_set_too(run):
    _, metrics, decision, _ = run(validation=[("3-1-1", "elsewhere"), ("8-1-1", "ON A MAT")])
    assert metrics["leakage"] == {
        "against": ["train", "validation"], "speakers_known": True, "shared_speakers": ["3"],
        "shared_utterances": ["3-1-1"], "shared_sentences": 2,
    }  # fmt: skip
    assert check(decision, "shared_utterances").verdict == check(decision, "shared_speakers").verdict == "FAIL"


def test_where_nobody_knows_who_speaks_utterances_are_drawn(run):
    _, metrics, decision, _ = run(info={"speakers_known": False})
    assert metrics["splits"]["test-a"]["speakers"] is None
    assert "speaker" not in {one["kind"] for one in metrics["splits"]["test-a"]["slices"]}
    assert check(decision, "shared_speakers").verdict == "NOT APPLICABLE"


def test_the_baseline_is_compared_on_the_same_utterances(run, heard, make_release):
    baseline = make_release("blessed", "other weights")
    measured, metrics, decision, asked = run(baseline=baseline, theirs=changed(heard, lambda one: one.reference))
    assert asked[1] == (baseline, ["batched"], 0, "latest blessed model")
    ours = metrics["splits"]["test-a"]
    assert (ours["baseline"]["words"]["wer"], ours["baseline"]["difference"]["value"]) == (0.0, 3 / 8)
    assert metrics["baseline"]["note"] is None
    assert metrics["baseline"]["release_name"] == "blessed"
    assert check(decision, "deletions/test-a").measured == 1 / 8
    assert measured.rows[1]["baseline_hypothesis"] == "on a mat"
    assert check(decision, "non_inferiority/test-a").verdict == "FAIL"


def test_the_same_model_is_not_heard_again(run, make_release):
    _, metrics, decision, asked = run(baseline=make_release("blessed"))
    assert len(asked) == 1
    assert metrics["baseline"]["same"] is True
    assert decision.verdict == "ACCEPT"
    assert check(decision, "baseline").verdict == "NOT APPLICABLE"


def test_a_baseline_that_is_not_heard_on_the_same_utterances_rejects(run, heard, make_release):
    theirs = changed(heard[1:], lambda one: one.reference)
    _, metrics, decision, _ = run(baseline=make_release("blessed", "other weights"), theirs=theirs)
    assert metrics["splits"]["test-a"]["baseline"] is None
    (reason,) = decision.reasons
    assert "must be heard on the same utterances as the candidate, and on test-a it was not" in reason


def test_a_baseline_that_cannot_be_read_rejects(run, make_release):
    baseline = make_release("blessed", "other weights")
    (baseline / "onnx" / "vocab.json").write_text("[]")
    _, metrics, decision, asked = run(baseline=baseline)
    assert len(asked) == 1
    assert metrics["baseline"]["error"]
    (reason,) = decision.reasons
    assert reason.startswith("The latest blessed model could not be measured:")


def test_a_baseline_of_another_vocabulary_is_measured_by_its_own_texts(run, heard, make_release):
    small = [token.lower() for token in "<pad>|<unk>".split("|") + list("ETAOINHSRDLUMWCFGYPBVK")]
    baseline = make_release("blessed", "other weights", ["|", *small])
    theirs = changed(heard, lambda one: one.reference.lower())
    _, metrics, decision, _ = run(baseline=baseline, theirs=theirs)
    assert metrics["splits"]["test-a"]["baseline"]["words"]["wer"] == 0.0
    assert metrics["baseline"]["note"] == "Its vocabulary is another one, and has all letters that were said."
    assert check(decision, "baseline").verdict == "PASS"


def test_a_baseline_that_lacks_some_letters_is_compared_and_it_is_told(run, heard, make_release):
    baseline = make_release("blessed", "other weights", ["<pad>", "|", *"ETAOINHSRDLUMWCFGYBVK"])
    _, metrics, decision, _ = run(baseline=baseline, theirs=changed(heard, lambda one: ""))
    assert (
        metrics["baseline"]["note"] == "Mind that its vocabulary lacks 3.1 % of the letters that were said, such as p."
    )
    assert check(decision, "baseline").reason.endswith("lacks 3.1 % of the letters that were said, such as p.")
    assert metrics["splits"]["test-a"]["baseline"]["words"]["wer"] == 1.0


def test_a_comparison_on_a_few_utterances_rejects(run, heard, make_heard, make_release):
    baseline = make_release("blessed", "other weights")
    _, _, decision, _ = run(baseline=baseline, theirs=changed(heard, lambda one: ""))
    assert check(decision, "non_inferiority/test-b").reason == (
        "The comparison on test-b must have an interval, for which 5 speakers or as many utterances are needed, and was"
        " made on 1 utterance."
    )
    more = [*heard[:3], *(make_heard(f"2-1-{number}", "A CAT", "A CAT") for number in (7, 8))]
    _, _, decision, _ = run(more, baseline=baseline, theirs=changed(more, lambda one: ""))
    assert check(decision, "non_inferiority/test-a").verdict == "PASS"


@pytest.mark.parametrize(
    ("tokens", "normaliser"), [("абвгдежзийклмн", "librispeech"), ("etaoinhsrdlumwcfgypbvk", "none")]
)
def test_a_baseline_of_another_script_is_not_compared_and_rejects(run, make_release, tokens, normaliser):
    baseline = make_release("blessed", "other weights", ["<pad>", "|", *tokens])
    settings = dataclasses.replace(SETTINGS, normaliser=normaliser)
    _, metrics, decision, asked = run(baseline=baseline, settings=settings)
    assert len(asked) == 1
    (reason,) = decision.reasons
    assert reason.startswith(
        "The latest blessed model could not be measured: its texts cannot be compared with what was said: with the"
        f" normaliser '{normaliser}', its vocabulary lacks 100.0 % of the letters that were said, such as"
    )
    assert reason.endswith("choose a normaliser that brings both to one form, or give this model a configuration of its"
                           " own name.")  # fmt: skip
    assert metrics["splits"]["test-a"]["baseline"] is None


def test_a_candidate_that_was_changed_is_an_error(run, make_release):
    release = make_release()
    (release / "onnx" / "vocab.json").write_text("{}")
    release_file = json.loads((release / "RELEASE.json").read_text())
    assert release_file["files"]["onnx/vocab.json"]
    with pytest.raises(ReleaseError, match=r"RELEASE.json must be the whole description of a release"):
        measure(release / "nowhere", ["test-a"], release.parent / "nothing", None, SETTINGS, None, hear_nothing, listen)
    with pytest.raises(ReleaseError, match=r"vocab.json must have \d+ bytes, and has 2"):
        measure(release, ["test-a"], release, None, SETTINGS, None, hear_nothing, listen)


def test_the_normaliser_is_told_with_its_hash(run):
    _, metrics, _, _ = run(settings=dataclasses.replace(SETTINGS, normaliser="unpunctuated"))
    assert metrics["splits"]["test-a"]["normaliser"]["sha256"] == NORMALISERS["unpunctuated"].sha256


def test_the_splits_are_those_named_or_all_test_splits():
    names = ["train", "validation", "test-other", "test-clean"]
    assert chosen_splits(names, EvaluationSettings()) == ["test-clean", "test-other"]
    assert chosen_splits(names, EvaluationSettings(splits=("validation",))) == ["validation"]
