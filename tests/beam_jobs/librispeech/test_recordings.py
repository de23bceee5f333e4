"""A person's own recordings: from a manifest to records."""

import json

import numpy as np
import pytest
import soundfile

from beam_jobs.librispeech import IngestSettings, inspect_corpus, require_splits
from beam_jobs.librispeech.ingest import ingest
from model.errors import DataError
from model.examples import read_utterances

LENIENT = IngestSettings(max_reject_fraction=1.0)
ROWS = (
    ("anna", "train", "one.wav", 44_100, 2, "Good morning!"),
    ("anna", "train", "two.flac", 16_000, 1, "Good evening"),
    ("bert", "validation", "three.ogg", 22_050, 1, "it's late"),
    ("cleo", "test", "four.wav", 8_000, 1, "who knows"),
)


@pytest.fixture
def manifest(tmp_path):
    directory = tmp_path / "mine"
    (directory / "clips").mkdir(parents=True)
    lines = ["audio\ttext\tspeaker\tsplit"]
    for number, (speaker, split, name, rate_hz, channels, text) in enumerate(ROWS):
        time = np.arange(rate_hz) / rate_hz
        tone = 0.3 * np.sin(2 * np.pi * (200 + 50 * number) * time)
        soundfile.write(directory / "clips" / name, np.repeat(tone[:, None], channels, axis=1), rate_hz)
        lines.append(f"clips/{name}\t{text}\t{speaker}\t{split}")
    path = directory / "speech.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def records(output):
    return {u.transcript: u for u in read_utterances(map(str, sorted(output.glob("Split-*/*"))))}


def test_recordings_of_any_format_become_records(manifest, tmp_path):
    info = ingest(manifest, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert (info["read"], info["written"], info["rejected"]) == (4, 4, 0)
    assert {name: split["utterances"] for name, split in info["splits"].items()} == {
        "test": 1, "train": 2, "validation": 1,
    }  # fmt: skip
    found = records(tmp_path / "out")
    assert set(found) == {"GOOD MORNING", "GOOD EVENING", "IT'S LATE", "WHO KNOWS"}
    for utterance in found.values():
        assert utterance.sample_rate_hz == 16_000
        assert abs(len(utterance.samples) - 16_000) <= 1, "a second stays a second"
        assert utterance.subset == "speech"
        assert utterance.chapter_id == ""
    exact, _ = soundfile.read(manifest.parent / "clips" / "two.flac", dtype="int16")
    np.testing.assert_array_equal(found["GOOD EVENING"].samples, exact)
    assert found["WHO KNOWS"].speaker_id == "cleo"
    assert info["speakers_known"] is True


def test_what_is_faulty_is_rejected_with_its_reason(manifest, tmp_path):
    with manifest.open("ab") as file:
        file.write(b"clips/five.wav\tno such file\tanna\ttrain\n")
        file.write("clips/six.wav\tcaf\u00e9\tanna\ttrain\n".encode("latin-1"))
        file.write(b"clips/one.wav\tonce more\tanna\ttrain\n")
    with pytest.raises(DataError, match=r"At most 0.1 % .* and 3 of 7 were"):
        ingest(manifest, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert not (tmp_path / "out").exists()
    info = ingest(manifest, tmp_path / "out", tmp_path / "staging", LENIENT)
    assert (info["read"], info["written"], info["rejected"]) == (7, 4, 3)
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    told = " ".join(reasons)
    for part in ("five.wav", "In line 7", "UTF-8", "In line 8", "stands in line 2 already"):
        assert part in told


def test_the_fingerprint_follows_manifest_and_sound(manifest):
    before = inspect_corpus(manifest)
    assert (before.utterances, before.root) == (4, str(manifest))
    require_splits(before)
    assert inspect_corpus(manifest).fingerprint == before.fingerprint
    sound = manifest.parent / "clips" / "one.wav"
    sound.write_bytes(sound.read_bytes() + b"\0")
    changed = inspect_corpus(manifest).fingerprint
    assert changed != before.fingerprint
    manifest.write_text(manifest.read_text().replace("morning", "day"))
    assert inspect_corpus(manifest).fingerprint not in (changed, before.fingerprint)


def test_a_speaker_in_two_splits_is_refused(manifest):
    manifest.write_text(manifest.read_text().replace("bert", "anna"))
    with pytest.raises(DataError, match="Splits must share no speaker, .* speaker anna is in train .* in validation"):
        inspect_corpus(manifest)


def test_a_manifest_without_splits_gets_them_by_speaker(manifest):
    lines = [line.rsplit("\t", 1)[0] for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join(lines) + "\n")
    assert set(inspect_corpus(manifest).splits) == {"train", "validation", "test"}
