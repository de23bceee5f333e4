"""Recordings without words, for pre-training: every kind of corpus, from files to records."""

import json
import re
import tarfile

import pytest

from beam_jobs.librispeech import IngestSettings, inspect_corpus, require_splits
from beam_jobs.librispeech.ingest import ingest
from beam_jobs.librispeech.obtain import obtain_corpus
from model.errors import ConfigurationError, DataError
from model.examples import read_utterances
from model.settings import from_mapping

SOUND = IngestSettings(transcripts="none", num_shards_per_split=1)
SUBSETS = {"train-a": ["11", "12", "13"], "dev-a": ["21"]}


@pytest.fixture
def silent(make_corpus):
    """A corpus in LibriSpeech's layout without any transcript."""
    root = make_corpus(SUBSETS)
    for path in root.glob("*/*/*/*.trans.txt"):
        path.unlink()
    return root


@pytest.fixture
def folder(tmp_path, tone):
    """A folder of recordings of several formats, at several depths, with what is no sound beside them."""
    root = tmp_path / "memos"
    (root / "2024" / "May").mkdir(parents=True)
    for number in range(12):
        tone(root / f"memo {number}.wav", number, rate_hz=8_000)
    tone(root / "2024" / "lecture.FLAC", 30, channels=2)
    tone(root / "2024" / "May" / "talk.ogg", 40, rate_hz=22_050, subtype="VORBIS")
    (root / "notes.txt").write_text("not sound")
    return root


def run(corpus, tmp_path, settings=SOUND):
    info = ingest(corpus, tmp_path / "out", tmp_path / "staging", settings)
    found = {
        split: list(read_utterances(map(str, sorted((tmp_path / "out" / f"Split-{split}").glob("*")))))
        for split in info["splits"]
    }
    return info, found


def test_librispeech_s_layout_without_transcripts(silent, tmp_path):
    info, found = run(silent, tmp_path)
    assert (info["read"], info["written"], info["rejected"]) == (12, 12, 0)
    assert sorted(u.utterance_id for u in found["validation"]) == ["21-7-0000", "21-7-0001", "21-7-0002"]
    for utterance in (*found["train"], *found["validation"]):
        assert utterance.transcript == ""
        assert utterance.speaker_id == utterance.utterance_id.partition("-")[0]
    assert info["splits"]["train"]["words"] == 0
    assert info["splits"]["train"]["speakers"] == 3
    assert info["speakers_known"] is True
    with pytest.raises(DataError, match="It has audio and no transcript"):
        ingest(silent, tmp_path / "other", tmp_path / "staging", IngestSettings())


def test_transcripts_that_are_there_are_not_looked_at(make_corpus, tmp_path):
    root = make_corpus(SUBSETS)
    (root / "train-a" / "11" / "7" / "11-7.trans.txt").write_bytes(b"\xff broken")
    (root / "train-a" / "elsewhere.trans.txt").write_text("11-7-0000 ASTRAY\n")
    info, found = run(root, tmp_path)
    assert (info["written"], info["rejected"]) == (12, 0)
    assert {utterance.transcript for utterance in found["train"]} == {""}


def test_without_a_dev_subset_training_speakers_validate(make_corpus):
    root = make_corpus({"train-a": [str(speaker) for speaker in range(20)]})
    corpus = inspect_corpus(root, SOUND)
    assert dict(corpus.utterances_by_split) == {"train": 54, "validation": 6}
    require_splits(corpus, is_tested=False)
    with pytest.raises(DataError, match="must have a subset whose name begins with 'test'"):
        require_splits(corpus)


def test_a_file_of_another_name_is_a_reject(silent, tmp_path, tone):
    tone(silent / "train-a" / "11" / "7" / "99-7-0000.flac", 5)
    info, _ = run(silent, tmp_path, IngestSettings(transcripts="none", max_reject_fraction=1.0))
    (reject,) = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert reject["reason"] == "Its name cannot be used: the id must begin with 11-7-, and is '99-7-0000'."
    assert (info["read"], info["written"], info["rejected"]) == (13, 12, 1)


def test_an_archive_without_transcripts(silent, tmp_path):
    with tarfile.open(tmp_path / "train-a.tar.gz", "w:gz") as archive:
        archive.add(silent / "train-a", "LibriSpeech/train-a")
    corpus = obtain_corpus(str(tmp_path / "train-a.tar.gz"), tmp_path / "corpora")
    info, found = run(corpus.root, tmp_path)
    assert {split: len(utterances) for split, utterances in found.items()} == {"train": 6, "validation": 3}
    assert info["rejected"] == 0


def test_a_folder_gives_all_that_is_sound_in_it(folder, tmp_path):
    info, found = run(folder, tmp_path)
    assert (info["read"], info["written"], info["rejected"]) == (14, 14, 0)
    assert info["speakers_known"] is False
    utterances = [*found["train"], *found["validation"]]
    assert set(found) == {"train", "validation"}
    assert len({utterance.utterance_id for utterance in utterances}) == 14
    assert {u.speaker_id for u in utterances} == {f"recording:{u.utterance_id}" for u in utterances}
    assert {(u.subset, u.transcript, u.sample_rate_hz) for u in utterances} == {("memos", "", 16_000)}
    for utterance in utterances:
        assert abs(len(utterance.samples) - 3_200) <= 1, "0.2 s stay 0.2 s, whatever the rate was"
    (talk,) = [u.utterance_id for u in utterances if "talk" in u.utterance_id]
    assert re.fullmatch(r"2024-May-talk-[0-9a-f]{12}", talk)


def test_a_folder_s_splits_depend_on_its_names_alone(folder, tmp_path):
    first = inspect_corpus(folder, SOUND)
    require_splits(first, is_tested=False)
    moved = folder.rename(tmp_path / "elsewhere")
    second = inspect_corpus(moved, SOUND)
    assert (second.utterances_by_split, second.fingerprint) == (first.utterances_by_split, first.fingerprint)
    (moved / "memo 3.wav").unlink()
    assert inspect_corpus(moved, SOUND).fingerprint != first.fingerprint


def test_what_is_no_sound_in_a_folder_is_rejected_by_its_name(folder, tmp_path):
    (folder / "broken.wav").write_bytes(b"RIFF")
    (folder / "tab\there.wav").write_bytes(b"RIFF")
    info, _ = run(folder, tmp_path, IngestSettings(transcripts="none", max_reject_fraction=1.0))
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert (info["read"], info["written"]) == (16, 14)
    assert sorted(reject["path"] for reject in rejects) == ["broken.wav", "tab\\there.wav"]
    assert any("must have no control characters" in reject["reason"] for reject in rejects)


def test_a_folder_without_sound_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("nothing")
    with pytest.raises(
        DataError, match=r"must hold files that end in \.flac, \.wav, .*empty holds none that can be used"
    ):
        inspect_corpus(tmp_path / "empty", SOUND)


def test_a_folder_has_no_subsets(folder):
    settings = IngestSettings(transcripts="none", subsets=("train-a",))
    with pytest.raises(DataError, match="nothing in .*memos lies so; leave them out"):
        inspect_corpus(folder, settings)


def test_a_folder_is_none_where_transcripts_are_asked_for(folder):
    with pytest.raises(DataError, match="A corpus must hold utterances as <subset>"):
        inspect_corpus(folder, IngestSettings())


@pytest.mark.parametrize("kind", ["tsv", "jsonl"])
def test_a_manifest_needs_no_text(folder, tmp_path, kind):
    names = sorted(path.name for path in folder.glob("*.wav"))
    if kind == "tsv":
        lines = ["audio\tspeaker", *(f"{name}\tperson {number}" for number, name in enumerate(names))]
    else:
        lines = [json.dumps({"audio": name, "speaker": f"person {number}"}) for number, name in enumerate(names)]
    manifest = folder / f"mine.{kind}"
    manifest.write_text("\n".join(lines) + "\n")
    info, found = run(manifest, tmp_path)
    assert set(found) == {"train", "validation"}, "nobody is put aside to be tested on"
    assert info["written"] == 12
    assert {utterance.transcript for utterance in found["train"]} == {""}
    with pytest.raises(DataError, match="audio and text at least|the transcript is empty"):
        ingest(manifest, tmp_path / "other", tmp_path / "staging", IngestSettings())


def test_the_page_says_nothing_of_words(folder, silent, tmp_path):
    run(folder, tmp_path)
    page = (tmp_path / "out" / "dataset.html").read_text()
    assert "Transcripts were not asked for" in page
    assert "whether splits share a speaker is not known" in page
    for title in ("Words", "Different words", "Vocabulary", "Characters per second", "Words per utterance"):
        assert title not in page
    assert "Duration" in page


def test_settings_know_two_words():
    with pytest.raises(ConfigurationError, match="transcripts must be one of 'required', 'none', not 'some'"):
        from_mapping(IngestSettings, {"transcripts": "some"})
