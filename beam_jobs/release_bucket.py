"""Versions of released models in Cloud Storage: what `model.export.destinations.directory` is on a machine.

gs://<bucket>/<prefix>/<name>/<format>/
  .claims/1.json   who publishes version 1: the release digest; created once and never changed
  1/…              the files of the version, README.md, and of a SavedModel HUB.md
  1.tar.gz         of a SavedModel
  1/RELEASE.json   written when all of these are there: with it, 1 is a version
  latest           the number of the newest version; written last

Objects cannot be renamed together. So a publisher first takes a number, by creating its claim where there must be none
(`if_generation_match=0`), then writes the files, then RELEASE.json, again where there must be none. Whoever meets the
claim of the same release goes on with it: objects that are there with the same content are not sent again. A claim of
another release keeps its number; what a killed publisher wrote under it is removed after a day.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from beam_jobs import cloud_storage, places
from model.errors import DataError, ReleaseError, UsageError
from model.export.archive import write_archive
from model.export.destinations.destination import LATEST_FILE, Staged
from model.export.destinations.directory import ABANDONED_AFTER_SECONDS, require_name
from model.export.destinations.numbered import NumberedDestination
from model.export.hub_page import HUB_PAGE_FILE
from model.export.release import RELEASE_FILE, SAVED_MODEL, Format, Release, read_release
from model.storage import json_text

_CLAIMS = ".claims"
# Where the objects of a bucket are, for whoever may read them.
_PUBLIC_ADDRESS = "https://storage.googleapis.com/"
# What takes a number: a claim, an object below it, an archive.
_TAKEN = re.compile(r"(?:\.claims/)?(\d+)(?:/.*|\.tar\.gz|\.json)")
_MAX_RELEASE_BYTES = 16 << 20


def bucket_destination(destination: str, name: str, format_: Format) -> NumberedDestination:
    """Returns the destination for one format of a model below an address in Cloud Storage.

    Args:
      destination: `gs://<bucket>/<prefix>`; the prefix may be left out.
      name: The directory below it, for this model.
      format_: Of what is published.

    Raises:
      UsageError: the address is none, or the name is none of a directory.
    """
    require_name(name)
    root = places.absolute(destination)
    if not places.is_remote(root):
        raise UsageError(f"A destination in Cloud Storage must be gs://<bucket>/<prefix>, not {destination!r}.")
    return NumberedDestination(BucketStore(places.join(root, name, format_)), format_)


class BucketStore:
    """A `VersionStore` in Cloud Storage.

    Args:
      root: The address below which the versions lie.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    @property
    def address(self) -> str:
        """The address."""
        return self._root

    def address_of(self, number: int) -> str:
        """The address of a version."""
        return places.join(self._root, str(number))

    def numbers(self) -> list[int]:
        """Returns every number that an object or a claim has."""
        names = [found.name for found in cloud_storage.list_objects(self._root)]
        return sorted({int(match[1]) for name in names if (match := _TAKEN.fullmatch(name))})

    def versions(self) -> dict[int, Release]:
        """Returns what has a RELEASE.json."""
        names = {found.name for found in cloud_storage.list_objects(self._root)}
        return {number: self._read(number) for number in self.numbers() if f"{number}/{RELEASE_FILE}" in names}

    def check(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Compares sizes and MD5 sums, which the service tells, with those of the files of this machine."""
        stored = {found.name: found for found in cloud_storage.list_objects(self.address_of(number))}
        sizes = release.sizes_of(format_)
        for name, sha256 in release.files_of(format_).items():
            place = places.join(self.address_of(number), name)
            if name not in stored:
                raise ReleaseError(f"{place} must be there, because its {RELEASE_FILE} names it, and is not.")
            if stored[name].size_bytes != sizes[name]:
                raise ReleaseError(f"{place} must have {sizes[name]} bytes, and has {stored[name].size_bytes}.")
            # Composed objects have no MD5: their content is read.
            if not (_is_same(stored[name], source / name) if stored[name].md5 else places.sha256_of(place) == sha256):
                raise ReleaseError(f"{place} must be as it was exported, and its content has changed.")

    def finish(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Writes the archive of a SavedModel, where somebody has removed it."""
        place = f"{self.address_of(number)}.tar.gz"
        if format_ == SAVED_MODEL and not places.is_file(place):
            with places.new_file(place) as temporary:
                write_archive(source, release.files_of(format_), temporary)

    def begun(self, release: Release) -> int | None:
        """Returns the number that was claimed for a release, if it is no version yet."""
        for number, claim in self._claims().items():
            if claim == release.release_digest and not places.is_file(self._description(number)):
                return number
        return None

    def take(self, number: int, staged: Staged) -> Path | None:
        """Claims the number, and writes what is not there yet; RELEASE.json last."""
        if not self._claim(number, staged.release):
            return None
        self._remove_abandoned()
        below = self.address_of(number)
        stored = {found.name: found for found in cloud_storage.list_objects(below)}
        missing = [
            (path, places.join(below, name))
            for name, path in staged.files().items()
            if name not in stored or not _is_same(stored[name], path)
        ]
        if staged.archive is not None:
            missing.append((staged.archive, f"{below}.tar.gz"))
        cloud_storage.each(lambda pair: cloud_storage.upload(*pair), missing, "uploaded")
        if staged.page is not None:
            archive = f"{below}.tar.gz".replace("gs://", _PUBLIC_ADDRESS, 1)
            places.write_bytes(places.join(below, HUB_PAGE_FILE), staged.page(number, archive).encode())
        self.check(number, staged.release, staged.format, staged.content)
        try:
            text = json_text(staged.described(number).to_mapping())
            places.create_bytes(self._description(number), text.encode())
        except FileExistsError:
            # Another publisher of the same release was faster.
            return None
        return staged.content

    def newest(self) -> int | None:
        """Returns what `latest` names, if that is a version."""
        number = self.latest()
        return number if number is not None and places.is_file(self._description(number)) else None

    def latest(self) -> int | None:
        """Returns the number in the object `latest`."""
        try:
            text = places.read_bytes(places.join(self._root, LATEST_FILE), 100).decode(errors="replace").strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isascii() and text.isdecimal() else None

    def point(self, number: int) -> None:
        """Writes the object `latest`."""
        places.write_bytes(places.join(self._root, LATEST_FILE), f"{number}\n".encode())

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Gives a temporary directory of this machine."""
        with tempfile.TemporaryDirectory(prefix="w2v2-release-") as directory:
            yield Path(directory)

    def _description(self, number: int) -> str:
        return places.join(self.address_of(number), RELEASE_FILE)

    def _read(self, number: int) -> Release:
        place = self._description(number)
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / RELEASE_FILE).write_bytes(places.read_bytes(place, _MAX_RELEASE_BYTES))
            try:
                return read_release(directory)
            except ReleaseError as error:
                raise ReleaseError(str(error).replace(f"{directory}/{RELEASE_FILE}", place)) from error

    def _claim(self, number: int, release: Release) -> bool:
        """Tells whether the number is this release's, after trying to take it."""
        place = places.join(self._root, _CLAIMS, f"{number}.json")
        claim = {"format_version": 1, "release_digest": release.release_digest}
        # Its creation alone decides, also where an answer is lost and the library asks again.
        with contextlib.suppress(FileExistsError):
            places.create_bytes(place, json_text(claim).encode())
        return self._claims().get(number) == release.release_digest

    def _claims(self) -> dict[int, str]:
        """Returns the release digest of each claim."""
        place = places.join(self._root, _CLAIMS)
        claims = {}
        for name in places.list_names(place):
            number, _, suffix = name.partition(".")
            if suffix == "json" and number.isascii() and number.isdecimal():
                try:
                    claim = json.loads(places.read_bytes(places.join(place, name), _MAX_RELEASE_BYTES))
                    claims[int(number)] = str(claim["release_digest"])
                except (ValueError, KeyError, TypeError) as error:
                    raise DataError(
                        f"A claim must be as it was written, and {places.join(place, name)} is not; remove what was"
                        f" begun as {self.address_of(int(number))}, and then the claim."
                    ) from error
        return claims

    def _remove_abandoned(self) -> None:
        """Removes what a killed publisher of another release has left; its claim keeps the number."""
        found = cloud_storage.list_objects(self._root)
        for number in self._claims():
            own = [one for one in found if (match := _TAKEN.fullmatch(one.name)) and int(match[1]) == number]
            is_published = any(one.name == f"{number}/{RELEASE_FILE}" for one in own)
            newest_ns = max((one.modified_ns for one in own), default=0)
            if not is_published and time.time() - newest_ns / 1e9 > ABANDONED_AFTER_SECONDS:
                left = [one.name for one in own if not one.name.startswith(_CLAIMS)]
                cloud_storage.delete(places.join(self._root, name) for name in left)


def _is_same(stored: cloud_storage.StoredObject, path: Path) -> bool:
    """Tells whether an object has the content of a file; without an MD5 from the service, it is taken for another."""
    if stored.size_bytes != path.stat().st_size:
        return False
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return stored.md5 == base64.b64encode(digest.digest()).decode()
