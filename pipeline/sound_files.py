"""What a person has named to be transcribed: files, folders, and what comes in on standard input."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from model.errors import DataError, UsageError
from model.storage import disk_full_is_said

STANDARD_INPUT = "-"
# What is taken from a folder; a file that is named is read whatever it is called. libsndfile does not know AAC and WMA:
# such a file is named as one that cannot be read, rather than passed over.
SUFFIXES = (
    ".aac",
    ".aif",
    ".aiff",
    ".au",
    ".caf",
    ".flac",
    ".m4a",
    ".mp3",
    ".oga",
    ".ogg",
    ".opus",
    ".w64",
    ".wav",
    ".wma",
)
_COPY_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class SoundFile:
    """One recording to transcribe.

    Attributes:
      name: What a person calls it.
      path: Where it is read.
      relative: Its path below the folder that was named; its name alone, where it was named itself.
    """

    name: str
    path: Path
    relative: Path


@dataclasses.dataclass(frozen=True)
class NoSound:
    """A place that was named and holds nothing to transcribe.

    Attributes:
      name: What a person calls it.
      error: Why.
    """

    name: str
    error: DataError


@dataclasses.dataclass(frozen=True)
class Found:
    """What there is to transcribe.

    Attributes:
      entries: The recordings, and the places that hold none, in their order.
      folders: How many sound files each folder holds, in the order in which they were named.
    """

    entries: tuple[SoundFile | NoSound, ...]
    folders: tuple[tuple[Path, int], ...]

    @property
    def sounds(self) -> list[SoundFile]:
        """The recordings."""
        return [entry for entry in self.entries if isinstance(entry, SoundFile)]


def find_sound_files(named: Iterable[Path], standard_input: Path | None = None) -> Found:
    """Finds the recordings in what was named: folders at any depth, in the order of their names.

    What is hidden, and the links to folders, are passed over.

    Args:
      named: Files, folders, and `-`.
      standard_input: Where the content of standard input lies.

    Raises:
      UsageError: standard input is named twice.
    """
    entries: list[SoundFile | NoSound] = []
    folders: list[tuple[Path, int]] = []
    places = list(named)
    if places.count(Path(STANDARD_INPUT)) > 1:
        raise UsageError("Standard input (-) can be transcribed once, and is named twice; name it once.")
    for place in places:
        if str(place) == STANDARD_INPUT and standard_input is not None:
            entries.append(SoundFile(STANDARD_INPUT, standard_input, Path("stdin")))
        elif place.is_dir():
            found = list(_below(place))
            folders.append((place, len(found)))
            entries += [SoundFile(str(path), path, path.relative_to(place)) for path in found]
            if not found:
                reason = f"A folder must hold files that end in {', '.join(SUFFIXES)}, and {place} holds none."
                entries.append(NoSound(str(place), DataError(reason)))
        else:
            entries.append(SoundFile(str(place), place, Path(place.name)))
    return Found(tuple(entries), tuple(folders))


def output_files(sounds: Iterable[SoundFile], output_dir: Path, suffix: str) -> dict[SoundFile, Path]:
    """Returns where the text of each recording goes: its name with another suffix, in the same folders.

    Where two recordings differ only in their suffix, such as a.wav and a.flac, it is kept before the new one.

    Raises:
      UsageError: two would go to the same file all the same.
    """
    recordings = list(sounds)
    short = [sound.relative.with_suffix(suffix) for sound in recordings]
    files: dict[SoundFile, Path] = {}
    for sound, place in zip(recordings, short, strict=True):
        relative = place if short.count(place) == 1 else sound.relative.with_name(sound.relative.name + suffix)
        files[sound] = output_dir / relative
    by_place: dict[Path, SoundFile] = {}
    for sound, file in files.items():
        other = by_place.setdefault(file, sound)
        if other is not sound or recordings.count(sound) > 1:
            raise UsageError(
                f"Each recording must have a file of its own below --output, and {other.name} and {sound.name} would"
                f" both be {file}; name the folder that holds both, or transcribe them one after another."
            )
    return files


@contextlib.contextmanager
def standard_input_file(stream: BinaryIO | None = None) -> Iterator[Path]:
    """Keeps what comes in on standard input in a temporary file: sound is read twice, and most formats from both ends.

    Args:
      stream: In place of standard input.

    Raises:
      UsageError: standard input is a terminal.
      DataError: nothing comes in.
      DiskFullError: there is no room for it.
    """
    source = stream if stream is not None else sys.stdin.buffer
    if source.isatty():
        raise UsageError("Standard input must be sound, and is a terminal; pipe a file into it, as in: … | w2v2 … -")
    descriptor, name = tempfile.mkstemp(prefix="w2v2-", suffix=".sound")
    try:
        with disk_full_is_said(name), open(descriptor, "wb") as file:
            shutil.copyfileobj(source, file, _COPY_BYTES)
            size = file.tell()
        if not size:
            raise DataError("Standard input must hold sound, and is empty; pipe WAV, FLAC, OGG or MP3 into it.")
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _below(folder: Path) -> Iterator[Path]:
    for root, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield Path(root) / name
