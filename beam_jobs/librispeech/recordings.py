"""A person's own recordings as a corpus: what their manifest names, and where each of them is."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import io
from pathlib import PurePosixPath

from beam_jobs import places
from beam_jobs.librispeech.corpus import CorpusSummary
from beam_jobs.librispeech.manifest import (
    ManifestEntry,
    ManifestFault,
    location,
    parse_manifest,
    require_disjoint_speakers,
    require_usable,
    speakers_known,
)
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError


@dataclasses.dataclass(frozen=True)
class Recordings:
    """A manifest, as one part of a job.

    Attributes:
      manifest: Its path, or its address.
    """

    manifest: str

    @property
    def subset(self) -> str:
        """What the records call the subset: the manifest's name without its suffix."""
        return places.printable(PurePosixPath(self.manifest).stem)


def inspect_recordings(manifest: str, settings: IngestSettings) -> CorpusSummary:
    """Finds out what a manifest names, without listening to it.

    Raises:
      DataError: it is no manifest, it names nothing that can be used, or a speaker is in two splits.
    """
    content, outcomes = _parse(manifest, settings)
    require_usable(outcomes, manifest)
    require_disjoint_speakers(outcomes, manifest)
    entries = [outcome for outcome in outcomes if isinstance(outcome, ManifestEntry)]
    _require_one_world(manifest, entries)
    digest = hashlib.sha256(content)
    # A file that is missing is rejected by the job, which counts it; here it is a part of the fingerprint.
    stamps = places.stamps([location(manifest, entry.audio) for entry in entries])
    for entry, stamp in zip(entries, stamps, strict=True):
        digest.update(f"{entry.audio}\0{stamp}\n".encode())
    return CorpusSummary(
        root=manifest,
        fingerprint=digest.hexdigest(),
        chapters=(),
        utterances=len(entries),
        splits={split: (Recordings(manifest).subset,) for split in sorted({entry.split for entry in entries})},
        utterances_by_split=collections.Counter(entry.split for entry in entries),
        speakers_known=speakers_known(outcomes),
        layout="manifest",
    )


def _require_one_world(manifest: str, entries: list[ManifestEntry]) -> None:
    """Checks that a manifest in Cloud Storage names no file of this machine, which other machines do not have."""
    if places.is_remote(manifest):
        for entry in entries:
            if not places.is_remote(location(manifest, entry.audio)):
                raise DataError(
                    f"A manifest in Cloud Storage must name recordings in Cloud Storage, and line {entry.line} of"
                    f" {manifest} names {entry.audio}; copy it there."
                )


def read_recordings(part: Recordings, settings: IngestSettings) -> list[Reference | Reject]:
    """Returns a reference or a reject for every line of a manifest but its header."""
    results: list[Reference | Reject] = []
    for outcome in _parse(part.manifest, settings)[1]:
        if isinstance(outcome, ManifestFault):
            place = outcome.audio or f"{places.printable(places.name_of(part.manifest))}:{outcome.line}"
            results.append(Reject(outcome.utterance_id, place, outcome.reason, ""))
        else:
            results.append(
                Reference(
                    utterance_id=outcome.utterance_id,
                    path=outcome.audio,
                    speaker_id=outcome.speaker_id,
                    chapter_id="",
                    gender=outcome.gender,
                    subset=part.subset,
                    split=outcome.split,
                    transcript=outcome.transcript,
                    any_format=True,
                )
            )
    return results


def _parse(manifest: str, settings: IngestSettings) -> tuple[bytes, list[ManifestEntry | ManifestFault]]:
    """Returns the content of a manifest, and what its lines say."""
    try:
        content = places.read_bytes(manifest)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"A manifest must be a file that can be read; {manifest}: {reason}.") from error
    normalise = settings.normalise if settings.needs_transcripts else None
    return content, parse_manifest(io.BytesIO(content), manifest, settings.manifest, normalise)
