r"""A person's own recordings, named by a manifest: which files, what is said in them, who speaks, for which split.

A manifest is a TSV or a CSV with a header, or JSON lines, in UTF-8:

    audio<TAB>text<TAB>speaker<TAB>split
    clips/one.wav<TAB>good morning<TAB>anna<TAB>train

    {"audio": "clips/one.wav", "text": "good morning", "speaker": "anna", "split": "train"}

`audio` and `text` must be there, `audio` alone where no transcripts are asked for; `speaker`, `split`, `id` and
`gender` may. Columns may have the names that Common
Voice (`path`, `sentence`, `client_id`) and NeMo (`audio_filepath`) give them; others are ignored. Nothing is opened
here.

Speakers: splits must share none, so whoever speaks decides the split. Where the manifest names no speaker, every
recording counts as a speaker of its own, and whether splits share a speaker is not known: `speakers_known` says so, and
a report must. A directory is not taken for a speaker: it may as well be a day, a device, or a batch.

Splits: all lines have one, or none has. Where none has, a hash of the speaker assigns train, validation or test: the
same for any order of the lines, and a speaker stays where he is when recordings are added. Where that leaves a split
empty, which happens with few speakers, it gets the speaker whose hash is nearest; only these may move later.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Callable, Iterable, Sequence

from beam_jobs import places
from beam_jobs.librispeech import manifest_fields as fields
from beam_jobs.librispeech.manifest_fields import LineError
from beam_jobs.librispeech.manifest_records import read_records
from beam_jobs.librispeech.manifest_splits import assign_splits
from model.errors import DataError
from model.settings import require
from model.text import normalise_english

# How a path begins that does not depend on where the manifest lies.
ABSOLUTE = ("/", "gs://")
# What manifests are called; and what one may be called, too, that a person names.
MANIFEST_SUFFIXES = (".tsv", ".csv", ".jsonl", ".ndjson")
NAMED_MANIFEST_SUFFIXES = (*MANIFEST_SUFFIXES, ".json", ".txt")
_SHOWN_FAULTS = 3
_SHOWN_CHARACTERS = 200


@dataclasses.dataclass(frozen=True)
class ManifestSettings:
    """How a manifest is read.

    Attributes:
      audio_directory: Where relative paths begin, below the manifest's own directory; `clips` for Common Voice.
      validation_fraction: Share of the speakers that validate, where the manifest has no splits.
      test_fraction: Share of the speakers that the model is judged on, where the manifest has no splits.
      keep_lossy_transcripts: Whether to take transcripts with digits, accents and signs that their normal form has no
        letters for, also those of LibriSpeech's layout. What was said would then be trained, and judged, with words
        missing.
      max_line_characters: Longer lines are refused.
      max_transcript_characters: Longer transcripts are refused.
    """

    audio_directory: str = ""
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    keep_lossy_transcripts: bool = False
    max_line_characters: int = 10_000
    max_transcript_characters: int = 5_000

    def __post_init__(self) -> None:
        for name in ("validation_fraction", "test_fraction"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"manifest.{name} must be in [0, 1], not {value}.")
        total = self.validation_fraction + self.test_fraction
        require(
            total <= 1,
            f"manifest.validation_fraction and manifest.test_fraction must be 1 together at most, not {total}.",
        )
        path = posixpath.normpath(self.audio_directory)
        require(
            not path.startswith(("..", "/")) and "://" not in path,
            f"manifest.audio_directory must be below the manifest's directory, not {self.audio_directory!r}.",
        )
        for name in ("max_line_characters", "max_transcript_characters"):
            require(getattr(self, name) > 0, f"manifest.{name} must be above 0, not {getattr(self, name)}.")


@dataclasses.dataclass(frozen=True)
class ManifestEntry:
    """A recording, as a line of a manifest has it.

    Attributes:
      line: The number of the line, from 1.
      utterance_id: As given, or derived from the path; unique in the manifest.
      audio: Its path below the manifest's directory, or an absolute one, or `gs://…`.
      transcript: In its normal form; empty where none are asked for.
      speaker_id: As given; or `recording:<id>`, where the manifest does not say who speaks.
      speaker_known: Whether the manifest says who speaks.
      gender: `F`, `M`, or empty where unknown.
      split: As given, or assigned.
    """

    line: int
    utterance_id: str
    audio: str
    transcript: str
    speaker_id: str
    speaker_known: bool
    gender: str
    split: str


@dataclasses.dataclass(frozen=True)
class ManifestFault:
    """A line of a manifest that gives no recording.

    Attributes:
      line: The number of the line, from 1.
      utterance_id: As given; else the audio, else `line-<number>`.
      audio: As the line has it, or empty.
      reason: A sentence that names the line.
    """

    line: int
    utterance_id: str
    audio: str
    reason: str


def parse_manifest(
    lines: Iterable[bytes],
    where: str,
    settings: ManifestSettings | None = None,
    normalise: Callable[[str], str] | None = normalise_english,
) -> list[ManifestEntry | ManifestFault]:
    """Reads a manifest.

    Args:
      lines: As a file opened for bytes gives them.
      where: The path of the manifest, for messages and to know relative paths again among absolute ones.
      settings: How it is read.
      normalise: Brings transcripts to their normal form; None where none are asked for: those that are there are not
        looked at, and where no line has a split, nobody is put aside to be tested on.

    Returns:
      An entry or a fault for every line but the header and blank ones, in their order.

    Raises:
      DataError: the file as a whole is no manifest: it is empty, has no header, is no UTF-8 text, or a quote in a CSV
        swallows lines; or only some of its lines have a split.
    """
    chosen = settings or ManifestSettings()
    outcomes: list[ManifestEntry | ManifestFault] = []
    seen_ids: dict[str, int] = {}
    seen_audio: dict[str, int] = {}
    for number, found, fault in read_records(lines, where, chosen.max_line_characters, normalise is not None):
        if fault:
            outcomes.append(_fault(number, found, fault))
            continue
        try:
            entry = _entry(number, found, chosen, normalise)
            _require_new("audio", posixpath.normpath(location(where, entry.audio)), entry.audio, number, seen_audio)
            _require_new("id", entry.utterance_id, entry.utterance_id, number, seen_ids)
            outcomes.append(entry)
        except LineError as error:
            outcomes.append(_fault(number, found, f"In line {number}, {error}."))
    test_fraction = 0.0 if normalise is None else chosen.test_fraction
    return _with_splits(outcomes, where, chosen.validation_fraction, test_fraction)


def require_usable(outcomes: Sequence[ManifestEntry | ManifestFault], where: str) -> None:
    """Checks that a manifest gives one recording at least.

    Raises:
      DataError: it gives none.
    """
    if any(isinstance(outcome, ManifestEntry) for outcome in outcomes):
        return
    faults = [outcome for outcome in outcomes if isinstance(outcome, ManifestFault)]
    if not faults:
        raise DataError(f"A manifest must name a recording, and {where} has a header and no line after it; add some.")
    told = "; ".join(fault.reason.rstrip(".") for fault in faults[:_SHOWN_FAULTS])
    more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
    raise DataError(
        f"A manifest must name a recording that can be used, and {where} names none ({told}{more}); correct them."
    )


def require_disjoint_speakers(outcomes: Iterable[ManifestEntry | ManifestFault], where: str) -> None:
    """Checks that splits share no speaker, as far as the manifest says who speaks.

    Raises:
      DataError: a speaker is in two splits.
    """
    first: dict[str, ManifestEntry] = {}
    for entry in outcomes:
        if isinstance(entry, ManifestEntry) and entry.speaker_known:
            other = first.setdefault(entry.speaker_id, entry)
            if other.split != entry.split:
                raise DataError(
                    f"Splits must share no speaker, and in {where} speaker {entry.speaker_id} is in {other.split} (line"
                    f" {other.line}) and in {entry.split} (line {entry.line}); put all of a speaker's lines into one"
                    " split, or leave the column split out."
                )


def speakers_known(outcomes: Iterable[ManifestEntry | ManifestFault]) -> bool:
    """Tells whether every entry says who speaks; if not, splits may share a speaker and nobody can know."""
    return all(entry.speaker_known for entry in outcomes if isinstance(entry, ManifestEntry))


def location(where: str, audio: str) -> str:
    """Returns where the audio of an entry lies, given the path of its manifest, local or `gs://`."""
    if audio.startswith(ABSOLUTE):
        return audio
    directory, slash, _ = where.rpartition("/")
    return f"{directory}{slash}{audio}"


def _entry(
    number: int, found: dict[str, str], settings: ManifestSettings, normalise: Callable[[str], str] | None
) -> ManifestEntry:
    if not found.get("audio"):
        raise LineError("there is no path of the audio")
    if found.get("offset", "0").strip("0.") != "":
        raise LineError("there is an offset into a longer file, which is not read; cut the file")
    audio = fields.audio_path(found["audio"], settings.audio_directory)
    name = fields.utterance_id(found.get("id", ""), audio)
    speaker = fields.speaker_id(found.get("speaker", ""))
    transcript = ""
    if normalise is not None:
        transcript = fields.transcript(
            found.get("text", ""), normalise, settings.max_transcript_characters, settings.keep_lossy_transcripts
        )
    return ManifestEntry(
        line=number,
        utterance_id=name,
        audio=audio,
        transcript=transcript,
        speaker_id=speaker or f"{fields.OWN_SPEAKER}{name}",
        speaker_known=bool(speaker),
        gender=fields.gender(found.get("gender", "")),
        split=fields.split_name(found.get("split", "")),
    )


def _require_new(field: str, key: str, value: str, number: int, seen: dict[str, int]) -> None:
    if (first := seen.setdefault(key, number)) != number:
        raise LineError(f"the {field} {fields.shown(value)} stands in line {first} already")


def _fault(number: int, found: dict[str, str], reason: str) -> ManifestFault:
    def told(field: str) -> str:
        # What is wrong may be the name itself: it must be fit to be written into a list of rejects.
        return places.printable(found.get(field, "")[:_SHOWN_CHARACTERS])

    audio = told("audio")
    return ManifestFault(number, told("id") or audio or f"line-{number}", audio, reason)


def _with_splits(
    outcomes: list[ManifestEntry | ManifestFault], where: str, validation_fraction: float, test_fraction: float
) -> list[ManifestEntry | ManifestFault]:
    entries = [outcome for outcome in outcomes if isinstance(outcome, ManifestEntry)]
    without = [entry for entry in entries if not entry.split]
    if not without:
        return outcomes
    if len(without) < len(entries):
        raise DataError(
            f"Either every line of a manifest has a split, or none has; of {where}, {len(without)} of {len(entries)}"
            f" lines have none, line {without[0].line} the first; fill it in, or leave the column out."
        )
    splits = assign_splits((entry.speaker_id for entry in entries), validation_fraction, test_fraction)
    return [
        dataclasses.replace(outcome, split=splits[outcome.speaker_id])
        if isinstance(outcome, ManifestEntry)
        else outcome
        for outcome in outcomes
    ]
