"""Versions 1, 2, … of one format of a model: which is next, which holds a release, which is the latest."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Protocol

from model.errors import ReleaseError
from model.export.destinations.destination import Copy, Staged
from model.export.release import Format, Release

_LOG = logging.getLogger(__name__)


class VersionStore(Protocol):
    """A place that keeps numbered versions."""

    @property
    def address(self) -> str:
        """Where it is."""
        ...

    def address_of(self, number: int) -> str:
        """Returns where a version is."""
        ...

    def numbers(self) -> list[int]:
        """Returns every number that is taken, published or not."""
        ...

    def versions(self) -> dict[int, Release]:
        """Returns what is published, by number, in ascending order; what has no RELEASE.json is not."""
        ...

    def check(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Raises ReleaseError unless a version holds, byte for byte, the files of a release."""
        ...

    def finish(self, number: int, release: Release, format_: Format, source: Path) -> None:
        """Adds to a published version what a killed publisher left out; the files of the version are all there."""
        ...

    def begun(self, release: Release) -> int | None:
        """Returns the number under which somebody began to publish a release, and has not finished."""
        ...

    def take(self, number: int, staged: Staged) -> Path | None:
        """Publishes under a number; RELEASE.json, which makes it a version, appears last.

        Returns:
          Where the content lies on this machine now; None where the number is taken by somebody else.
        """
        ...

    def newest(self) -> int | None:
        """Returns the number that `latest` names, if that version is there; None otherwise."""
        ...

    def latest(self) -> int | None:
        """Returns the number that `latest` names."""
        ...

    def point(self, number: int) -> None:
        """Lets `latest` name a version."""
        ...

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Gives an empty directory of this machine, from which `take` can publish."""
        ...


class NumberedDestination:
    """Publishes into a store of numbered versions; a `Destination`.

    Args:
      store: The place.
      format_: Of what is published there.
    """

    credential = ""

    def __init__(self, store: VersionStore, format_: Format) -> None:
        self._store = store
        self._format: Format = format_

    @property
    def address(self) -> str:
        """Where it is."""
        return self._store.address

    def require_usable(self) -> None:
        """A place that cannot be used says so when it is used."""

    def state(self) -> str | None:
        """Returns the newest version."""
        newest = self._store.newest()
        return None if newest is None else str(newest)

    def find(self, release: Release, source: Path) -> Copy | None:
        """Returns the version that holds a release, after its files have been compared."""
        number = self._find(release, source)
        return None if number is None else self._copy(number, is_new=False)

    def finish(self, copy: Copy, release: Release, source: Path) -> None:
        """Completes a version, and lets `latest` name it if it is the newest."""
        number = int(copy.version)
        self._store.finish(number, release, self._format, source)
        if number == max(self._store.versions()):
            self._update_latest()

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Gives a directory for the staged copy."""
        return self._store.staging()

    def add(self, staged: Staged) -> tuple[Copy, Path]:
        """Publishes under the next number that nobody else takes, and then lets `latest` name the newest."""
        release = staged.release
        while (found := self._find(release, staged.content)) is None:
            begun = self._store.begun(release)
            number = max(self._store.numbers(), default=0) + 1 if begun is None else begun
            content = self._store.take(number, staged)
            if content is not None:
                self._update_latest()
                return self._copy(number, is_new=True), content
            _LOG.info("Version %d was taken meanwhile.", number)
        copy = self._copy(found, is_new=False)
        self.finish(copy, release, staged.content)
        return copy, staged.content

    def _copy(self, number: int, is_new: bool) -> Copy:
        return Copy(self._store.address_of(number), str(number), is_new)

    def _find(self, release: Release, source: Path) -> int | None:
        for number, published in self._store.versions().items():
            if published.release_digest == release.release_digest:
                try:
                    self._store.check(number, release, self._format, source)
                except ReleaseError as error:
                    raise ReleaseError(
                        f"Version {number} in {self.address} must stay as it was published: {error} Or delete that"
                        " version, and push again."
                    ) from error
                return number
        return None

    def _update_latest(self) -> None:
        """Lets `latest` name the newest version, also where two publishers do this at once."""
        newest = None
        while newest != (now := max(self._store.versions())):
            newest = now
            if self._store.latest() != newest:
                self._store.point(newest)
