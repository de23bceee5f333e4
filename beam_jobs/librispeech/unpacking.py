"""What may be in an archive of LibriSpeech, and writing it to where nobody looks yet."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from pathlib import Path

from beam_jobs.librispeech.tar_stream import Member, TarStream, shown
from beam_jobs.librispeech.transfer import MegabyteProgress
from model.errors import DataError, UsageError

ROOT_NAME = "LibriSpeech"
# Marks a subset that was unpacked from an archive, and says from which.
NOTE_FILE = ".unpacked.json"
TABLES = ("SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT")
SUBSET_PATTERN = r"(?:train|dev|test)[A-Za-z0-9_-]{0,60}"
# An utterance of 40 s has 1.3 MB of samples; a chapter of LibriSpeech has 30 KB of transcripts.
MAX_SOUND_BYTES = 16 << 20
MAX_TRANSCRIPTS_BYTES = 1 << 20
MAX_TABLE_BYTES = 8 << 20

_TEXTS = ("README.TXT", "LICENSE.TXT")
_ID = r"[A-Za-z0-9_]{1,40}"
_DIRECTORY = re.compile(rf"{ROOT_NAME}(?:/(?P<subset>{SUBSET_PATTERN})(?:/{_ID}){{0,2}})?")
_TABLE = re.compile(rf"{ROOT_NAME}/(?:{'|'.join(re.escape(name) for name in TABLES + _TEXTS)})")
_FILE = re.compile(
    rf"{ROOT_NAME}/(?P<subset>{SUBSET_PATTERN})/(?P<speaker>{_ID})/(?P<chapter>{_ID})"
    rf"/(?P=speaker)-(?P=chapter)(?:-{_ID}\.(?P<sound>flac)|\.trans\.txt)"
)
_LAYOUT = (
    f"{ROOT_NAME}/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac, <speaker>-<chapter>.trans.txt beside"
    f" them and {', '.join(TABLES + _TEXTS)} in {ROOT_NAME}/, the subsets named train*, dev* or test*"
)


@dataclasses.dataclass(frozen=True)
class ArchiveSummary:
    """What an archive held.

    Attributes:
      root: The directory that holds the subsets now.
      subsets: Their names, sorted.
      utterances: Files of sound, by subset.
      transcripts: Files of transcripts, by subset.
      speakers: People, by subset.
      content_bytes: Of all files together.
      archive_bytes: Of the archive itself.
      archive_md5: MD5 sum (hex) of the archive itself.
    """

    root: str
    subsets: tuple[str, ...]
    utterances: dict[str, int]
    transcripts: dict[str, int]
    speakers: dict[str, int]
    content_bytes: int
    archive_bytes: int
    archive_md5: str


class Unpacking:
    """Writes the members of one archive below a staging directory, and checks each before.

    Args:
      stream: The archive.
      staging: An empty directory of which nobody else knows.
      root: The directory that is to hold the subsets.
      subset: What the archive must hold, or None.
      total_bytes: Of the archive, where known.
    """

    def __init__(
        self, stream: TarStream, staging: Path, root: Path, subset: str | None, total_bytes: int | None
    ) -> None:
        self._stream = stream
        self._staging = staging
        self._root = root
        self._subset = subset
        self._progress = MegabyteProgress(total_bytes)
        self._names: set[str] = set()
        self._directories: dict[str, str] = {}
        self._sounds: collections.Counter[str] = collections.Counter()
        self._transcripts: collections.Counter[str] = collections.Counter()
        self._speakers: dict[str, set[str]] = {}
        self._content_bytes = 0

    def run(self) -> ArchiveSummary:
        """Unpacks all of it.

        Raises:
          DataError: see `unpack_archive`.
        """
        stream = self._stream
        text = f"unpacking {Path(stream.name).name}"
        for member in stream.members():
            name = member.name.removeprefix("./")
            if member.is_directory:
                self._check_directory(member, name)
            else:
                self._write(member, name)
            self._progress.at(stream.name, stream.read_bytes, text)
        self._progress.at(stream.name, stream.read_bytes, text, last=True)
        subsets = tuple(sorted(self._speakers))
        if not self._sounds:
            raise DataError(f"{stream.name} must hold utterances as {_LAYOUT}; it holds none.")
        return ArchiveSummary(
            root=str(self._root.resolve()),
            subsets=subsets,
            utterances={subset: self._sounds[subset] for subset in subsets},
            transcripts={subset: self._transcripts[subset] for subset in subsets},
            speakers={subset: len(self._speakers[subset]) for subset in subsets},
            content_bytes=self._content_bytes,
            archive_bytes=stream.read_bytes,
            archive_md5=stream.md5,
        )

    def _check_directory(self, member: Member, name: str) -> None:
        # They are made as their files come: one without a file is of no use.
        if name not in ("", ".") and not _DIRECTORY.fullmatch(name):
            raise self._foreign(member)

    def _write(self, member: Member, name: str) -> None:
        found = _FILE.fullmatch(name)
        if not found and not _TABLE.fullmatch(name):
            raise self._foreign(member)
        limit = MAX_TABLE_BYTES if not found else MAX_SOUND_BYTES if found["sound"] else MAX_TRANSCRIPTS_BYTES
        if member.size_bytes > limit:
            raise DataError(
                f"{self._stream.name} must hold members of sane sizes, and {shown(name)} has {member.size_bytes} bytes;"
                f" {limit} are allowed."
            )
        if name.casefold() in self._names:
            raise DataError(
                f"{self._stream.name} must hold each name once, and {shown(name)} is there twice, or differs from"
                " another by its case alone; make it anew."
            )
        self._names.add(name.casefold())
        if found:
            self._count(found)
        path = self._staging / name
        self._make_directory(path.parent, name.rpartition("/")[0])
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with open(descriptor, "wb") as file:
            file.write(self._stream.content())
        os.utime(path, (member.mtime_seconds, member.mtime_seconds))
        self._content_bytes += member.size_bytes

    def _count(self, found: re.Match[str]) -> None:
        subset = found["subset"]
        if subset not in self._speakers:
            if self._subset not in (None, subset):
                raise DataError(
                    f"{self._stream.name} must hold the subset {self._subset} alone, and holds {subset}; name the"
                    " subset that it holds, or take another archive."
                )
            require_ours(self._root / subset)
            self._speakers[subset] = set()
        self._speakers[subset].add(found["speaker"])
        (self._sounds if found["sound"] else self._transcripts)[subset] += 1

    def _make_directory(self, path: Path, name: str) -> None:
        if self._directories.get(name.casefold()) == name:
            return
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            if self._directories.setdefault(parent.casefold(), parent) != parent:
                raise DataError(
                    f"{self._stream.name} must hold names that differ by more than their case, and has both"
                    f" {shown(self._directories[parent.casefold()])} and {shown(parent)}; make it anew."
                )
        path.mkdir(parents=True, exist_ok=True)

    def _foreign(self, member: Member) -> DataError:
        return DataError(
            f"{self._stream.name} must hold nothing but {_LAYOUT}; its member {shown(member.name)} is not of that"
            " layout."
        )


def require_ours(final: Path) -> None:
    """Refuses to replace a subset that a person may have made.

    Raises:
      UsageError: one is there, and was not unpacked from an archive.
    """
    if os.path.lexists(final) and not (final / NOTE_FILE).is_file():
        raise UsageError(
            f"{final} must not be there before, or be unpacked from an archive by this command, and is something else;"
            " name a new directory."
        )
