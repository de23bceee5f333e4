"""Versions in a directory of this machine.

<destination>/<name>/saved_model/
  1/                    saved_model.pb, variables/, assets/ at its root, as TF Hub and TF Serving want them,
                        README.md (the model card), HUB.md (its page for TensorFlow Hub) and RELEASE.json
  1.tar.gz              the SavedModel alone, saved_model.pb at its root: the file that hubs serve
  latest                the number of the newest version; written last
<destination>/<name>/onnx/
  1/                    onnx/model.onnx, config.json, vocab.json, …, README.md and RELEASE.json
  latest
<destination>/<name>/checkpoint/
  1/                    model.safetensors, config.json, …, README.md and RELEASE.json
  latest

A version appears by one rename. Two publishers cannot take the same number, because a directory cannot be renamed onto
another that is not empty.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from model.errors import UsageError
from model.export.archive import write_archive
from model.export.destinations.destination import LATEST_FILE, Staged
from model.export.destinations.numbered import NumberedDestination
from model.export.hub_page import HUB_PAGE_FILE
from model.export.release import RELEASE_FILE, SAVED_MODEL, Format, Release, check_files, read_release
from model.storage import disk_full_is_said, replacing

_LOG = logging.getLogger(__name__)
_STAGING_PREFIX = ".staging-"
# A killed publisher leaves its staging directory; no publisher takes a day.
ABANDONED_AFTER_SECONDS = 24 * 3600
# What rename says where another publisher was faster.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def directory_destination(destination: str, name: str, format_: Format) -> NumberedDestination:
    """Returns the destination for one format of a model below a directory of this machine.

    Args:
      destination: The directory.
      name: The directory below it, for this model.
      format_: Of what is published.

    Raises:
      UsageError: the destination is not on this machine, or the name is none of a directory.
    """
    if not destination or "://" in destination:
        raise UsageError(f"A pusher's destination must be a directory on this machine, not {destination!r}.")
    require_name(name)
    return NumberedDestination(DirectoryStore(Path(destination).expanduser().resolve() / name / format_), format_)


def require_name(name: str) -> None:
    """Raises UsageError unless a model's name can be that of a directory."""
    if not name or Path(name).name != name:
        raise UsageError(f"The name of a published model must be that of a directory, not {name!r}.")


class DirectoryStore:
    """A `VersionStore` in a directory.

    Args:
      root: Its directory, absolute; it is made when something is published.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def address(self) -> str:
        """The directory."""
        return str(self._root)

    def address_of(self, number: int) -> str:
        """The directory of a version."""
        return str(self._root / str(number))

    def numbers(self) -> list[int]:
        """Returns every number that something has as its name."""
        if not self._root.is_dir():
            return []
        return [int(path.name) for path in self._root.iterdir() if path.name.isascii() and path.name.isdecimal()]

    def versions(self) -> dict[int, Release]:
        """Returns what is published; directories that are no published version are left out."""
        versions = {}
        for number in sorted(self.numbers()):
            directory = self._root / str(number)
            if not (directory / RELEASE_FILE).is_file():
                _LOG.warning(
                    "%s has no %s, so it is no published version; its number is not used again.",
                    directory,
                    RELEASE_FILE,
                )
                continue
            versions[number] = read_release(directory)
        return versions

    def check(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Hashes the files of a version."""
        del source
        check_files(self._root / str(number), release, format_, hashes=True)

    def finish(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Writes the archive of a SavedModel, which comes after the version."""
        del source
        if format_ == SAVED_MODEL and not self._archive(number).exists():
            with replacing(self._archive(number)) as temporary:
                write_archive(self._root / str(number), release.files_of(SAVED_MODEL), temporary)

    def begun(self, release: Release) -> int | None:
        """None: what a killed publisher leaves has no number."""
        del release

    def take(self, number: int, staged: Staged) -> Path | None:
        """Renames the staged copy to the version; one that was staged elsewhere is copied first."""
        if not staged.content.is_relative_to(self._root):
            with self.staging() as place:
                for name, path in staged.files().items():
                    (place / "content" / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, place / "content" / name)
                archive = None
                if staged.archive is not None:
                    archive = Path(shutil.copyfile(staged.archive, place / "model.tar.gz"))
                return self.take(number, dataclasses.replace(staged, content=place / "content", archive=archive))
        directory = self._root / str(number)
        if staged.page is not None:
            page = staged.page(number, self._archive(number).as_uri())
            (staged.content / HUB_PAGE_FILE).write_text(page, encoding="utf-8")
        staged.described(number).write(staged.content)
        try:
            staged.content.rename(directory)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return None
        if staged.archive is not None:
            staged.archive.replace(self._archive(number))
        return directory

    def newest(self) -> int | None:
        """Returns what `latest` names; a version counts while its directory is there."""
        number = self.latest()
        return number if number is not None and (self._root / str(number)).is_dir() else None

    def latest(self) -> int | None:
        """Returns the number in the file `latest`."""
        try:
            text = (self._root / LATEST_FILE).read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return int(text) if text.isascii() and text.isdecimal() else None

    def point(self, number: int) -> None:
        """Writes the file `latest`."""
        with replacing(self._root / LATEST_FILE) as temporary:
            temporary.write_text(f"{number}\n", encoding="utf-8")

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Gives a directory beside the versions, from which they can be renamed.

        Raises:
          DiskFullError: there is no room left.
        """
        with disk_full_is_said(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            for leftover in self._root.glob(f"{_STAGING_PREFIX}*"):
                if time.time() - leftover.stat().st_mtime > ABANDONED_AFTER_SECONDS:
                    shutil.rmtree(leftover, ignore_errors=True)
            staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=self._root))
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def _archive(self, number: int) -> Path:
        return self._root / f"{number}.tar.gz"
