"""The synthetic corpus: its layout, its promises, its bytes."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from beam_jobs.synthetic_corpus import SyntheticCorpusSettings, generate
from beam_jobs.synthetic_corpus.sentences import GRAMMAR_WORDS, broad_words
from beam_jobs.synthetic_corpus.speakers import speakers
from model.errors import ConfigurationError, UsageError
from model.text import normalise_english

SMALL = SyntheticCorpusSettings(minutes=0.6, train_speakers=3, dev_speakers=1, test_speakers=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "corpus"
    return root, generate(root, SMALL)


def transcripts(root, subset="*"):
    return dict(
        line.split(" ", 1)
        for path in sorted(root.glob(f"{subset}/*/*/*.trans.txt"))
        for line in path.read_text().splitlines()
    )


def tree_digest(root):
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(root)}".encode() + path.read_bytes())
    return digest.hexdigest()


def test_the_layout_is_that_of_librispeech(corpus):
    root, info = corpus
    assert {path.name for path in root.iterdir()} == {
        "README.TXT", "SPEAKERS.TXT", "CHAPTERS.TXT", "corpus.json", "train-synthetic", "dev-synthetic",
        "test-synthetic",
    }  # fmt: skip
    sounds = {path.stem: path for path in root.glob("*/*/*/*.flac")}
    assert set(sounds) == set(transcripts(root))
    for name, path in sounds.items():
        speaker, chapter, number = name.split("-")
        assert path.parts[-3:-1] == (speaker, chapter)
        assert len(number) == 4
    assert sum(subset["utterances"] for subset in info["subsets"].values()) == len(sounds)
    table = [line.split("|") for line in (root / "SPEAKERS.TXT").read_text().splitlines() if not line.startswith(";")]
    assert [(row[0].strip(), row[1].strip(), row[2].strip()) for row in table] == [
        (speaker.speaker_id, speaker.gender, speaker.subset) for speaker in speakers(SMALL)
    ]


def test_every_utterance_is_16_khz_mono_16_bit_speech(corpus):
    root, info = corpus
    seconds = 0.0
    for path in root.glob("*/*/*/*.flac"):
        samples, rate_hz = soundfile.read(path)
        details = soundfile.info(path)
        assert (rate_hz, details.channels, details.subtype) == (16_000, 1, "PCM_16")
        assert 1.0 < len(samples) / rate_hz < 8.0
        assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.5, "neither silent nor overdriven"
        assert np.mean(np.abs(samples) > 0.999) < 1e-3
        seconds += len(samples) / rate_hz
    assert 36 <= seconds <= 36 + 6 * 8, "the minutes that were asked for, and at most one utterance more each"
    assert sum(subset["seconds"] for subset in info["subsets"].values()) == pytest.approx(seconds, abs=0.01)


def test_subsets_share_neither_a_speaker_nor_a_sentence(corpus):
    root, _ = corpus
    spoken = {name: transcripts(root, name) for name in ("train-synthetic", "dev-synthetic", "test-synthetic")}
    every = [sentence for lines in spoken.values() for sentence in lines.values()]
    assert len(set(every)) == len(every)
    ids = [utterance.split("-")[0] for lines in spoken.values() for utterance in sorted(lines)]
    assert len(set(ids)) == 6
    assert all(set(sentence.split()) <= GRAMMAR_WORDS for sentence in every)


def test_equal_settings_give_equal_bytes_in_another_process_too(corpus, tmp_path):
    root, _ = corpus
    command = [
        sys.executable, "-m", "beam_jobs.synthetic_corpus", "--output", str(tmp_path / "again"), "--minutes", "0.6",
        "--train-speakers", "3", "--dev-speakers", "1", "--test-speakers", "2",
    ]  # fmt: skip
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    assert '"minutes": 0.6' in printed.stdout
    assert printed.stderr == ""
    assert tree_digest(tmp_path / "again") == tree_digest(root)


def test_a_corpus_that_is_there_is_not_made_again(corpus):
    root, info = corpus
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert generate(root, SMALL) == info
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_the_default_corpus_has_28_speakers_no_two_alike():
    cast = speakers(SyntheticCorpusSettings())
    assert len(cast) == 28
    assert len({(s.voice, s.pitch) for s in cast}) == 28
    assert {s.gender for s in cast if s.subset == "test-synthetic"} == {"F", "M"}
    assert 55 <= len(GRAMMAR_WORDS) <= 70


def test_the_broad_corpus_has_other_voices_and_other_text(tmp_path):
    settings = SyntheticCorpusSettings(text="broad", minutes=0.2, train_speakers=2, dev_speakers=1, test_speakers=0)
    info = generate(tmp_path / "broad", settings)
    assert set(info["subsets"]) == {"train-synthetic", "dev-synthetic"}
    large = SyntheticCorpusSettings(text="broad", train_speakers=300)
    default = {(s.voice, s.pitch) for s in speakers(SyntheticCorpusSettings())}
    assert not default & {(s.voice, s.pitch) for s in speakers(large)}
    assert len({(s.voice, s.pitch) for s in speakers(large)}) == large.speakers
    for sentence in transcripts(tmp_path / "broad").values():
        assert not set(sentence.split()) <= GRAMMAR_WORDS, "so it is no sentence of the grammar"
        assert set(sentence.split()) <= set(broad_words())
    assert all(normalise_english(word) == word for word in broad_words())
    assert len(broad_words()) > 1_500


def test_a_missing_wheel_is_said_with_its_mend(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UsageError, match=r"needs the package espeakng-loader, .* install wav2vec2-tfx\[synthetic\]"):
        generate(tmp_path / "corpus", SMALL)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minutes": 0}, r"minutes must be in \(0, 6000\], not 0"),
        ({"train_speakers": 0}, r"train_speakers must be at least 1, not 0"),
        ({"train_speakers": 500}, r"can tell 400 speakers apart, and 510 are asked for"),
        ({"test_speakers": -1}, r"test_speakers must be 0 or more, not -1"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        SyntheticCorpusSettings(**fields)
