"""A person's own recordings as a corpus: what their manifest names, and where each of them is."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

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
from beam_jobs.librispeech.references import NORMALISERS, Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError


@dataclasses.dataclass(frozen=True)
class Recordings:
    """A manifest, as one part of a job.

    Attributes:
      manifest: Its path.
    """

    manifest: str

    @property
    def subset(self) -> str:
        """What the records call the subset: the manifest's name without its suffix."""
        return Path(self.manifest).stem


def inspect_recordings(manifest: Path, settings: IngestSettings) -> CorpusSummary:
    """Finds out what a manifest names, without listening to it.

    Raises:
      DataError: it is no manifest, it names nothing that can be used, or a speaker is in two splits.
    """
    outcomes = _parse(manifest, settings)
    require_usable(outcomes, str(manifest))
    require_disjoint_speakers(outcomes, str(manifest))
    entries = [outcome for outcome in outcomes if isinstance(outcome, ManifestEntry)]
    digest = hashlib.sha256(manifest.read_bytes())
    for entry in entries:
        path = Path(location(str(manifest), entry.audio))
        # One that is missing is rejected by the job, which counts it; here it is a part of the fingerprint.
        status = path.stat() if path.is_file() else None
        told = f"{status.st_size}\0{status.st_mtime_ns}" if status else "missing"
        digest.update(f"{entry.audio}\0{told}\n".encode())
    return CorpusSummary(
        root=str(manifest),
        fingerprint=digest.hexdigest(),
        chapters=(),
        utterances=len(entries),
        splits={split: (Recordings(str(manifest)).subset,) for split in sorted({entry.split for entry in entries})},
        speakers_known=speakers_known(outcomes),
    )


def read_recordings(part: Recordings, settings: IngestSettings) -> list[Reference | Reject]:
    """Returns a reference or a reject for every line of a manifest but its header."""
    results: list[Reference | Reject] = []
    for outcome in _parse(Path(part.manifest), settings):
        if isinstance(outcome, ManifestFault):
            place = outcome.audio or f"{Path(part.manifest).name}:{outcome.line}"
            results.append(Reject(outcome.utterance_id, place, outcome.reason, ""))
        else:
            results.append(
                Reference(
                    utterance_id=outcome.utterance_id,
                    path=location(part.manifest, outcome.audio),
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


def _parse(manifest: Path, settings: IngestSettings) -> list[ManifestEntry | ManifestFault]:
    try:
        with manifest.open("rb") as lines:
            return parse_manifest(lines, str(manifest), settings.manifest, NORMALISERS[settings.transcript_normaliser])
    except OSError as error:
        raise DataError(f"A manifest must be a file that can be read; {manifest}: {error.strerror}.") from error
