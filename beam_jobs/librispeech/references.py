"""References to utterances: all that crosses a shuffle, and what is rejected without listening."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

from beam_jobs import places
from beam_jobs.librispeech.corpus import Chapter
from model.text import normalise_english

# What the normal forms are made of, so that a vocabulary can be checked before anything is trained.
LETTERS = {"english": "ABCDEFGHIJKLMNOPQRSTUVWXYZ' "}
NORMALISERS: dict[str, Callable[[str], str]] = {"english": normalise_english}
# The longest line of LibriSpeech has fewer than 600 characters; one beyond this is no transcript.
_MAX_TRANSCRIPT_CHARACTERS = 5_000


@dataclasses.dataclass(frozen=True)
class Reference:
    """Where an utterance is, and what is known of it before it is heard; a few hundred bytes.

    Attributes:
      utterance_id: As its file is called, or its manifest calls it.
      path: Of its audio: below the corpus's root, or absolute.
      speaker_id: Who speaks.
      chapter_id: In which recording; empty where there are no chapters.
      gender: `F`, `M`, or empty where unknown.
      subset: The subset of the corpus.
      split: The TFX split that it belongs to.
      transcript: In its normal form.
      any_format: Whether its audio may have any format, rate and number of channels; LibriSpeech's has one.
    """

    utterance_id: str
    path: str
    speaker_id: str
    chapter_id: str
    gender: str
    subset: str
    split: str
    transcript: str
    any_format: bool = False

    def shard(self, num_shards: int) -> int:
        """Returns the number of the shard that it lands in, which depends on its id alone."""
        return int.from_bytes(hashlib.sha256(self.utterance_id.encode()).digest()[:8], "big") % num_shards


@dataclasses.dataclass(frozen=True)
class Reject:
    """An utterance that does not become a record.

    Attributes:
      utterance_id: As its file, or its line, is called.
      path: Of what was looked at, below the corpus's root.
      reason: A sentence.
      split: The split that it would belong to.
    """

    utterance_id: str
    path: str
    reason: str
    split: str


def read_references(root: str, chapter: Chapter, normaliser: str) -> list[Reference | Reject]:
    """Returns a reference or a reject for every file of sound and every line of a transcript of a chapter."""
    directory = places.join(root, chapter.directory)
    files = places.list_names(directory)
    prefix = f"{chapter.speaker_id}-{chapter.chapter_id}"
    transcripts_path = f"{chapter.directory}/{prefix}.trans.txt"
    outcomes: list[Reference | Reject] = []
    transcripts: dict[str, str] = {}
    for number, line in enumerate(_lines(directory, f"{prefix}.trans.txt", files), start=1):
        utterance_id, _, raw = line.partition(b" ")
        name = utterance_id.decode("utf-8", errors="replace")
        fault = _fault_of_line(name, raw, prefix)
        if name in transcripts:
            fault = "its transcript stands twice"
        if fault:
            outcomes.append(
                Reject(name[:200], f"{transcripts_path}:{number}", f"In line {number}, {fault}.", chapter.split)
            )
            continue
        transcripts[name] = raw.decode("utf-8")
    sounds = {name.removesuffix(".flac") for name in files if name.endswith(".flac")}
    told = {outcome.utterance_id for outcome in outcomes}
    normalise = NORMALISERS[normaliser]
    for name in sorted(transcripts.keys() | sounds):
        audio = f"{chapter.directory}/{name}.flac"
        if name not in sounds:
            outcomes.append(Reject(name, transcripts_path, "It has a transcript and no audio.", chapter.split))
        elif name not in transcripts:
            if name not in told:
                outcomes.append(Reject(name, audio, "It has audio and no transcript.", chapter.split))
        elif not (transcript := normalise(transcripts[name])):
            outcomes.append(Reject(name, transcripts_path, "Its transcript holds no word.", chapter.split))
        else:
            outcomes.append(
                Reference(
                    name,
                    audio,
                    chapter.speaker_id,
                    chapter.chapter_id,
                    chapter.gender,
                    chapter.subset,
                    chapter.split,
                    transcript,
                )
            )
    return outcomes


def _lines(directory: str, name: str, files: list[str]) -> list[bytes]:
    if name not in files:
        return []
    return [line for line in places.read_bytes(places.join(directory, name)).splitlines() if line.strip()]


def _fault_of_line(name: str, raw: bytes, prefix: str) -> str:
    if not name.startswith(f"{prefix}-") or "/" in name or len(name) > 200:
        return f"the id must begin with {prefix}-, and is {name[:60]!r}"
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "the transcript must be UTF-8, and is not"
    if len(text) > _MAX_TRANSCRIPT_CHARACTERS:
        return f"the transcript must have {_MAX_TRANSCRIPT_CHARACTERS} characters at most, and has {len(text)}"
    return ""
