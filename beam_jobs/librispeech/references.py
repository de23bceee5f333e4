"""References to utterances: all that crosses a shuffle, and what is rejected without listening."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

from beam_jobs import places
from beam_jobs.librispeech.corpus import SOUND_SUFFIX, TRANSCRIPTS_SUFFIX, Chapter
from beam_jobs.librispeech.manifest_fields import LineError, shown
from beam_jobs.librispeech.manifest_fields import transcript as normal_transcript

# The longest line of LibriSpeech has fewer than 600 characters; one beyond this is no transcript.
_MAX_TRANSCRIPT_CHARACTERS = 5_000
_MAX_ID_CHARACTERS = 200


@dataclasses.dataclass(frozen=True)
class Reference:
    """Where an utterance is, and what is known of it before it is heard; a few hundred bytes.

    Attributes:
      utterance_id: As its file is called, or its manifest calls it.
      path: Of its audio: below the corpus's root, or as its manifest has it.
      speaker_id: Who speaks.
      chapter_id: In which recording; empty where there are no chapters.
      gender: `F`, `M`, or empty where unknown.
      subset: The subset of the corpus.
      split: The TFX split that it belongs to.
      transcript: In its normal form; empty where none are asked for.
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


def read_sounds(root: str, chapter: Chapter) -> list[Reference | Reject]:
    """Returns a reference without a transcript, or a reject, for every file of sound of a chapter."""
    outcomes: list[Reference | Reject] = []
    for file in places.list_names(places.join(root, chapter.directory)):
        if not file.endswith(SOUND_SUFFIX):
            continue
        name, audio = file.removesuffix(SOUND_SUFFIX), f"{chapter.directory}/{file}"
        if fault := _fault_of_name(name, chapter):
            told = places.printable(name[:_MAX_ID_CHARACTERS])
            reason = f"Its name cannot be used: {fault}."
            outcomes.append(Reject(told, places.printable(audio), reason, chapter.split))
        else:
            outcomes.append(_reference(name, audio, chapter, ""))
    return outcomes


def read_references(
    root: str, chapter: Chapter, normalise: Callable[[str], str], keep_lossy: bool = False
) -> list[Reference | Reject]:
    """Returns a reference or a reject for every file of sound and every line of a transcript of a chapter.

    Args:
      root: Of the corpus.
      chapter: One of it.
      normalise: Brings a transcript to its normal form.
      keep_lossy: Whether to take transcripts with digits, accents and signs that their normal form has no letters for.
    """
    files = places.list_names(places.join(root, chapter.directory))
    transcripts, rejects = _read_transcripts(root, chapter, files)
    outcomes: list[Reference | Reject] = list(rejects.values())
    # Sound whose line was rejected is not rejected a second time.
    told = {name for name, _ in rejects}
    sounds = {name.removesuffix(SOUND_SUFFIX) for name in files if name.endswith(SOUND_SUFFIX)}
    transcripts_path = f"{chapter.directory}/{_transcripts_name(chapter)}"
    for name in sorted(transcripts.keys() | sounds):
        audio = f"{chapter.directory}/{name}{SOUND_SUFFIX}"
        if name not in sounds:
            outcomes.append(Reject(name, transcripts_path, "It has a transcript and no audio.", chapter.split))
        elif name not in transcripts:
            if name not in told:
                reason = "It has audio and no transcript."
                outcomes.append(Reject(places.printable(name), places.printable(audio), reason, chapter.split))
        else:
            try:
                transcript = normal_transcript(transcripts[name], normalise, _MAX_TRANSCRIPT_CHARACTERS, keep_lossy)
            except LineError as error:
                reason = str(error).replace("the transcript", "Its transcript", 1)
                outcomes.append(Reject(name, transcripts_path, f"{reason}.", chapter.split))
                continue
            outcomes.append(_reference(name, audio, chapter, transcript))
    return outcomes


def _reference(name: str, audio: str, chapter: Chapter, transcript: str) -> Reference:
    return Reference(
        name,
        audio,
        chapter.speaker_id,
        chapter.chapter_id,
        chapter.gender,
        chapter.subset,
        chapter.split,
        transcript,
    )


def _read_transcripts(
    root: str, chapter: Chapter, files: list[str]
) -> tuple[dict[str, str], dict[tuple[str, str], Reject]]:
    """Returns the transcripts of a chapter by id, and the rejects by id and place; there, an id is as files are named.

    Transcripts in a file of another name are nobody's; each of its lines is a reject.
    """
    transcripts: dict[str, str] = {}
    rejects: dict[tuple[str, str], Reject] = {}
    own = _transcripts_name(chapter)
    for file in files:
        if not file.lower().endswith(TRANSCRIPTS_SUFFIX):
            continue
        path = f"{chapter.directory}/{places.printable(file)}"
        try:
            lines = places.read_bytes(places.join(root, chapter.directory, file)).splitlines()
        except OSError as error:
            reason = f"Transcripts must be in a file that can be read: {error.strerror or error}."
            rejects["", path] = Reject(places.printable(file), path, reason, chapter.split)
            continue
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            utterance_id, _, raw = line.partition(b" ")
            name = utterance_id.decode("utf-8", errors="surrogateescape")
            if file != own:
                fault = f"transcripts must be in {own}, and this is {shown(file)}"
            elif name in transcripts:
                fault = "its transcript stands twice"
            else:
                fault = _fault_of_line(name, raw, chapter)
            if fault:
                place = f"{path}:{number}"
                told_id = places.printable(name[:_MAX_ID_CHARACTERS])
                rejects[name, place] = Reject(told_id, place, f"In line {number}, {fault}.", chapter.split)
            else:
                transcripts[name] = raw.decode("utf-8")
    return transcripts, rejects


def _transcripts_name(chapter: Chapter) -> str:
    return f"{chapter.speaker_id}-{chapter.chapter_id}{TRANSCRIPTS_SUFFIX}"


def _fault_of_name(name: str, chapter: Chapter) -> str:
    prefix = f"{chapter.speaker_id}-{chapter.chapter_id}"
    if not name.startswith(f"{prefix}-"):
        return f"the id must begin with {prefix}-, and is {shown(name)}"
    if len(name) > _MAX_ID_CHARACTERS:
        return f"the id must have {_MAX_ID_CHARACTERS} characters at most, and has {len(name)}"
    if "/" in name or not name.isprintable():
        return f"the id must have no slashes and no control characters, and is {shown(name)}"
    return ""


def _fault_of_line(name: str, raw: bytes, chapter: Chapter) -> str:
    if fault := _fault_of_name(name, chapter):
        return fault
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "the transcript must be UTF-8, and is not"
    if len(text) > _MAX_TRANSCRIPT_CHARACTERS:
        return f"the transcript must have {_MAX_TRANSCRIPT_CHARACTERS} characters at most, and has {len(text)}"
    return ""
