"""Archives of LibriSpeech: which there are, and unpacking them whole or not at all."""

from __future__ import annotations

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

from beam_jobs.librispeech.metered_source import ByteStream
from beam_jobs.librispeech.tar_stream import TarStream
from beam_jobs.librispeech.transfer import locked, make_place, require_room
from beam_jobs.librispeech.unpacking import (
    NOTE_FILE,
    ROOT_NAME,
    SUBSET_PATTERN,
    TABLES,
    ArchiveSummary,
    Unpacking,
    require_ours,
)
from model.errors import DataError
from model.storage import disk_full_is_said, replacing, write_json

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")

# Of an archive of a subset, as a regular expression.
ARCHIVE_NAME = rf"{SUBSET_PATTERN}(?:{'|'.join(re.escape(suffix) for suffix in ARCHIVE_SUFFIXES)})"

_STAGING = ".unpacking-"


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
    return tuple(sorted(file for file in place.iterdir() if re.fullmatch(ARCHIVE_NAME, file.name) and file.is_file()))


def unpack_archive(
    archive: str | Path | ByteStream,
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
            shutil.rmtree(stale, ignore_errors=True)
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
        unpacking = Unpacking(stream, staging, target / ROOT_NAME, subset, total_bytes)
        summary = unpacking.run()
        _publish(summary, staging, identity)
        return summary


def _open(path: Path) -> tuple[BinaryIO, os.stat_result]:
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "no regular file"
        raise DataError(f"An archive must be a .tar.gz or a .tar, and {path} is {what}.")
    try:
        source = open(path, "rb")  # noqa: SIM115 — who calls this closes it
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
        write_json(new / NOTE_FILE, {"identity": identity, "summary": dataclasses.asdict(summary)})
        require_ours(final)
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
    if missing and final.name in TABLES:
        with replacing(final) as temporary:
            temporary.write_bytes(b"\n".join([*content.splitlines(), *missing, b""]))


def _unpacked_before(root: Path, identity: str, subset: str | None) -> ArchiveSummary | None:
    for note in _notes(root):
        if note.get("identity") != identity:
            continue
        try:
            found = ArchiveSummary(**{**note["summary"], "root": str(root.resolve())})
            found = dataclasses.replace(found, subsets=tuple(found.subsets))
            others = [json.loads((root / one / NOTE_FILE).read_text(encoding="utf-8")) for one in found.subsets]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if all(other == note for other in others) and (subset is None or found.subsets == (subset,)):
            return found
    return None


def _notes(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(root.glob(f"*/{NOTE_FILE}")):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(note, dict):
            yield note
