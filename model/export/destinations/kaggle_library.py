"""What publishing on Kaggle needs of kagglehub beside uploads: signing in, silence, and errors that say what to do.

kagglehub knows of credentials in variables with names of its own, and writes to standard output.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from model.errors import DataError, TryAgainError, W2v2Error
from model.export.destinations.hub_errors import refused
from model.export.destinations.settings import KaggleSettings

# Of any request that has no limit of its own.
_ANSWER_WITHIN_SECONDS = 120.0


def credential_of(settings: KaggleSettings) -> str:
    """Returns which variables of the environment say who publishes, for people."""
    return f"{settings.token_variable}, or {settings.username_variable} and {settings.key_variable}"


def credentials_of(settings: KaggleSettings) -> tuple[str, ...] | None:
    """Returns a token, or a name and a key; None where neither is set."""
    if token := os.environ.get(settings.token_variable, "").strip():
        return (token,)
    name, key = (os.environ.get(one, "").strip() for one in (settings.username_variable, settings.key_variable))
    return (name, key) if name and key else None


@contextlib.contextmanager
def speaking_to_kaggle(settings: KaggleSettings) -> Iterator[Any]:
    """Gives the library's interface to models, signed in and silent, with its errors turned into ours.

    Raises:
      UsageError: whoever publishes is not known, or may not.
      DataError: Kaggle refuses what is published.
      TryAgainError: Kaggle does not answer, or the connection broke.
    """
    import requests
    from kagglehub import config
    from kagglehub.clients import build_kaggle_client
    from kagglehub.exceptions import BackendError, DataCorruptionError

    trouble = _NetworkTrouble()
    try:
        with _silent(trouble), _impatient():
            if (credentials := credentials_of(settings)) is not None:
                (config.set_kaggle_api_token if len(credentials) == 1 else config.set_kaggle_credentials)(*credentials)
            with build_kaggle_client() as client:
                yield client.models.model_api_client
    except BackendError as error:
        raise _backend_said(settings, error, trouble.was_seen) from error
    except requests.HTTPError as error:
        raise refused(settings.address, status_of(error), credential_of(settings)) from error
    except (requests.RequestException, DataCorruptionError) as error:
        raise TryAgainError(
            f"{settings.address} cannot be published to now, because Kaggle does not answer or the connection broke"
            f" ({type(error).__name__}); see whether the network is up, and push again."
        ) from error
    finally:
        config.clear_kaggle_credentials()


def status_of(error: Any) -> int:
    """Returns the status of a refusal; Kaggle sends some as JSON under another status."""
    if error.response is None:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    status = int(error.response.status_code)
    if status < HTTPStatus.BAD_REQUEST:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return int(error.response.json()["code"])
    return status


def _backend_said(settings: KaggleSettings, error: Any, was_broken: bool) -> W2v2Error:
    reason = " ".join(str(error).split())[:200]
    if was_broken:
        return TryAgainError(
            f"{settings.address} cannot be published to now, because the connection broke while files were sent"
            f" ({reason}); push again in a few minutes."
        )
    if error.error_code:
        return refused(settings.address, int(error.error_code), credential_of(settings), reason)
    if reason.startswith("Upload failed with status code"):
        # The storage behind Kaggle; what was sent by then is not to be seen.
        return TryAgainError(f"{settings.address} cannot be published to now ({reason}); push again in a few minutes.")
    return DataError(f"{settings.address} must take what is published there, and refuses it ({reason}); correct it.")


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Lets kagglehub wait for an answer as long as that makes sense: most of its requests would wait for ever."""
    import requests

    send = requests.Session.send

    def send_and_wait(self: Any, request: Any, **settings: Any) -> Any:
        if settings.get("timeout") is None:
            settings["timeout"] = _ANSWER_WITHIN_SECONDS
        return send(self, request, **settings)

    requests.Session.send = send_and_wait
    try:
        yield
    finally:
        requests.Session.send = send


class _NetworkTrouble(logging.Filter):
    """Notices that an upload broke off: kagglehub gives up after some trials, and goes on as if all had arrived."""

    was_seen = False

    def filter(self, record: logging.LogRecord) -> bool:
        self.was_seen |= record.getMessage().startswith("Network issue")
        return False


@contextlib.contextmanager
def _silent(trouble: _NetworkTrouble) -> Iterator[None]:
    library, uploading = logging.getLogger("kagglehub"), logging.getLogger("kagglehub.gcs_upload")
    levels = library.level, uploading.level
    library.setLevel(logging.CRITICAL)
    uploading.setLevel(logging.INFO)
    uploading.addFilter(trouble)
    try:
        # Its progress bars.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        uploading.removeFilter(trouble)
        library.setLevel(levels[0])
        uploading.setLevel(levels[1])
