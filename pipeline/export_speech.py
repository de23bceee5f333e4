"""What a person has named for `w2v2 export --speech`: recordings, folders of them, manifests, and prepared examples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from model.errors import DataError, UsageError
from model.export.speech import Speech
from pipeline.sound_files import NoSound, find_sound_files

_SPLIT_PREFIX = "Split-"
# The split that a model is chosen by, as in the pipeline; where there is none, whatever it was not trained on.
_CHOSEN_SPLIT, _TRAINED_SPLIT = "validation", "train"


def find_speech(places: Iterable[Path], count: int) -> Speech:
    """Returns the speech in what was named.

    Args:
      places: Files of sound; folders of them, at any depth; manifests; and directories that ingest has written, of
        which the split `validation` is taken, or all but `train`.
      count: How many recordings suffice. Where there are more, a hash of the name chooses, so that not all of them are
        of the first speaker of a folder.

    Raises:
      UsageError: a place does not exist.
      DataError: a place holds no speech, or a manifest is none.
    """
    from beam_jobs.librispeech.manifest import NAMED_MANIFEST_SUFFIXES

    records: list[Path] = []
    name_by_recording: dict[Path, str] = {}
    for place in places:
        if not place.exists():
            raise UsageError(
                "--speech must be a sound file, a folder of such, a manifest (.tsv, .csv, .jsonl) or what w2v2 ingest"
                f" has written, and {place} does not exist; correct it."
            )
        if place.is_dir() and any(place.glob(f"{_SPLIT_PREFIX}*")):
            records += _records_of(place)
        elif place.is_file() and place.name.lower().endswith(NAMED_MANIFEST_SUFFIXES):
            name_by_recording |= {path: path.name for path in _recordings_of(place)}
        else:
            for entry in find_sound_files([place]).entries:
                if isinstance(entry, NoSound):
                    raise entry.error
                name_by_recording[entry.path] = str(entry.relative)
    chosen = sorted(name_by_recording, key=lambda path: (_hash(name_by_recording[path]), path))[:count]
    return Speech(tuple(map(str, records)), tuple(map(str, chosen)))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()


def _records_of(examples_dir: Path) -> list[Path]:
    by_split = {
        path.name.removeprefix(_SPLIT_PREFIX): sorted(file for file in path.iterdir() if file.is_file())
        for path in sorted(examples_dir.glob(f"{_SPLIT_PREFIX}*"))
    }
    names = [name for name in by_split if name != _TRAINED_SPLIT]
    chosen = [_CHOSEN_SPLIT] if _CHOSEN_SPLIT in names else names
    files = [file for name in chosen for file in by_split[name]]
    if not files:
        raise DataError(
            f"Speech that the model was not trained on must be in {examples_dir}, in a split other than"
            f" {_TRAINED_SPLIT}, and it has {', '.join(by_split)} alone; name other examples, or a folder of"
            " recordings."
        )
    return files


def _recordings_of(manifest: Path) -> list[Path]:
    from beam_jobs.librispeech.manifest import ManifestFault, location, parse_manifest, require_usable

    where = str(manifest)
    with open(manifest, "rb") as lines:
        outcomes = parse_manifest(lines, where, normalise=None)
    require_usable(outcomes, where)
    found = []
    for outcome in outcomes:
        if isinstance(outcome, ManifestFault):
            raise DataError(f"Every line of {manifest} must name a recording. {outcome.reason} Correct it.")
        audio = location(where, outcome.audio)
        if "://" in audio:
            raise DataError(f"The recordings of {manifest} must be on this machine, and {audio} is not; copy it here.")
        found.append(Path(audio))
    return found
