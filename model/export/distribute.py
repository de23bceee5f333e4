"""One format of a release, staged once, to every place where it is not published yet."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from model.errors import ReleaseError
from model.export.archive import write_archive
from model.export.destinations.destination import Copy, Destination, Page, Staged
from model.export.release import SAVED_MODEL, Format, Release, check_files


def distribute(
    release: Release,
    source: Path,
    format_: Format,
    destinations: Sequence[Destination],
    prepare: Callable[[Path], Release],
    page: Page | None = None,
) -> list[Copy]:
    """Publishes one format of a release wherever it is not published.

    Every destination is asked before anything is published in one: what is missing or refused there ends it here, with
    nothing published. After that, the first destination that fails ends it; those before it have the release, and the
    next call finds it there.

    Args:
      release: As its RELEASE.json describes it.
      source: The directory of the format's files.
      format_: Which format.
      destinations: The places, in this order.
      prepare: Verifies the staged copy in the directory that it is given, writes README.md into it, and returns the
        release as the copies describe it.
      page: Makes the page of a version of a SavedModel.

    Returns:
      Where the release is now, in the order of the destinations.

    Raises:
      UsageError: a destination cannot be used.
      ReleaseError: the files are not those of the release, or a published copy is not what was published.
      TryAgainError: a service does not answer, or the disk is full.
    """
    for destination in destinations:
        destination.require_usable()
    found = [destination.find(release, source) for destination in destinations]
    copies = list(found)
    first = next((number for number, copy in enumerate(found) if copy is None), None)
    if first is not None:
        with destinations[first].staging() as place:
            staged = dataclasses.replace(_stage(release, source, format_, place, prepare), page=page)
            for number, destination in enumerate(destinations):
                if found[number] is None:
                    copies[number], content = destination.add(staged)
                    # Where a version is renamed, the bytes are there now.
                    staged = dataclasses.replace(staged, content=content)
    for destination, copy in zip(destinations, found, strict=True):
        if copy is not None:
            destination.finish(copy, release, source)
    return [copy for copy in copies if copy is not None]


def _stage(release: Release, source: Path, format_: Format, place: Path, prepare: Callable[[Path], Release]) -> Staged:
    content = place / "content"
    copy_files(source, content, release, format_)
    described = prepare(content)
    archive = None
    if format_ == SAVED_MODEL:
        archive = place / "model.tar.gz"
        write_archive(content, release.files_of(format_), archive)
    return Staged(content, described, format_, archive)


def copy_files(source: Path, content: Path, release: Release, format_: Format) -> None:
    """Copies the files that RELEASE.json names, and compares the copies with it.

    Raises:
      ReleaseError: a file is missing, or is not what was exported.
    """
    if not release.files_of(format_):
        raise ReleaseError(
            f"A release must hold the format {format_} to publish it, and this has none; export it again."
        )
    for name in release.files_of(format_):
        target = content / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source / name, target)
        except FileNotFoundError as error:
            raise ReleaseError(f"The release must hold {format_}/{name}, and does not; export it again.") from error
    check_files(content, release, format_, hashes=True)
