"""Requests to a REST interface of Google Cloud for which there is no client library in the lock."""

from __future__ import annotations

from typing import Any

import google.auth
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import AuthorizedSession
from requests import exceptions as requests_exceptions

from components.vertex_client import NO_CREDENTIALS
from model.errors import DataError, TryAgainError, UsageError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_REQUEST_SECONDS = 60
_SHOWN_CHARACTERS = 200


class GoogleApi:
    """A service, asked with the credentials of the environment.

    Args:
      where: What it is, for messages, such as `Dataflow in my-project, us-central1`.
      role: The role that whoever asks needs.

    Raises:
      UsageError: there are no credentials.
    """

    def __init__(self, where: str, role: str) -> None:
        self._where, self._role = where, role
        try:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
        except auth_exceptions.DefaultCredentialsError as error:
            raise UsageError(NO_CREDENTIALS) from error
        self._session = AuthorizedSession(credentials)

    def ask(self, method: str, address: str, **request: Any) -> dict[str, Any]:
        """Makes a request and returns its JSON.

        Raises:
          UsageError: the credentials are no longer valid, or the service does not take the request.
          DataError: this account must not ask that.
          TryAgainError: the service did not answer, or not as it should.
        """
        try:
            answer = self._session.request(method, address, timeout=_REQUEST_SECONDS, **request)
        except auth_exceptions.RefreshError as error:
            raise UsageError(NO_CREDENTIALS) from error
        except (requests_exceptions.RequestException, auth_exceptions.GoogleAuthError) as error:
            raise TryAgainError(f"{self._where} must answer, and did not ({error}); run again later.") from error
        said = " ".join(answer.text.split())[:_SHOWN_CHARACTERS]
        if answer.status_code == 403:
            raise DataError(
                f"Whoever runs this must be allowed to use {self._where}, and is not ({said}); give the account the"
                f" role {self._role}, or sign in as another."
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TryAgainError(f"{self._where} must answer, and said {answer.status_code} ({said}); run again later.")
        if answer.status_code >= 400:
            raise UsageError(f"{self._where} must take the request, and refused it ({said}); mend what it names.")
        return answer.json()
