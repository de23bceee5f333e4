"""What a person has named to be transcribed: files, folders, and what comes in on standard input."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from model.errors import DataError, UsageError
from model.storage import disk_full_is_said
from pipeline.printable import printable_text

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
      folders: The name of each folder, and how many sound files it holds, in the order in which they were named.
    """

    entries: tuple[SoundFile | NoSound, ...]
    folders: tuple[tuple[str, int], ...]

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
    folders: list[tuple[str, int]] = []
    places = list(named)
    if places.count(Path(STANDARD_INPUT)) > 1:
        raise UsageError("Standard input (-) can be transcribed once, and is named twice; name it once.")
    for place in places:
        if str(place) == STANDARD_INPUT and standard_input is not None:
            entries.append(SoundFile(STANDARD_INPUT, standard_input, Path("stdin")))
        elif place.is_dir():
            unread: list[OSError] = []
            found = list(_below(place, unread))
            folders.append((_shown(place), len(found)))
            entries += [SoundFile(_shown(path), path, path.relative_to(place)) for path in found]
            for error in unread:
                name = _shown(error.filename)
                entries.append(NoSound(name, DataError(f"{name} must be a folder that can be read: {error.strerror}.")))
            if not found and not unread:
                suffixes = ", ".join(SUFFIXES)
                reason = (
                    f"A folder must hold files that end in {suffixes}, and {_shown(place)} holds none; name another."
                )
                entries.append(NoSound(_shown(place), DataError(reason)))
        else:
            entries.append(SoundFile(_shown(place), place, Path(place.name)))
    return Found(tuple(entries), tuple(folders))


def output_files(sounds: Iterable[SoundFile], output_dir: Path, suffix: str) -> dict[SoundFile, Path]:
    """Returns where the text of each recording goes: its name with another suffix, in the same folders.

    Where two recordings differ only in their suffix, such as a.wav and a.flac, it is kept before the new one.

    Raises:
      UsageError: two would go to the same file all the same.
    """
    recordings = list(sounds)
    short = [sound.relative.with_suffix(suffix) for sound in recordings]
    times = collections.Counter(short)
    files: dict[SoundFile, Path] = {}
    by_place: dict[Path, SoundFile] = {}
    for sound, place in zip(recordings, short, strict=True):
        relative = place if times[place] == 1 else sound.relative.with_name(sound.relative.name + suffix)
        files[sound] = file = output_dir / relative
        other = by_place.setdefault(file, sound)
        if other is not sound:
            raise UsageError(
                f"Each recording must have a file of its own below --output, and {other.name} and {sound.name} would"
                f" both be {_shown(file)}; name the folder that holds both, or transcribe them one after another."
            )
    return files


@contextlib.contextmanager
def standard_input_file() -> Iterator[Path]:
    """Gives a temporary file for standard input: sound is read twice, and most formats from both ends.

    Raises:
      UsageError: standard input is a terminal, or closed.
    """
    # Python has none where the shell has closed it.
    if sys.stdin is None or sys.stdin.isatty():
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(f"Standard input must be sound, and is {what}; pipe a file into it, as in: … | w2v2 … -")
    descriptor, name = tempfile.mkstemp(prefix="w2v2-", suffix=".sound")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def keep_standard_input(path: Path) -> None:
    """Writes what comes in on standard input to a file; what comes out of another program may take its time.

    Raises:
      DataError: nothing comes in.
      DiskFullError: there is no room for it.
    """
    with disk_full_is_said(path), open(path, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, _COPY_BYTES)
        size = file.tell()
    if not size:
        raise DataError("Standard input must hold sound, and is empty; pipe WAV, FLAC, OGG or MP3 into it.")


def _shown(path: str | os.PathLike[str]) -> str:
    return printable_text(os.fspath(path))


def _below(folder: Path, unread: list[OSError]) -> Iterator[Path]:
    """Yields the files of sound below a folder, and lists what was said of folders that cannot be read."""
    for root, names, files in os.walk(folder, onerror=unread.append):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield Path(root) / name
