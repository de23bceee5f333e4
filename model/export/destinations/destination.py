"""What publishing asks of a place where releases are published."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from model.export.release import Format, Release

CARD_FILE = "README.md"
# Makes the page of a version, of its number and the address of its archive.
Page = Callable[[int, str], str]
LATEST_FILE = "latest"


@dataclasses.dataclass(frozen=True)
class Staged:
    """One format of a release, ready to be published: whole, verified, with its card.

    Attributes:
      content: The directory of the files, with README.md.
      release: As its copies describe it, but for `format` and `version`.
      format: Which of its formats lies in `content`.
      archive: The SavedModel as one file; None of other formats.
      page: Makes HUB.md, where versions have numbers and the SavedModel an archive; None of other formats.
    """

    content: Path
    release: Release
    format: Format
    archive: Path | None = None
    page: Page | None = None

    def described(self, version: int | None = None) -> Release:
        """Returns the release as a published copy describes it."""
        return dataclasses.replace(self.release, format=self.format, version=version)

    def files(self) -> dict[str, Path]:
        """Returns what a copy holds besides RELEASE.json, by its path there: the files of the release, and the card."""
        names = [*self.release.files_of(self.format), CARD_FILE]
        return {name: self.content / name for name in sorted(names)}


@dataclasses.dataclass(frozen=True)
class Copy:
    """A release where it is published.

    Attributes:
      address: Where, in full: a directory, or an address with `gs://`, `hf://` or `kaggle://`.
      version: Its number there; of Hugging Face, which has none, the tag.
      is_new: Whether it was published now.
    """

    address: str
    version: str
    is_new: bool = False

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        return f"{'Published' if self.is_new else 'Already published'} as version {self.version} in {self.address}."


class Destination(Protocol):
    """A place for the versions of one format of one model.

    Publishing calls `require_usable`, `find` of all its destinations before it calls `add` of the first.
    """

    @property
    def address(self) -> str:
        """Where it is, for people and for records."""
        ...

    @property
    def credential(self) -> str:
        """Which variables of the environment say who publishes; empty where none is needed."""
        ...

    def require_usable(self) -> None:
        """Checks, without asking the network, that something can be published there.

        Raises:
          UsageError: a library or a credential is missing.
        """
        ...

    def state(self) -> str | None:
        """Returns what changes when the newest version does; None where there is none.

        Raises:
          W2v2Error: nobody answers, or whoever asks may not know.
        """
        ...

    def find(self, release: Release, source: Path) -> Copy | None:
        """Returns where the release is published already; None where it is not.

        Args:
          release: What is looked for.
          source: The directory of its files on this machine, to compare with.

        Raises:
          ReleaseError: it is there, and is no longer what was published.
        """
        ...

    def finish(self, copy: Copy, release: Release, source: Path) -> None:
        """Does for a copy that was found what a publisher that was killed at the end has left undone."""
        ...

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Gives an empty directory of this machine, from which `add` can publish, and which is gone afterwards."""
        ...

    def add(self, staged: Staged) -> tuple[Copy, Path]:
        """Publishes a release; a reader sees the whole of it or nothing.

        Returns:
          The copy, and where the content lies on this machine now.
        """
        ...
