"""The library `huggingface_hub`, kept quiet, with its progress and its errors in our words."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import CheckpointError, TryAgainError, UsageError, W2v2Error
from model.progress import report
from model.storage import disk_full_is_said

DEFAULT_ENDPOINT = "https://huggingface.co"

_ETAG = re.compile(r"\w[\w.+=:-]{0,127}", re.ASCII)

_HTTP_UNAUTHORISED, _HTTP_FORBIDDEN = 401, 403
_HTTP_TIMEOUT, _HTTP_TOO_MANY = 408, 429
_HTTP_SERVER_ERROR = 500


def find_endpoint() -> str:
    """Returns the hub's address; the library reads it only once, when it is imported.

    Raises:
      UsageError: HF_ENDPOINT is no address.
    """
    endpoint = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    try:
        parts = urllib.parse.urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(f"HF_ENDPOINT must be an address such as {DEFAULT_ENDPOINT}, not {endpoint!r}; correct it.")
    return endpoint


def find_cache() -> Path:
    """Returns where the library keeps what it downloads; that, too, it reads only once.

    Raises:
      UsageError: it is in the home of a user who does not exist.
    """
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"))
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or str(Path(home, "hub"))
    try:
        return Path(os.path.expandvars(named)).expanduser().absolute()
    except RuntimeError as error:  # a ~ of nobody
        raise UsageError(f"HF_HOME and HF_HUB_CACHE must name a place, and {named!r} is none; correct it.") from error


def is_offline() -> bool:
    """Returns whether the library was told to use nothing but its cache."""
    named = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return named.upper() in ("1", "ON", "YES", "TRUE")


def progress_class(name: str, size_bytes: int) -> type[Any]:
    """Returns what the library takes for its progress bar: it prints nothing, and reports how far it is.

    It also ends a download that goes on behind the file's size, with a CheckpointError: the library takes what comes.
    """
    from tqdm import tqdm

    class Reporter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.n > size_bytes > 0:
                raise CheckpointError(
                    f"The file {name} must have the {size_bytes} bytes that its repository states, and what is sent has"
                    " more; download it again, or name another revision."
                )
            report(self.n / 1e6, size_bytes / 1e6 or None, "MB", name)

    return Reporter


@contextlib.contextmanager
def quiet_library() -> Iterator[None]:
    """Lets the library print nothing, send nothing about this machine, and transfer by plain HTTP.

    Its other protocol, Xet, is faster for some, but its errors have no classes, it retries for minutes, and mirrors and
    proxies do not know it. The library reads these settings from the environment when it is imported, so they are set
    where it keeps them.
    """
    from huggingface_hub import constants

    settings = {"HF_HUB_DISABLE_XET": True, "HF_HUB_DISABLE_TELEMETRY": True}
    before = {name: getattr(constants, name) for name in settings}
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            logger.setLevel(logging.CRITICAL)
            for name, value in settings.items():
                setattr(constants, name, value)
            yield
        finally:
            logger.setLevel(level)
            for name, value in before.items():
                setattr(constants, name, value)


def require_usable_settings() -> None:
    """Checks what the environment says of the token, of proxies and of certificates, before any of it is used.

    Raises:
      UsageError: the library cannot work with it.
    """
    import huggingface_hub

    try:
        token = huggingface_hub.get_token() or ""
        huggingface_hub.get_session()
    except (ImportError, OSError, ValueError) as error:
        raise UsageError(
            "The settings of proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY), of certificates (SSL_CERT_FILE,"
            f" SSL_CERT_DIR) and of the token (HF_TOKEN_PATH) must be ones that can be used, and one cannot: {error};"
            " correct it."
        ) from error
    if not (token.isascii() and token.isprintable()):
        raise UsageError("HF_TOKEN, or the file of the token, must hold plain ASCII alone, and does not; correct it.")


@contextlib.contextmanager
def answers_are_of_a_hub(endpoint: str) -> Iterator[None]:
    """Turns what the library says of an answer that is none of a hub's, such as other JSON, into a UsageError."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        if isinstance(error, OSError):  # the hub's refusal, which is a ValueError too
            raise
        raise no_hub(endpoint) from error


@contextlib.contextmanager
def answers_are_checked(endpoint: str, commit: str) -> Iterator[None]:
    """Checks what a server answers for a file before the library makes paths of it: a path could leave the cache.

    Args:
      endpoint: The hub's address, for messages.
      commit: The commit that is asked for.

    Raises:
      UsageError: the answer names another commit, or names the content by what cannot be the name of a file.
    """
    from huggingface_hub import file_download
    from huggingface_hub.errors import HfHubHTTPError

    ask = file_download.get_hf_file_metadata

    def ask_and_check(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = ask(*args, **kwargs)
        except HfHubHTTPError as error:
            if error.response.headers.get("X-Repo-Commit", commit) != commit:
                raise no_hub(endpoint) from error
            raise
        # Where one is missing, the library says so.
        if answer.commit_hash not in (None, commit) or not (answer.etag is None or _ETAG.fullmatch(answer.etag)):
            raise no_hub(endpoint)
        return answer

    file_download.get_hf_file_metadata = ask_and_check
    try:
        yield
    finally:
        file_download.get_hf_file_metadata = ask


@contextlib.contextmanager
def errors_are_said(reference: str, endpoint: str, cache: Path) -> Iterator[None]:
    """Turns the errors of the library and of the file system into ours, one sentence each.

    Args:
      reference: What is downloaded.
      endpoint: The address that it comes from.
      cache: Where it is kept.
    """
    # The library is built on httpx, and lately on httpx2; its own name for the base of their errors serves for both.
    from huggingface_hub.errors import HTTPError

    try:
        with disk_full_is_said(cache):
            yield
    except (HTTPError, OSError) as error:
        raise _in_our_words(error, reference, endpoint, cache) from error


def no_hub(endpoint: str) -> UsageError:
    """Returns the error that says that an address is not a hub's."""
    return UsageError(
        f"HF_ENDPOINT must be the address of a hub, and what {endpoint} answers is not what a hub does; correct it, or"
        " see whether a proxy answers in its place."
    )


def _in_our_words(error: Exception, reference: str, endpoint: str, cache: Path) -> W2v2Error:
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, (errors.HTTPError, OSError)):
        # The library hides what the server said behind «not in the cache either».
        error = error.__cause__
    token = "HF_TOKEN" if os.environ.get("HF_TOKEN") else "HF_TOKEN, which is not set,"
    if isinstance(error, errors.GatedRepoError):
        return UsageError(
            f"{reference} is gated, and its conditions must be accepted on its page; accept them, and set {token} to a"
            " token that may read it."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return UsageError(
            f"There must be a repository {reference} at {endpoint}, and there is none, or it is private; correct the"
            f" name, or set {token} to a token that may read it."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return UsageError(
            f"The revision of {reference} must be a branch, tag or commit that {endpoint} has, and it is none; correct"
            " it, or leave it out."
        )
    if isinstance(error, errors.EntryNotFoundError):
        return CheckpointError(
            f"{endpoint} must send every file that {reference} lists, and has not all of them; name another revision."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _of_status(error.response.status_code, reference, endpoint, token)
    if isinstance(error, errors.FileMetadataError):
        return no_hub(endpoint)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UsageError(f"HF_HUB_OFFLINE must not be set where {reference} is to be downloaded; start anew without.")
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(
            f"The cache {cache} must be a place that can be written, and {error.filename or 'a file'} cannot:"
            f" {error.strerror}; name another place by HF_HOME."
        )
    # What is left is the network's, or a file that ended before its end.
    return TryAgainError(
        f"{reference} cannot be downloaded now, because {endpoint} does not answer or the connection broke"
        f" ({type(error).__name__}); see whether the network is up, and run again."
    )


def _of_status(status: int, reference: str, endpoint: str, token: str) -> W2v2Error:
    if status in (_HTTP_UNAUTHORISED, _HTTP_FORBIDDEN):
        return UsageError(
            f"{endpoint} does not let this machine read {reference} (HTTP {status}); set {token} to a token that may"
            " read it."
        )
    if status >= _HTTP_SERVER_ERROR or status in (_HTTP_TIMEOUT, _HTTP_TOO_MANY):
        return TryAgainError(f"{endpoint} cannot send {reference} now (HTTP {status}); run again in a few minutes.")
    return UsageError(
        f"{endpoint} refuses to send {reference} (HTTP {status}); correct the name, or HF_ENDPOINT if it is set."
    )
