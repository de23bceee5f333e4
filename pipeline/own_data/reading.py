"""How recordings will be read: as they lie, or by a manifest that is written for them; and who trains, who tests."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from beam_jobs.librispeech.corpus import TRAIN, VALIDATION
from beam_jobs.librispeech.manifest import ManifestEntry, ManifestSettings, location, parse_manifest
from beam_jobs.librispeech.manifest_fields import LineError, transcript
from beam_jobs.librispeech.manifest_splits import assign_splits
from beam_jobs.places import printable
from model.errors import DataError
from pipeline.own_data.remarks import GOOD_TEST_SPEAKERS, Remark
from pipeline.own_data.transcripts import Fault, Transcripts, Utterance, write_manifest

# A split needs a speaker each.
_LEAST_UNITS = 3
_GOOD_TEST_RECORDINGS = 200


@dataclasses.dataclass(frozen=True)
class Reading:
    """How recordings will be read.

    Attributes:
      corpus: What a run is given: a table, a directory, or the manifest that must be written.
      manifest: Its content, where it must be written; empty where ingest reads what is there.
      settings: How manifests are read.
      speakers_known: Whether it says who speaks, of every recording.
      splits_given: Whether it says what each recording is for; if not, a hash of the speaker or the recording does.
      remarks: What a person should know of it.
    """

    corpus: str
    manifest: str
    settings: ManifestSettings
    speakers_known: bool
    splits_given: bool
    remarks: tuple[Remark, ...]


def how_to_read(found: Transcripts, manifest_path: Path) -> Reading:
    """Decides how recordings will be read.

    Splits that are given are kept where they can be used. Others part speakers, where everybody is known by name and
    there are three of them at least; else they part recordings.

    Args:
      found: The recordings.
      manifest_path: Where a manifest would be written.

    Raises:
      DataError: there are too few.
    """
    remarks: list[Remark] = []
    utterances = found.utterances
    named = {one.split for one in utterances} - {""}
    speakers = {one.speaker for one in utterances} - {""}
    all_known = all(one.speaker for one in utterances)
    with_splits = bool(named)
    if named and (reason := _fault_of_splits(found, named)):
        remarks.append(Remark("warning", f"{reason}, so that the splits given are not used; new ones are made."))
        with_splits = False
    with_speakers = bool(speakers)
    if not all_known:
        unknown = sum(not one.speaker for one in utterances)
        where = f" in {unknown:,} of {len(utterances):,} recordings" if speakers else ""
        remarks.append(
            Remark(
                "warning",
                f"Nobody says who speaks{where}, so each recording counts as a speaker of its own: people may be"
                " trained on and tested, and the WER be too good. A column speaker mends it.",
            )
        )
    if not with_splits and all_known and len(speakers) < _LEAST_UNITS:
        with_speakers = False
        people = "one person speaks" if len(speakers) == 1 else f"{len(speakers)} people speak"
        remarks.append(
            Remark(
                "warning",
                f"Only {people}, so the splits part recordings and not people: the WER will tell how well the model"
                " hears them, and nothing of anybody else.",
            )
        )
    by_speaker = with_speakers and all_known and not with_splits
    units = len(speakers) if by_speaker else len(utterances)
    if units < _LEAST_UNITS:
        raise DataError(
            f"There must be {_LEAST_UNITS} recordings at least, one each to train on, to validate and to test, and"
            f" {'one is' if units == 1 else f'{units} are'} there; record more."
        )
    # Where splits are given, nothing is hashed, and the fractions are those that nobody has chosen.
    settings = ManifestSettings(found.audio_directory)
    if not with_splits:
        validation, test = _fractions(units, by_speaker)
        settings = dataclasses.replace(settings, validation_fraction=validation, test_fraction=test)
    is_carved = with_splits and VALIDATION not in named
    if found.source is not None and with_splits == bool(named) and with_speakers == bool(speakers) and not is_carved:
        return Reading(found.source, "", settings, all_known, with_splits, tuple(remarks))
    chosen = _carved(utterances) if is_carved else utterances
    if is_carved:
        remarks.append(Remark("note", "Nobody validates in the splits given; a tenth of those who train does."))
    manifest = write_manifest(chosen, with_speakers, with_splits)
    settings = dataclasses.replace(settings, audio_directory="")
    return Reading(str(manifest_path), manifest, settings, with_speakers and all_known, with_splits, tuple(remarks))


def _fault_of_splits(found: Transcripts, named: set[str]) -> str:
    """Returns why splits cannot be used; nothing where they can."""
    if TRAIN not in named:
        return f"No split is called train (there are {', '.join(sorted(named))})"
    if named <= {TRAIN, VALIDATION}:
        return "No split is there to test on"
    first: dict[str, str] = {}
    for one in found.utterances:
        if one.speaker and first.setdefault(one.speaker, one.split) != one.split:
            return f"{printable(one.speaker)} speaks in the splits {first[one.speaker]} and {one.split}"
    return ""


def _carved(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Returns the utterances with a tenth of the speakers of the training split, or of its recordings, validating."""

    def unit(one: Utterance) -> str:
        return one.speaker or hashlib.sha256(one.audio.encode(errors="surrogateescape")).hexdigest()

    trained = {unit(one) for one in utterances if one.split == TRAIN}
    if len(trained) < 2:
        raise DataError(
            "Training and validation must share no speaker, and one alone speaks in the split train; leave the column"
            " split out, or have another speaker validate."
        )
    chosen = assign_splits(trained, 0.1, 0)
    return [dataclasses.replace(one, split=chosen[unit(one)]) if one.split == TRAIN else one for one in utterances]


def _fractions(units: int, by_speaker: bool) -> tuple[float, float]:
    """Returns the shares that validate and that are tested on."""
    if by_speaker:
        test = min(0.3, max(0.1, GOOD_TEST_SPEAKERS / units))
        return round(min(0.2, max(0.1, 1 / units)), 3), round(test, 3)
    return 0.1, round(min(0.2, max(0.1, _GOOD_TEST_RECORDINGS / units)), 3)


def placed(
    found: Transcripts, reading: Reading, normalise: Callable[[str], str]
) -> tuple[list[Utterance], list[Fault]]:
    """Returns the recordings whose transcripts ingest takes, with the split that it puts each into; and the others.

    Args:
      found: The recordings.
      reading: How they are read.
      normalise: Brings transcripts to their letters.
    """
    kept: list[Utterance] = []
    rejects: list[Fault] = []
    if found.layout == "LibriSpeech" and not reading.manifest:
        for one in found.utterances:
            try:
                transcript(one.text, normalise, reading.settings.max_transcript_characters, keep_lossy=False)
                kept.append(one)
            except LineError as error:
                rejects.append(Fault(one.audio, f"{str(error)[0].upper()}{str(error)[1:]}."))
        return kept, rejects
    content = reading.manifest.encode() if reading.manifest else Path(reading.corpus).read_bytes()
    by_audio = {one.audio: one for one in found.utterances}
    known = {fault.reason for fault in found.faults}
    for outcome in parse_manifest(io.BytesIO(content), reading.corpus, reading.settings, normalise):
        if isinstance(outcome, ManifestEntry):
            audio = os.path.normpath(location(reading.corpus, outcome.audio))
            # It is there, unless somebody has changed the table meanwhile.
            if audio in by_audio:
                kept.append(dataclasses.replace(by_audio[audio], split=outcome.split))
        elif outcome.reason not in known:
            rejects.append(Fault(outcome.audio or f"line {outcome.line}", outcome.reason))
    return kept, rejects
