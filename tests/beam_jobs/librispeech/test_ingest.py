"""The ingest job: what it writes, what it rejects, how it goes on."""

import hashlib
import json

import numpy as np
import pytest
import soundfile

from beam_jobs.librispeech import IngestSettings, inspect_corpus, require_splits
from beam_jobs.librispeech.__main__ import main
from beam_jobs.librispeech.ingest import ingest
from beam_jobs.librispeech.manifest import ManifestSettings
from model.errors import ConfigurationError, DataError, UsageError
from model.examples import read_utterances
from tests.ingested import digests, records, rejects, shards

SUBSETS = {"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104"]}
LENIENT = IngestSettings(max_reject_fraction=1.0)


@pytest.fixture
def corpus(make_corpus):
    return make_corpus(SUBSETS)


def test_every_utterance_becomes_a_record(corpus, tmp_path):
    info = ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    written = records(tmp_path / "out")
    assert sorted(written) == [f"{s}-7-000{n}" for s in (101, 102, 103, 104) for n in range(3)]
    one = written["103-7-0001"]
    expected, _ = soundfile.read(corpus / "dev-a/103/7/103-7-0001.flac", dtype="int16")
    np.testing.assert_array_equal(one.samples, expected)
    assert (one.speaker_id, one.chapter_id, one.gender, one.subset, one.sample_rate_hz, one.transcript) == (
        "103", "7", "F", "dev-a", 16_000, "WORD NUMBER B",
    )  # fmt: skip
    assert set(records(tmp_path / "out", "train")) == {f"{s}-7-000{n}" for s in (101, 102) for n in range(3)}
    assert {path.parent.name for path in shards(tmp_path / "out")} == {
        "Split-train",
        "Split-validation",
        "Split-test-a",
    }
    assert all(path.name.startswith("data_tfrecord-0000") for path in shards(tmp_path / "out"))
    assert (info["read"], info["written"], info["rejected"]) == (12, 12, 0)
    profile = info["splits"]["train"].pop("profile")
    assert (profile["utterances"], profile["silent"], profile["different_words"]) == (6, 0, 5)
    assert profile["characters"]["W"] == 6
    assert info["profile"]["utterances"] == 12
    assert info["subsets"]["train-a"] == {
        "utterances": 6, "samples": 6 * 3200, "hours": round(6 * 0.2 / 3600, 6), "words": 18, "speakers": 2,
        "splits": ["train"],
    }  # fmt: skip
    assert info["published"] == {}, "these are none of LibriSpeech's subsets"
    info["splits"]["train"]["profile"] = profile
    assert "<h1>corpus</h1>" in (tmp_path / "out" / "dataset.html").read_text()
    assert {**info["splits"]["train"], "profile": None} == {
        "profile": None,
        "subsets": ["train-a"], "utterances": 6, "samples": 6 * 3200, "hours": round(6 * 0.2 / 3600, 6), "words": 18,
        "speakers": 2, "shards": {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
                                  for p in shards(tmp_path / "out") if p.parent.name == "Split-train"},
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "dataset_info.json").read_text()) == info
    assert (tmp_path / "out" / "rejects.jsonl").read_text() == ""
    assert not (tmp_path / "staging").exists(), "nothing is left behind"


def test_the_shard_of_an_utterance_depends_on_its_id_alone(corpus, make_corpus, tmp_path):
    ingest(corpus, tmp_path / "one", tmp_path / "staging", IngestSettings())
    larger = make_corpus({**SUBSETS, "train-b": ["105"]}, root=tmp_path / "larger")
    ingest(larger, tmp_path / "two", tmp_path / "staging", IngestSettings())

    def places(output):
        return {u: path.name for path in shards(output) for u in (x.utterance_id for x in read_utterances([str(path)]))}

    before, after = places(tmp_path / "one"), places(tmp_path / "two")
    assert {name: after[name] for name in before} == before
    assert len(set(before.values())) > 1


def test_a_killed_job_goes_on_with_the_shards_that_it_finished(corpus, tmp_path, monkeypatch):
    ingest(corpus, tmp_path / "whole", tmp_path / "other", IngestSettings())
    import beam_jobs.librispeech.transforms as transforms

    whole = transforms.write_shard
    calls = []

    def killed_at_the_third(*arguments):
        calls.append(arguments[3:5])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(transforms, "write_shard", killed_at_the_third)
    with pytest.raises(BaseException):  # noqa: B017, PT011 — Beam decides what becomes of an interrupt
        ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert not (tmp_path / "out").exists()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "staging").glob("*/Split-*/*")}
    assert len(finished) == 2

    heard = []
    monkeypatch.setattr(transforms, "write_shard", whole)
    import beam_jobs.librispeech.shards as writing

    read = writing.read_pcm16
    monkeypatch.setattr(writing, "read_pcm16", lambda path, *rest: heard.append(path) or read(path, *rest))
    ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    already = sum(len(list(read_utterances([str(p)]))) for p in shards(tmp_path / "out") if p.name in
                  {f.name for f in finished} and p.parent.name in {f.parent.name for f in finished}
                  and p.stat().st_mtime_ns in finished.values())  # fmt: skip
    assert len(heard) == 12 - already
    assert already > 0


def spoil_audio(corpus):
    path = corpus / "train-a/101/7/101-7-0000.flac"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return "101-7-0000", r"sound|MD5|decoded"


def lie_about_md5(corpus):
    path = corpus / "train-a/101/7/101-7-0000.flac"
    content = bytearray(path.read_bytes())
    content[26] ^= 0xFF
    path.write_bytes(content)
    return "101-7-0000", "holds other sound than the MD5 in its header says"


def make_pointer(corpus):
    (corpus / "train-a/101/7/101-7-0000.flac").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    return "101-7-0000", "Git LFS pointer in place of sound"


def empty(corpus):
    (corpus / "train-a/101/7/101-7-0000.flac").write_bytes(b"")
    return "101-7-0000", "is an empty file"


def drop_audio(corpus):
    (corpus / "train-a/101/7/101-7-0000.flac").unlink()
    return "101-7-0000", "It has a transcript and no audio."


def edit_transcripts(corpus, change):
    path = corpus / "train-a/101/7/101-7.trans.txt"
    path.write_bytes(change(path.read_bytes()))


def drop_transcript(corpus):
    edit_transcripts(corpus, lambda text: text.split(b"\n", 1)[1])
    return "101-7-0000", "It has audio and no transcript."


def double_transcript(corpus):
    edit_transcripts(corpus, lambda text: text + b"101-7-0000 AGAIN\n")
    return "101-7-0000", "In line 4, its transcript stands twice."


def latin_1(corpus):
    edit_transcripts(corpus, lambda text: text.replace(b"WORD NUMBER A", b"CAF\xc9"))
    return "101-7-0000", "In line 1, the transcript must be UTF-8, and is not."


def endless_line(corpus):
    edit_transcripts(corpus, lambda text: text.replace(b"WORD NUMBER A", b"A " * 5000))
    return "101-7-0000", "must have 5000 characters at most, and has 10000"


def no_word(corpus):
    edit_transcripts(corpus, lambda text: text.replace(b"WORD NUMBER A", b"123 --"))
    return "101-7-0000", "Its transcript holds no word."


def lossy(corpus):
    edit_transcripts(corpus, lambda text: text.replace(b"WORD NUMBER A", b"ROOM 7"))
    return "101-7-0000", "Its transcript holds '7', which is spoken and would be lost; write it as words"


def foreign_line(corpus):
    edit_transcripts(corpus, lambda text: text + b"../../x HELLO\n")
    return "../../x", r"In line 4, the id must begin with 101-7-, and is '../../x'"


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_audio, lie_about_md5, make_pointer, empty, drop_audio, drop_transcript, double_transcript, latin_1,
        endless_line, no_word, lossy, foreign_line,
    ],
)  # fmt: skip
def test_what_is_wrong_is_rejected_with_its_reason(corpus, tmp_path, spoil):
    name, reason = spoil(corpus)
    info = ingest(corpus, tmp_path / "out", tmp_path / "staging", LENIENT)
    assert list(rejects(tmp_path / "out")) == [name]
    import re

    assert re.search(reason, rejects(tmp_path / "out")[name])
    assert str(corpus) not in rejects(tmp_path / "out")[name], "reasons hold no path of this machine"
    assert info["read"] == info["written"] + info["rejected"]
    assert info["rejected"] == 1
    with pytest.raises(
        DataError, match=rf"At most 0.1 % of the utterances may be rejected, and 1 of {info['read']} were"
    ):
        ingest(corpus, tmp_path / "strict", tmp_path / "staging", IngestSettings())
    assert not (tmp_path / "strict").exists()


def test_rate_channels_and_length_are_checked(corpus, tone, tmp_path):
    chapter = corpus / "train-a/101/7"
    tone(chapter / "101-7-0000.flac", 1, rate_hz=8_000)
    tone(chapter / "101-7-0001.flac", 1, channels=2)
    tone(chapter / "101-7-0002.flac", 1, seconds=0.02)
    tone(corpus / "train-a/102/7/102-7-0000.flac", 1, seconds=36)
    tone(corpus / "train-a/102/7/102-7-0001.flac", 1, subtype="PCM_24")
    ingest(corpus, tmp_path / "out", tmp_path / "staging", LENIENT)
    reasons = rejects(tmp_path / "out")
    assert reasons == {
        "101-7-0000": "Its rate must be 16000 Hz, and is 8000 Hz.",
        "101-7-0001": "train-a/101/7/101-7-0001.flac must have one channel, and has 2; mix it down first.",
        "101-7-0002": "It must have 400 samples at least, and has 320.",
        "102-7-0000": "train-a/102/7/102-7-0000.flac must have 560000 samples at most, and has 576000; cut it.",
        "102-7-0001": "train-a/102/7/102-7-0001.flac must have 16-bit samples, and has PCM_24; convert it first.",
    }


def test_a_split_of_which_nothing_is_left_fails(corpus, tmp_path):
    for path in (corpus / "test-a").rglob("*.flac"):
        path.write_bytes(b"fLaC nonsense")
    with pytest.raises(
        DataError, match="The split test-a must hold an utterance, and all of its utterances were rejected"
    ):
        ingest(corpus, tmp_path / "out", tmp_path / "staging", LENIENT)


def test_without_a_dev_subset_speakers_validate_by_the_hash_of_their_ids(make_corpus):
    corpus = make_corpus({"train-a": [str(n) for n in range(201, 221)], "test-a": ["300"]}, utterances=1)
    chapters = inspect_corpus(corpus).chapters
    chosen = {chapter.speaker_id for chapter in chapters if chapter.split == "validation"}
    expected = sorted((str(n) for n in range(201, 221)), key=lambda s: hashlib.sha256(s.encode()).hexdigest())[:2]
    assert chosen == set(expected)
    assert inspect_corpus(corpus).splits == {"test-a": ("test-a",), "train": ("train-a",), "validation": ("train-a",)}


def test_a_changed_corpus_has_another_fingerprint(corpus):
    before = inspect_corpus(corpus).fingerprint
    assert inspect_corpus(corpus).fingerprint == before
    with open(corpus / "train-a/101/7/101-7.trans.txt", "a") as file:
        file.write("\n")
    assert inspect_corpus(corpus).fingerprint != before


def test_a_corpus_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--corpus must be a directory .*; .*nowhere does not exist"):
        inspect_corpus(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"A corpus must hold utterances as <subset>/<speaker>/.* holds none"):
        inspect_corpus(tmp_path)


def test_a_speaker_in_two_splits_is_refused(make_corpus):
    corpus = make_corpus({"train-a": ["101"], "dev-a": ["102"], "test-a": ["101"]})
    with pytest.raises(DataError, match="must share no speaker, and speaker 101 is in test-a and in train"):
        inspect_corpus(corpus)


def test_the_command_prints_the_counts_or_one_sentence(corpus, tmp_path, capsys):
    assert main(["--corpus", str(corpus), "--output", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
    assert main(["--corpus", str(tmp_path / "no"), "--output", str(tmp_path / "out2")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["--corpus", str(corpus), "--output", str(tmp_path / "o"), "--max-reject-fraction", "2"]) == 2
    assert "must be in [0, 1], not 2.0" in capsys.readouterr().err


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigurationError, match=r"max_samples must be ingest.min_samples, 500, at least, not 400"):
        IngestSettings(min_samples=500, max_samples=400)


def test_sound_that_would_be_left_out_is_an_error(corpus, tone):
    tone(corpus / "train-a" / "101" / "101-7-0009.flac", 1)
    with pytest.raises(DataError, match=r"and this does not: train-a/101/101-7-0009\.flac, in "):
        inspect_corpus(corpus)
    (corpus / "train-a" / "101" / "101-7-0009.flac").rename(corpus / "train-a" / "101" / "7" / "101-7-0009.FLAC")
    with pytest.raises(DataError, match=r"and this does not: train-a/101/7/101-7-0009\.FLAC, in "):
        inspect_corpus(corpus)


def test_a_link_that_leads_nowhere_is_an_error(corpus):
    (corpus / "train-a" / "101" / "7" / "101-7-0009.flac").symlink_to("nowhere.flac")
    with pytest.raises(DataError, match=r"must be readable, and .*101-7-0009\.flac is not: No such file"):
        inspect_corpus(corpus)


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({"test-a": ["1"]}, "begins with 'train'"),
        ({"train-a": ["1"], "test-a": ["2"]}, "begins with 'dev', or two training speakers at least"),
        ({"train-a": ["1", "2"]}, "begins with 'test', on which the model is judged"),
    ],
)
def test_a_whole_run_needs_training_validation_and_test(make_corpus, subsets, message):
    summary = inspect_corpus(make_corpus(subsets))
    with pytest.raises(DataError, match=message):
        require_splits(summary)


def test_an_output_that_holds_something_else_is_left_alone(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("chapter one")
    with pytest.raises(UsageError, match="holds something else"):
        ingest(corpus, tmp_path / "mine", tmp_path / "staging", IngestSettings())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["novel.txt"]


def test_of_an_earlier_output_no_split_stays(corpus, make_corpus, tmp_path):
    ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    other = make_corpus({"train-b": ["1", "2"], "test-b": ["3"]}, root=tmp_path / "other")
    ingest(other, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert {path.parent.name for path in shards(tmp_path / "out")} == {
        "Split-train",
        "Split-validation",
        "Split-test-b",
    }


@pytest.mark.real_data
def test_real_librispeech_goes_in_whole(real_data, tmp_path):
    info = ingest(real_data / "LibriSpeech", tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert (info["read"], info["rejected"]) == (219, 0)
    lines = [
        line.split(" ", 1)
        for path in (real_data / "LibriSpeech").glob("*/*/*/*.trans.txt")
        for line in path.read_text().splitlines()
    ]
    written = records(tmp_path / "out")
    assert all(written[name].transcript == text for name, text in lines if name in written)
    assert len(written) == 219


def test_large_splits_have_more_shards():
    auto = IngestSettings()
    assert [auto.num_shards(count) for count in (0, 1, 4_000, 4_001, 281_241)] == [8, 8, 8, 16, 568]
    assert auto.num_shards(10**9) == 99_999
    assert IngestSettings(num_shards_per_split=3).num_shards(281_241) == 3
    with pytest.raises(ConfigurationError, match="num_shards_per_split must be 1 to 99999, or None, not 0"):
        IngestSettings(num_shards_per_split=0)


def test_lossy_transcripts_are_taken_when_asked(corpus, tmp_path):
    lossy(corpus)
    chosen = IngestSettings(manifest=ManifestSettings(keep_lossy_transcripts=True))
    assert ingest(corpus, tmp_path / "out", tmp_path / "staging", chosen)["written"] == 12
    assert records(tmp_path / "out")["101-7-0000"].transcript == "ROOM"


@pytest.mark.parametrize("settings", [LENIENT, IngestSettings(transcripts="none", num_shards_per_split=3)])
def test_without_beam_the_same_is_written(corpus, tmp_path, settings):
    (corpus / "train-a/101/7/101-7-0001.flac").write_bytes(b"no sound")
    chosen = IngestSettings(**{**vars(settings), "max_reject_fraction": 1.0})
    by_beam = ingest(corpus, tmp_path / "beam", tmp_path / "staging", chosen)
    alone = ingest(corpus, tmp_path / "alone", tmp_path / "staging", chosen, make_pipeline=None)
    assert alone == by_beam
    assert alone["rejected"] == 1
    assert digests(tmp_path / "alone") == digests(tmp_path / "beam")
    assert not (tmp_path / "staging").exists()


def test_without_beam_too_many_rejects_fail_it_likewise(corpus, tmp_path):
    (corpus / "train-a/101/7/101-7-0001.flac").write_bytes(b"no sound")
    with pytest.raises(DataError, match="At most 0.1 % of the utterances may be rejected, and 1 of 12 were"):
        ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings(), make_pipeline=None)
    assert not (tmp_path / "out").exists()
