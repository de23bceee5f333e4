"""Unpacks archives of LibriSpeech: a list of what may be in them, and nothing of one that holds anything else."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from beam_jobs.librispeech.tar_stream import Member, TarStream, shown
from beam_jobs.librispeech.transfer import MegabyteProgress, locked, make_place, require_room
from model.errors import DataError, UsageError
from model.storage import disk_full_is_said, replacing, write_json

ROOT_NAME = "LibriSpeech"
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")
# An utterance of 40 s has 1.3 MB of samples; a chapter of LibriSpeech has 30 KB of transcripts.
MAX_SOUND_BYTES = 16 << 20
MAX_TRANSCRIPTS_BYTES = 1 << 20
MAX_TABLE_BYTES = 8 << 20

_TABLES = ("SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT")
_TEXTS = ("README.TXT", "LICENSE.TXT")
_SUBSET = r"(?:train|dev|test)[A-Za-z0-9_-]{0,60}"
_ID = r"[A-Za-z0-9_]{1,40}"
_DIRECTORY = re.compile(rf"{ROOT_NAME}(?:/(?P<subset>{_SUBSET})(?:/{_ID}){{0,2}})?")
_TABLE = re.compile(rf"{ROOT_NAME}/(?:{'|'.join(re.escape(name) for name in _TABLES + _TEXTS)})")
_FILE = re.compile(
    rf"{ROOT_NAME}/(?P<subset>{_SUBSET})/(?P<speaker>{_ID})/(?P<chapter>{_ID})"
    rf"/(?P=speaker)-(?P=chapter)(?:-{_ID}\.(?P<sound>flac)|\.trans\.txt)"
)
_LAYOUT = (
    f"{ROOT_NAME}/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac, <speaker>-<chapter>.trans.txt beside"
    f" them and {', '.join(_TABLES + _TEXTS)} in {ROOT_NAME}/, the subsets named train*, dev* or test*"
)
_NOTE = ".unpacked.json"
_STAGING = ".unpacking-"


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


def find_archives(path: str | Path) -> tuple[Path, ...]:
    """Finds archives of LibriSpeech's subsets.

    Args:
      path: An archive, or a directory that holds archives named like subsets, such as `train-clean-100.tar.gz`.

    Returns:
      Their paths, sorted; none where the path is something else, such as an extracted corpus.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return (place,) if place.name.endswith(ARCHIVE_SUFFIXES) else ()
    if not place.is_dir():
        return ()
    named = re.compile(rf"{_SUBSET}(?:{'|'.join(re.escape(suffix) for suffix in ARCHIVE_SUFFIXES)})")
    return tuple(sorted(file for file in place.iterdir() if named.fullmatch(file.name) and file.is_file()))


def unpack_archive(
    archive: str | Path | BinaryIO,
    directory: str | Path,
    subset: str | None = None,
    *,
    name: str = "",
    identity: str = "",
) -> ArchiveSummary:
    """Unpacks an archive of one or more subsets to `<directory>/LibriSpeech/<subset>/…`.

    It is read once, as a stream, and unpacked beside its final place; each subset gets its name when all of the
    archive has been found to be sound. A run that was killed leaves nothing under a final name, and the next one
    removes what it left. Modification times are those in the archive, so that a corpus that is unpacked twice has one
    fingerprint. An archive that was unpacked here before, and is the same, is not unpacked again.

    Args:
      archive: A `.tar.gz` or `.tar`; or such a thing opened for reading bytes, of another storage.
      directory: Gets `LibriSpeech/`.
      subset: What it must hold; None for whatever it holds.
      name: What to call an opened one in messages.
      identity: What changes when the content of an opened one does, such as a generation; without it an opened one is
        unpacked each time.

    Raises:
      DataError: the archive is cut off, damaged, a bomb, or holds anything that is not of LibriSpeech's layout.
      UsageError: a subset of that name is there already, and is not of this function's making.
      DiskFullError: there is no room.
      TryAgainError: an opened one could not be read.
    """
    target = Path(directory).expanduser()
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk_full_is_said(target))
        make_place(target)
        stack.enter_context(locked(target / ".unpack.lock"))
        for stale in target.glob(f"{_STAGING}*"):
            shutil.rmtree(stale)
        total_bytes: int | None = None
        if isinstance(archive, str | Path):
            path = Path(archive).expanduser()
            name = str(path)
            source, status = _open(path)
            stack.enter_context(source)
            total_bytes = status.st_size
            identity = f"{path.name} {status.st_size} {status.st_mtime_ns}"
        else:
            source = archive
            name = name or str(getattr(archive, "name", "The archive"))
        if identity and (found := _unpacked_before(target / ROOT_NAME, identity, subset)):
            return found
        require_room(target, total_bytes or 0)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=target))
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        stream = TarStream(source, name, is_local=total_bytes is not None)
        unpacking = _Unpacking(stream, staging, target / ROOT_NAME, subset, total_bytes)
        summary = unpacking.run()
        _publish(summary, staging, identity)
        return summary


class _Unpacking:
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
            _require_ours(self._root / subset)
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


def _open(path: Path) -> tuple[BinaryIO, os.stat_result]:
    if path.is_dir():
        raise DataError(f"An archive must be a .tar.gz or a .tar, and {path} is a directory.")
    try:
        source = open(path, "rb")
        return source, os.fstat(source.fileno())
    except OSError as error:
        raise DataError(f"{path} must be a file that can be read: {error.strerror}.") from error


def _publish(summary: ArchiveSummary, staging: Path, identity: str) -> None:
    """Gives the tables and then the subsets their final names."""
    root = Path(summary.root)
    root.mkdir(exist_ok=True)
    for path in sorted(staging.glob(f"{ROOT_NAME}/*.TXT")):
        _merge(path, root / path.name)
    for subset in summary.subsets:
        new, final = staging / ROOT_NAME / subset, root / subset
        write_json(new / _NOTE, {"identity": identity, "summary": dataclasses.asdict(summary)})
        _require_ours(final)
        if final.exists():
            final.rename(staging / f"old-{subset}")
        new.rename(final)


def _merge(new: Path, final: Path) -> None:
    """Puts a table in its place; archives that somebody made may each have a table of their own speakers."""
    if not final.exists():
        new.rename(final)
        return
    content, lines = final.read_bytes(), new.read_bytes().splitlines()
    held = set(content.splitlines())
    missing = [line for line in lines if line not in held]
    if missing and final.name in _TABLES:
        with replacing(final) as temporary:
            temporary.write_bytes(b"\n".join([*content.splitlines(), *missing, b""]))


def _require_ours(final: Path) -> None:
    if final.exists() and not (final / _NOTE).is_file():
        raise UsageError(
            f"{final} must not be there before, or be unpacked from an archive by this command, and is something else;"
            " name a new directory."
        )


def _unpacked_before(root: Path, identity: str, subset: str | None) -> ArchiveSummary | None:
    for note in _notes(root):
        if note.get("identity") != identity:
            continue
        try:
            found = ArchiveSummary(**{**note["summary"], "root": str(root.resolve())})
            found = dataclasses.replace(found, subsets=tuple(found.subsets))
            others = [json.loads((root / one / _NOTE).read_text(encoding="utf-8")) for one in found.subsets]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if all(other == note for other in others) and subset in (None, *found.subsets[:1]):
            return found
    return None


def _notes(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(root.glob(f"*/{_NOTE}")):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(note, dict):
            yield note
