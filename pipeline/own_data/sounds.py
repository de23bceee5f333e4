"""A quick look at files of sound: their headers, all of them, and the levels of a few."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from model.audio import SAMPLE_RATE_HZ, AudioError, check_header
from model.loudness import clipped_share, level_db
from model.progress import report
from model.sound_opening import decoding, handle_of, open_sound

# Beyond so many files, so many are looked at, spread evenly.
_MAX_HEADERS = 20_000
_HEARD = 100
_HEARD_SECONDS = 60.0
# A shout has some samples at the edge of full scale, a recording set too loud many.
_CLIPPED_SHARE = 0.001
_SILENT_DB = -60.0
# Files of one size are compared by their content, up to so many bytes.
_HASHED_BYTES = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Sound:
    """What the header of a file says.

    Attributes:
      seconds: How long it is.
      rate_hz: Its rate.
      channels: How many it has.
      format: Such as `WAV` or `FLAC`.
    """

    seconds: float
    rate_hz: int
    channels: int
    format: str

    @property
    def samples(self) -> int:
        """How many samples it has at 16 kHz, but for one or two."""
        return round(self.seconds * SAMPLE_RATE_HZ)


@dataclasses.dataclass(frozen=True)
class Sounds:
    """What was seen and heard.

    Attributes:
      by_path: The files that can be used.
      faults: Why others cannot, by path, in a sentence.
      missing: Files that are not there.
      looked_at: How many files were looked at.
      heard: How many were listened to.
      silent: Of these, those without a sound.
      clipped: Of these, those that were recorded too loud.
      doubles: Files with the content of another one, and that one.
    """

    by_path: dict[str, Sound]
    faults: dict[str, str]
    missing: tuple[str, ...]
    looked_at: int
    heard: int
    silent: tuple[str, ...]
    clipped: tuple[str, ...]
    doubles: tuple[tuple[str, str], ...]


def look_at(paths: Sequence[str], max_samples: int) -> Sounds:
    """Looks at files of sound.

    Args:
      paths: Of the files, in any order.
      max_samples: At 16 kHz; longer files cannot be used.
    """
    ordered = _spread(sorted(set(paths)), _MAX_HEADERS)
    by_path: dict[str, Sound] = {}
    faults: dict[str, str] = {}
    missing: list[str] = []
    for number, path in enumerate(ordered):
        if number % 100 == 0:
            report(number, len(ordered), "files")
        if not os.path.lexists(path):
            missing.append(path)
            continue
        try:
            by_path[path] = _header(path, max_samples)
        except AudioError as error:
            faults[path] = str(error)
    silent, clipped, heard = [], [], 0
    for path in _spread(sorted(by_path), _HEARD):
        try:
            is_silent, is_clipped = _levels(path)
        except AudioError as error:
            faults[path] = str(error)
            del by_path[path]
            continue
        heard += 1
        silent += [path] * is_silent
        clipped += [path] * is_clipped
    report(len(ordered), len(ordered), "files")
    return Sounds(
        by_path=by_path,
        faults=faults,
        missing=tuple(missing),
        looked_at=len(ordered),
        heard=heard,
        silent=tuple(silent),
        clipped=tuple(clipped),
        doubles=_doubles(sorted(by_path)),
    )


def _spread(paths: Sequence[str], most: int) -> Sequence[str]:
    if len(paths) <= most:
        return paths
    return [paths[index * len(paths) // most] for index in range(most)]


def _header(path: str, max_samples: int) -> Sound:
    import soundfile

    name = Path(path).name
    with (
        open_sound(path, name) as stream,
        decoding(name),
        soundfile.SoundFile(handle_of(stream), closefd=False) as file,
    ):
        check_header(name, file, max_samples)
        if file.frames <= 0:
            raise AudioError(f"{name} must hold sound, and holds no sample.")
        return Sound(file.frames / file.samplerate, file.samplerate, file.channels, file.format)


def _levels(path: str) -> tuple[bool, bool]:
    """Returns whether the first minute of a file is silent, and whether it is clipped."""
    import soundfile

    name = Path(path).name
    with (
        open_sound(path, name) as stream,
        decoding(name),
        soundfile.SoundFile(handle_of(stream), closefd=False) as file,
    ):
        samples = file.read(int(_HEARD_SECONDS * file.samplerate), dtype="float32", always_2d=True)
    if not len(samples):
        raise AudioError(f"{name} must hold sound, and holds no sample.")
    return level_db(samples) < _SILENT_DB, clipped_share(samples) > _CLIPPED_SHARE


def _doubles(paths: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Returns files with the content of an earlier one; only files of one size are read, and not more than a GB."""
    by_size: dict[int, list[str]] = collections.defaultdict(list)
    for path in paths:
        by_size[Path(path).stat().st_size].append(path)
    found: list[tuple[str, str]] = []
    budget = _HASHED_BYTES
    for size, alike in sorted(by_size.items()):
        budget -= size * len(alike) if len(alike) > 1 else 0
        if budget < 0:
            break
        first: dict[str, str] = {}
        for path in alike if len(alike) > 1 else ():
            digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            other = first.setdefault(digest, path)
            if other != path:
                found.append((path, other))
    return tuple(found)
