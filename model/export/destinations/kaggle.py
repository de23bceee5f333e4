"""Releases on Kaggle Models: one version of a variation for each, through kagglehub.

Kaggle numbers the versions, makes one at every upload, and knows nothing of digests. So the versions are looked through
first, for the RELEASE.json that each holds. A version appears by one request, after all files have been sent; a model
that did not exist is made before, private and empty, and stays where something fails after that. Kaggle then unpacks
what was sent: until it has, neither its files nor its RELEASE.json can be read, and nothing is published over it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from model.errors import ReleaseError, TryAgainError, UsageError
from model.export.destinations.destination import Copy, Staged
from model.export.destinations.kaggle_library import (
    credential_of,
    credentials_of,
    speaking_to_kaggle,
    status_of,
)
from model.export.destinations.settings import KaggleSettings
from model.export.release import RELEASE_FILE, Release, read_release

# The licences whose names on Kaggle are known here; of another, the owner chooses on the model's page.
_LICENSES = {"apache-2.0": "Apache 2.0", "mit": "MIT"}
# How long Kaggle may take to unpack what was sent.
_UNPACKED_WITHIN_SECONDS = 600
_PAUSE_SECONDS = 5
_FILES_ON_A_PAGE = 200
# Kaggle says of a model that is not there that it is forbidden, lest a private one be found out; kagglehub, too, takes
# both for missing. Whoever really may not write is told when the model is to be made, before anything is uploaded.
_NOT_THERE = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)


class KaggleDestination:
    """Publishes versions of a variation; a `Destination`.

    Args:
      settings: Which variation, and which variables hold the credentials.
    """

    def __init__(self, settings: KaggleSettings) -> None:
        self._settings = settings

    @property
    def address(self) -> str:
        """`kaggle://owner/model/framework/variation`."""
        return self._settings.address

    @property
    def credential(self) -> str:
        """The variables of the environment that say who publishes."""
        return credential_of(self._settings)

    def require_usable(self) -> None:
        """Checks that there are the library and credentials."""
        if importlib.util.find_spec("kagglehub") is None:
            raise UsageError(
                f"To publish to {self.address}, the packages of the extra 'kaggle' must be installed, and kagglehub is"
                " not; install wav2vec2-tfx[kaggle]."
            )
        if credentials_of(self._settings) is None:
            raise UsageError(
                f"To publish to {self.address}, {self.credential} must hold the credentials of someone who may, and"
                " they are not set; nothing was published."
            )

    def state(self) -> str | None:
        """Returns the number of the newest version."""
        self.require_usable()
        with speaking_to_kaggle(self._settings) as api:
            newest = self._newest(api)
        return str(newest) if newest else None

    def find(self, release: Release, source: Path) -> Copy | None:
        """Looks through the versions, the newest first, for the RELEASE.json of a release."""
        del source
        with speaking_to_kaggle(self._settings) as api:
            newest = self._newest(api)
            if newest and not self._sizes(api, newest):
                raise TryAgainError(
                    f"Version {newest} of {self.address} must be whole before it can be looked at, and Kaggle lists no"
                    " file of it yet; push again in a few minutes."
                )
            for number in range(newest, 0, -1):
                if self._digest_of(api, number) == release.release_digest:
                    differing = self._differing(api, number, release)
                    if differing is not None:
                        raise ReleaseError(
                            f"Version {number} of {self.address} must stay as it was published, and {differing}; delete"
                            " that version on Kaggle, and push again."
                        )
                    return self._copy(number)
        return None

    def finish(self, copy: Copy, release: Release, source: Path) -> None:
        """Nothing is left undone by a publisher that was killed after the version was there."""

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Gives a temporary directory."""
        with tempfile.TemporaryDirectory(prefix="w2v2-release-") as directory:
            yield Path(directory)

    def add(self, staged: Staged) -> tuple[Copy, Path]:
        """Uploads the files, and waits until Kaggle shows them."""
        import kagglehub

        release = staged.release
        with self.staging() as place, speaking_to_kaggle(self._settings) as api:
            before = self._newest(api)
            for name, path in staged.files().items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                # kagglehub follows links to files; most file systems need not copy.
                _link_or_copy(path, place / name)
            staged.described().write(place)
            kagglehub.model_upload(
                self._settings.handle,
                str(place),
                license_name=_LICENSES.get(release.license.lower()),
                version_notes=f"Release {release.release_digest}",
            )
            number = self._shown(api, before, release)
        return self._copy(number, is_new=True), staged.content

    def _copy(self, number: int, is_new: bool = False) -> Copy:
        return Copy(f"{self.address}/{number}", str(number), is_new)

    def _shown(self, api: Any, before: int, release: Release) -> int:
        """Waits for the version that was uploaded, and compares what Kaggle has of it."""
        deadline = time.monotonic() + _UNPACKED_WITHIN_SECONDS
        while True:
            number = self._newest(api)
            differing = "there is no new version" if number <= before else self._differing(api, number, release)
            if differing is None:
                return number
            if time.monotonic() > deadline:
                raise TryAgainError(
                    f"{self.address} must have what was sent after {_UNPACKED_WITHIN_SECONDS} s, and {differing}; wait"
                    " until its page shows the new version whole, or delete it there, and push again."
                )
            time.sleep(_PAUSE_SECONDS)

    def _newest(self, api: Any) -> int:
        """Returns the number of the newest version; 0 where there is none."""
        from kagglesdk.models.types.model_api_service import ApiGetModelInstanceRequest

        try:
            return int(self._asked(api.get_model_instance, ApiGetModelInstanceRequest(), _NOT_THERE).version_number)
        except FileNotFoundError:
            return 0

    def _digest_of(self, api: Any, number: int) -> str | None:
        """Returns the release digest in the RELEASE.json of a version; None where somebody else has made it."""
        import kagglehub

        if RELEASE_FILE not in self._sizes(api, number):
            return None
        with self.staging() as place:
            path = kagglehub.model_download(
                f"{self._settings.handle}/{number}", path=RELEASE_FILE, force_download=True, output_dir=str(place)
            )
            try:
                return read_release(Path(path).parent).release_digest
            except ReleaseError:
                return None

    def _differing(self, api: Any, number: int, release: Release) -> str | None:
        """Returns in which way the files that Kaggle lists are not those of a release; None where they are."""
        listed = self._sizes(api, number)
        for name, size in release.sizes_of(self._settings.format).items():
            if name not in listed:
                return f"{name} is missing"
            if listed[name] != size:
                return f"{name} has {listed[name]} bytes instead of {size}"
        return None if RELEASE_FILE in listed else f"{RELEASE_FILE} is missing"

    def _sizes(self, api: Any, number: int) -> dict[str, int]:
        """Returns the sizes of the files of a version; none before Kaggle has unpacked them."""
        from kagglesdk.models.types.model_api_service import ApiListModelInstanceVersionFilesRequest

        sizes: dict[str, int] = {}
        token = ""
        while True:
            request = ApiListModelInstanceVersionFilesRequest()
            request.version_number, request.page_size, request.page_token = number, _FILES_ON_A_PAGE, token
            try:
                page = self._asked(api.list_model_instance_version_files, request)
            except FileNotFoundError:
                return sizes
            sizes |= {file.name: int(file.size) for file in page.files or ()}
            token = page.next_page_token
            if not token:
                return sizes

    def _asked(self, ask: Any, request: Any, not_there: tuple[int, ...] = (HTTPStatus.NOT_FOUND,)) -> Any:
        """Sends a request about the variation.

        Raises:
          FileNotFoundError: there is no such thing.
        """
        from kagglehub.exceptions import KaggleApiHTTPError, handle_call
        from kagglehub.handle import parse_model_handle

        handle = parse_model_handle(self._settings.handle)
        request.owner_slug, request.model_slug = handle.owner, handle.model
        request.framework, request.instance_slug = handle.framework_enum(), handle.variation
        try:
            return handle_call(lambda: ask(request))
        except KaggleApiHTTPError as error:
            if status_of(error) in not_there:
                raise FileNotFoundError(self.address) from error
            raise


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
