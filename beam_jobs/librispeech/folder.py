"""A folder of recordings as a corpus without transcripts: every file of sound in it, at any depth.

Nobody says who speaks, so each recording counts as a speaker of its own, and a hash of its path decides whether it
trains or validates: the same for the same folder, wherever it lies and whatever is added to it.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Iterable

from beam_jobs import places
from beam_jobs.librispeech import manifest_fields as fields
from beam_jobs.librispeech.corpus import SOUND_SUFFIXES, CorpusSummary
from beam_jobs.librispeech.manifest_fields import OWN_SPEAKER, LineError
from beam_jobs.librispeech.manifest_splits import assign_splits
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of recordings, as one part of a job.

    Attributes:
      root: Its path, or its address.
    """

    root: str

    @property
    def subset(self) -> str:
        """What the records call the subset: the folder's name."""
        return places.printable(places.name_of(self.root))


def inspect_folder(root: str, files: list[places.Entry], settings: IngestSettings) -> CorpusSummary:
    """Finds out what a folder holds, without listening to it.

    Args:
      root: Of the folder.
      files: All files below it.
      settings: Of the job.

    Raises:
      DataError: it holds no sound that can be used, or subsets are asked for, which a folder has not.
    """
    if settings.subsets or settings.splits:
        raise DataError(
            "ingest.subsets and ingest.splits name subsets of a corpus in LibriSpeech's layout, and nothing in"
            f" {root} lies so; leave them out to take all of its recordings."
        )
    digest = hashlib.sha256()
    for file in files:
        if _is_sound(file.path):
            digest.update(f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\n".encode(errors="surrogateescape"))
    outcomes = _outcomes(root, (file.path for file in files), settings)
    found = [outcome for outcome in outcomes if isinstance(outcome, Reference)]
    if not found:
        told = f" ({outcomes[0].path}: {outcomes[0].reason.rstrip('.')})" if outcomes else ""
        raise DataError(
            f"A folder of recordings must hold files that end in {', '.join(SOUND_SUFFIXES)}, and {root} holds none"
            f" that can be used{told}."
        )
    by_split = collections.Counter(reference.split for reference in found)
    return CorpusSummary(
        root=root,
        fingerprint=digest.hexdigest(),
        chapters=(),
        utterances=len(found),
        splits={split: (Folder(root).subset,) for split in sorted(by_split)},
        utterances_by_split=by_split,
        speakers_known=False,
        layout="folder",
    )


def read_folder(part: Folder, settings: IngestSettings) -> list[Reference | Reject]:
    """Returns a reference or a reject for every file of sound in a folder."""
    return _outcomes(part.root, (file.path for file in places.list_tree(part.root)), settings)


def _outcomes(root: str, paths: Iterable[str], settings: IngestSettings) -> list[Reference | Reject]:
    names: dict[str, str] = {}
    outcomes: list[Reference | Reject] = []
    for path in filter(_is_sound, paths):
        try:
            names[path] = fields.utterance_id("", fields.audio_path(path, ""))
        except LineError as error:
            told = places.printable(path)
            outcomes.append(Reject(told, told, f"Its name cannot be used: {error}.", ""))
    speakers = {path: f"{OWN_SPEAKER}{name}" for path, name in names.items()}
    splits = assign_splits(speakers.values(), settings.validation_speaker_fraction, 0)
    subset = Folder(root).subset
    for path, name in names.items():
        speaker = speakers[path]
        outcomes.append(Reference(name, path, speaker, "", "", subset, splits[speaker], "", any_format=True))
    return outcomes


def _is_sound(path: str) -> bool:
    return path.lower().endswith(SOUND_SUFFIXES)
