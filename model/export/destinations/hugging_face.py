"""Releases on the Hugging Face Hub: one commit for each, with a tag that names its digest.

A commit holds all files of a release and removes all others, so that the branch `main` is a whole release at any time.
Large files are sent before the commit and are not to be seen until then. The tag comes last; where a publisher is
killed before it, the next one finds the files on `main` and adds it. A repository that did not exist is made first, and
stays, empty, where something fails after that.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.checkpoint.hub_library import answers_are_of_a_hub, find_endpoint, quiet_library
from model.errors import ReleaseError, TryAgainError, UsageError, W2v2Error
from model.export.destinations.destination import Copy, Staged
from model.export.destinations.hub_errors import refused
from model.export.destinations.settings import HuggingFaceSettings
from model.export.release import RELEASE_FILE, Release
from model.storage import json_text

_BRANCH = "main"
# What the hub itself keeps in a repository.
_KEPT = (".gitattributes",)
_TIMEOUT_SECONDS = 30
# Of any request; the library tries some of them again.
_ANSWER_WITHIN_SECONDS = 120.0
_STATE_TIMEOUT_SECONDS = 5
# How the library begins what the hub says of a README.md that it does not take.
_BAD_CARD = "Invalid metadata in README.md"
# Somebody else has committed meanwhile.
_CONFLICTS = (409, 412)


class HuggingFaceDestination:
    """Publishes into a repository; a `Destination`.

    Args:
      settings: Which repository, and which variable holds the token.
    """

    def __init__(self, settings: HuggingFaceSettings) -> None:
        self._settings = settings
        self._is_hub = False

    @property
    def address(self) -> str:
        """`hf://owner/name`."""
        return self._settings.address

    @property
    def credential(self) -> str:
        """The variable that holds the token."""
        return self._settings.token_variable

    def require_usable(self) -> None:
        """Checks that there is a token, and an address to speak to."""
        token = os.environ.get(self._settings.token_variable, "")
        if not token:
            raise UsageError(
                f"To publish to {self.address}, the variable {self._settings.token_variable} must hold a token that"
                " may write there, and it is not set; nothing was published."
            )
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise UsageError(f"{self._settings.token_variable} must hold a token, of plain ASCII; correct it.")
        find_endpoint()

    def state(self) -> str | None:
        """Returns the commit of the branch."""
        try:
            with self._speaking() as api:
                return self._info(api, _BRANCH, _STATE_TIMEOUT_SECONDS).sha
        except FileNotFoundError:
            return None

    def find(self, release: Release, source: Path) -> Copy | None:
        """Looks for the tag of a release, and without one on the branch, and compares the files there."""
        tag = tag_of(release)
        with self._speaking() as api:
            # A wrong token is told as such, and not as a repository that is not there.
            api.whoami()
            self._is_hub = True
            for revision in (tag, _BRANCH):
                try:
                    info = self._info(api, revision)
                except FileNotFoundError:
                    continue
                differing = self._differing(info, release, source)
                if differing is None:
                    return self._copy(tag)
                if revision == tag:
                    raise ReleaseError(
                        f"The tag {tag} in {self.address} must stay as it was published, and {differing}; remove that"
                        " tag, and push again."
                    )
        return None

    def finish(self, copy: Copy, release: Release, source: Path) -> None:
        """Adds the tag, where a killed publisher has not."""
        del release, source
        with self._speaking() as api, contextlib.suppress(FileNotFoundError):
            self._info(api, copy.version)
            return
        with self._speaking() as api:
            api.create_tag(self._settings.repository, tag=copy.version, revision=_BRANCH, exist_ok=True)

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Gives a temporary directory."""
        with tempfile.TemporaryDirectory(prefix="w2v2-release-") as directory:
            yield Path(directory)

    def add(self, staged: Staged) -> tuple[Copy, Path]:
        """Commits the release, looks at what the hub has of it, and adds the tag."""
        repository, release = self._settings.repository, staged.release
        tag = tag_of(release)
        with self._speaking() as api:
            try:
                head = self._info(api, _BRANCH)
            except FileNotFoundError:
                api.create_repo(repository, private=self._settings.private, exist_ok=True)
                head = self._info(api, _BRANCH)
            commit = api.create_commit(
                repository,
                _operations(staged, head),
                commit_message=f"Release {release.release_digest[:16]} of {release.name}",
                commit_description=f"{RELEASE_FILE} has its digests.",
                revision=_BRANCH,
                parent_commit=head.sha,
            )
            differing = self._differing(self._info(api, commit.oid), release, staged.content)
            if differing is not None:
                raise TryAgainError(
                    f"{self.address} must have what was sent, and {differing}; push again, which replaces it."
                )
            api.create_tag(repository, tag=tag, revision=commit.oid, exist_ok=True)
        return self._copy(tag, is_new=True), staged.content

    def _copy(self, tag: str, is_new: bool = False) -> Copy:
        return Copy(f"{self.address}@{tag}", tag, is_new)

    def _info(self, api: Any, revision: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> Any:
        """Returns what the hub has under a revision.

        Raises:
          FileNotFoundError: there is no such repository or revision.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            return api.model_info(
                self._settings.repository, revision=revision, files_metadata=True, timeout=timeout_seconds
            )
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise FileNotFoundError(f"{self.address}@{revision}") from error

    def _differing(self, info: Any, release: Release, source: Path) -> str | None:
        """Returns in which way a revision has not the files of a release; None where it has."""
        stored = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        sizes = release.sizes_of(self._settings.format)
        for name, sha256 in release.files_of(self._settings.format).items():
            found = stored.get(name)
            if found is None:
                return f"{name} is missing"
            if found.lfs is not None:
                is_same = found.lfs.sha256 == sha256
            else:
                is_same = found.size == sizes[name] and found.blob_id == _git_hash(source / name)
            if not is_same:
                return f"{name} has another content"
        return None

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[Any]:
        """Gives the library's interface to the hub, with its errors turned into ours."""
        import huggingface_hub
        from huggingface_hub.errors import HTTPError

        endpoint = find_endpoint()
        api = huggingface_hub.HfApi(endpoint=endpoint, token=os.environ.get(self._settings.token_variable) or False)
        with quiet_library(), answers_are_of_a_hub(endpoint), _impatient():
            bars = huggingface_hub.utils.are_progress_bars_disabled()
            huggingface_hub.utils.disable_progress_bars()
            try:
                yield api
            except FileNotFoundError as error:
                if error.errno is None:
                    raise
                raise ReleaseError(f"The staged copy must stay while it is published: {error}; push again.") from error
            except (HTTPError, OSError, RuntimeError) as error:
                raise self._in_our_words(error, endpoint) from error
            except ValueError as error:
                if str(error).startswith(_BAD_CARD):
                    reason = " ".join(str(error).split())
                    raise ReleaseError(f"{self.address} must take the model card, and refuses it: {reason}") from error
                if not self._is_hub:
                    raise
                reason = " ".join(str(error).split())[:200]
                raise TryAgainError(
                    f"{self.address} cannot be published to now, because {endpoint} gives answers that cannot be read"
                    f" ({reason}); push again in a few minutes."
                ) from error
            finally:
                if not bars:
                    huggingface_hub.utils.enable_progress_bars()

    def _in_our_words(self, error: BaseException, endpoint: str) -> W2v2Error:
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

        if isinstance(error, W2v2Error):
            return error
        if isinstance(error, RuntimeError) and error.__cause__ is not None:
            # «Error while uploading …»
            return self._in_our_words(error.__cause__, endpoint)
        if isinstance(error, LocalTokenNotFoundError):
            return UsageError(f"To ask {self.address}, {self._settings.token_variable} must hold a token; set it.")
        if isinstance(error, HfHubHTTPError):
            if error.response.status_code in _CONFLICTS:
                return TryAgainError(
                    f"Nobody else may commit to {self.address} while a release is published there, and somebody did;"
                    " push again."
                )
            return refused(self.address, error.response.status_code, self._settings.token_variable)
        return TryAgainError(
            f"{self.address} cannot be published to now, because {endpoint} does not answer or the connection broke"
            f" ({type(error).__name__}); see whether the network is up, and push again."
        )


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Lets the library wait for an answer as long as that makes sense, and not for ever."""
    import huggingface_hub

    client = huggingface_hub.get_session()
    before = client.timeout
    client.timeout = _ANSWER_WITHIN_SECONDS
    try:
        yield
    finally:
        client.timeout = before


def tag_of(release: Release) -> str:
    """Returns the tag of a release."""
    return f"release-{release.release_digest[:16]}"


def _operations(staged: Staged, head: Any) -> list[Any]:
    """Returns what makes a repository hold a release and nothing else."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files: dict[str, Path | bytes] = {
        **staged.files(),
        RELEASE_FILE: json_text(staged.described().to_mapping()).encode(),
    }
    there = {sibling.rfilename for sibling in head.siblings or ()}
    return [
        *(CommitOperationAdd(name, content) for name, content in files.items()),
        *(CommitOperationDelete(name) for name in sorted(there - set(files) - set(_KEPT))),
    ]


def _git_hash(path: Path) -> str:
    """Returns the name that git gives to a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
