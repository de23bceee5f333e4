"""Writes the synthetic corpus in LibriSpeech's layout."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from beam_jobs.synthetic_corpus.sentences import broad_sentence, grammar_sentence
from beam_jobs.synthetic_corpus.settings import CORPUS_VERSION, SyntheticCorpusSettings
from beam_jobs.synthetic_corpus.speakers import Speaker, speakers
from beam_jobs.synthetic_corpus.voice import Voice
from model import progress
from model.settings import to_mapping
from model.storage import replacing_directory, require_replaceable

INFO_FILE = "corpus.json"
_RATE_HZ = 16_000
_TEXTS = {"grammar": grammar_sentence, "broad": broad_sentence}

_README = """Synthetic speech in the layout of LibriSpeech.

No person speaks here: every utterance was made by espeak-ng, from {text}.
It serves to try and test the pipeline without a download; a recogniser trained on it does not understand people.
Subsets share neither a speaker nor a sentence.
"""
_TEXT_IN_WORDS = {
    "grammar": "sentences of a small grammar of some 60 words",
    "broad": "random sequences of common English words",
}


def generate(output_dir: str | Path, settings: SyntheticCorpusSettings) -> dict[str, Any]:
    """Writes the corpus, unless the one of these settings is there already.

    Args:
      output_dir: Where it appears, whole or not at all; below it lie SPEAKERS.TXT, CHAPTERS.TXT and the subsets.
      settings: What to make.

    Returns:
      The content of `corpus.json`: version, settings, and utterances, words, speakers and seconds of each subset.

    Raises:
      UsageError: espeak-ng is not installed, or the place holds something that is no synthetic corpus.
      DiskFullError: there is no room left.
    """
    root = Path(output_dir)
    wanted = {"version": CORPUS_VERSION, "settings": to_mapping(settings)}
    info = _read_info(root)
    if info is not None and {name: info.get(name) for name in wanted} == wanted:
        return info
    require_replaceable(root, INFO_FILE)
    voice = Voice()
    cast = speakers(settings)
    seconds_each = settings.minutes * 60 / len(cast)
    subsets: dict[str, dict[str, Any]] = {}
    said: set[str] = set()
    minutes_by_speaker: dict[str, float] = {}
    with replacing_directory(root) as temporary:
        for index, speaker in enumerate(cast):
            counts = subsets.setdefault(
                speaker.subset, {"speakers": 0, "utterances": 0, "words": 0, "seconds": 0.0, "sentences_sha256": ""}
            )
            spoken = 0.0
            transcripts: list[str] = []
            directory = temporary / speaker.subset / speaker.speaker_id / _chapter_id(speaker)
            directory.mkdir(parents=True)
            for number, sentence in enumerate(_sentences(settings, speaker, said)):
                samples = _record(voice, speaker, sentence)
                utterance_id = f"{speaker.speaker_id}-{_chapter_id(speaker)}-{number:04d}"
                _write_flac(directory / f"{utterance_id}.flac", samples)
                transcripts.append(f"{utterance_id} {sentence}")
                counts["words"] += len(sentence.split())
                spoken += len(samples) / _RATE_HZ
                if spoken >= seconds_each:
                    break
            (directory / f"{speaker.speaker_id}-{_chapter_id(speaker)}.trans.txt").write_text(
                "\n".join(transcripts) + "\n", encoding="utf-8"
            )
            counts["speakers"] += 1
            counts["utterances"] += len(transcripts)
            counts["seconds"] = round(counts["seconds"] + spoken, 3)
            minutes_by_speaker[speaker.speaker_id] = spoken / 60
            progress.report(index + 1, len(cast), "speakers", f"{sum(minutes_by_speaker.values()):.0f} min of speech")
        for name, counts in subsets.items():
            counts["sentences_sha256"] = _sentences_sha256(temporary / name)
        info = {**wanted, "subsets": subsets}
        (temporary / "README.TXT").write_text(_README.format(text=_TEXT_IN_WORDS[settings.text]), encoding="utf-8")
        (temporary / "SPEAKERS.TXT").write_text(_speakers_table(cast, minutes_by_speaker), encoding="utf-8")
        (temporary / "CHAPTERS.TXT").write_text(_chapters_table(cast, minutes_by_speaker), encoding="utf-8")
        (temporary / INFO_FILE).write_text(json.dumps(info, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return info


def _read_info(root: Path) -> dict[str, Any] | None:
    path = root / INFO_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _sentences(settings: SyntheticCorpusSettings, speaker: Speaker, said: set[str]) -> Iterator[str]:
    """Yields sentences that nobody has said before, so that no two subsets share one."""
    source = random.Random(f"sentences {settings.text} {settings.seed} {speaker.speaker_id}")  # noqa: S311
    make = _TEXTS[settings.text]
    while True:
        sentence = make(source)
        if sentence not in said:
            said.add(sentence)
            yield sentence


def _record(voice: Voice, speaker: Speaker, sentence: str) -> np.ndarray[Any, Any]:
    """Returns int16 `[samples]` at 16 kHz: the sentence, with the speaker's level and the noise of the room."""
    import soxr

    spoken = voice.speak(speaker, sentence).astype(np.float64) / 32768
    resampled = soxr.resample(spoken, voice.rate_hz, _RATE_HZ)
    seed = int.from_bytes(hashlib.sha256(f"{speaker.speaker_id} {sentence}".encode()).digest()[:8], "big")
    noise = np.random.default_rng(seed).normal(scale=speaker.noise, size=resampled.shape)
    return np.clip(np.rint((resampled * speaker.gain + noise) * 32767), -32768, 32767).astype(np.int16)


def _write_flac(path: Path, samples: np.ndarray[Any, Any]) -> None:
    import soundfile

    soundfile.write(path, samples, _RATE_HZ, format="FLAC", subtype="PCM_16")


def _chapter_id(speaker: Speaker) -> str:
    return f"1{speaker.speaker_id}"


def _sentences_sha256(subset: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(subset.glob("*/*/*.trans.txt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _speakers_table(cast: list[Speaker], minutes: dict[str, float]) -> str:
    lines = [
        "; Metadata of the synthetic speakers, parted by pipes.",
        ";ID  |SEX| SUBSET           |MINUTES| NAME",
        *(
            f"{s.speaker_id:<5}| {s.gender} | {s.subset:<17}| {minutes[s.speaker_id]:<6.2f}| espeak-ng {s.voice}"
            for s in cast
        ),
    ]
    return "\n".join(lines) + "\n"


def _chapters_table(cast: list[Speaker], minutes: dict[str, float]) -> str:
    lines = [
        "; Metadata of the synthetic chapters, one for each speaker, parted by pipes.",
        ";ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE",
        *(
            f"{_chapter_id(s):<7}| {s.speaker_id:<5}| {minutes[s.speaker_id]:<6.2f}| {s.subset:<17}| 0    | 0     |"
            " Synthetic | Synthetic speech"
            for s in cast
        ),
    ]
    return "\n".join(lines) + "\n"
