"""Requests to Vertex AI in a project and region: tried again where that may help, with errors that say it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth import exceptions as auth_exceptions
from requests import exceptions as requests_exceptions

from model.errors import DataError, TryAgainError, UsageError, W2v2Error

ENDPOINT_VARIABLE = "W2V2_VERTEX_ENDPOINT"
"""The variable with the address of the service in place of Google's: a private endpoint, or a server for tests."""

REQUEST_SECONDS = 60.0
"""How long an answer is waited for."""

NO_CREDENTIALS = (
    "Google Cloud must know who asks, and the environment has no credentials that it takes; sign in with `gcloud auth"
    " application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account."
)

# How long to wait before each further attempt.
_PAUSES_SECONDS = (1.0, 4.0, 10.0)
_NUMBERS = ("once", "twice", "three times", "four times")
_MAY_PASS = (
    exceptions.TooManyRequests,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    exceptions.RetryError,
    auth_exceptions.TransportError,
    requests_exceptions.ConnectionError,
    requests_exceptions.Timeout,
    requests_exceptions.ChunkedEncodingError,
)
_Result = TypeVar("_Result")


class VertexClient:
    """Makes requests; what may pass is asked again, and then it is a `TryAgainError`.

    Errors name project, region and what the service said.

    Args:
      project: Its id.
      region: Such as `us-central1`.
      credentials: Of google-auth; None takes those of the environment.
      sleep: Waits; for tests.
    """

    def __init__(
        self, project: str, region: str, credentials: Any = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.parent = f"projects/{project}/locations/{region}"
        self._where = f"Vertex AI in {project}, {region}"
        self._credentials = credentials
        self._endpoint = os.environ.get(ENDPOINT_VARIABLE) or f"{region}-aiplatform.googleapis.com"
        self._sleep = sleep

    def make(self, kind: Callable[..., Any]) -> Any:
        """Makes a client of Google's library.

        Raises:
          UsageError: there are no credentials.
        """
        try:
            # By REST: one kind of request to understand in a log, through a proxy, and in tests.
            return kind(
                credentials=self._credentials,
                transport="rest",
                client_options=ClientOptions(api_endpoint=self._endpoint),
            )
        except auth_exceptions.DefaultCredentialsError as error:
            raise UsageError(NO_CREDENTIALS) from error

    def listed(self, request: Callable[[], Iterable[Any]], purpose: str) -> list[dict[str, Any]]:
        """Returns all that a request lists, page by page, as plain values; arguments and errors are those of `ask`."""
        return self.ask(lambda: [plain(one) for one in request()], purpose)

    def ask(
        self,
        request: Callable[[], _Result],
        purpose: str,
        pauses_seconds: Sequence[float] | None = None,
        started: str = "",
        also: tuple[type[Exception], ...] = (),
    ) -> _Result:
        """Makes a request.

        Args:
          request: What is done in each attempt.
          purpose: What for, for the errors: «Vertex AI must …».
          pauses_seconds: Before each further attempt, three at most; None for 1, 4 and 10.
          started: What may have been started where no answer came, for the error.
          also: What else may pass, when it is asked again.

        Raises:
          UsageError: the service refuses it, does not know what is asked for, or there are no credentials.
          DataError: this account must not ask it.
          TryAgainError: the service did not answer.
        """
        pauses = _PAUSES_SECONDS if pauses_seconds is None else pauses_seconds
        for pause in (*pauses, None):
            try:
                return request()
            except (*_MAY_PASS, *also, auth_exceptions.GoogleAuthError, exceptions.GoogleAPICallError) as error:
                if not (_may_pass(error) or isinstance(error, also)):
                    raise self._refusal(error, purpose) from error
                if pause is None:
                    times = f", {_NUMBERS[len(pauses)]}" if pauses else ""
                    note = (
                        f" Whether {started} was started is not known; `w2v2 vertex status` tells." if started else ""
                    )
                    raise TryAgainError(
                        f"{self._where} must {purpose}, and did not{times} ({_said(error)}); run again later.{note}"
                    ) from error
                self._sleep(pause)
        raise AssertionError  # The last pause is None, and then nothing goes on.

    def _refusal(self, error: Exception, purpose: str) -> W2v2Error:
        if isinstance(error, auth_exceptions.GoogleAuthError):
            return UsageError(NO_CREDENTIALS)
        if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
            return DataError(
                f"Whoever runs this must be allowed to {purpose} on {self._where}, and is not ({_said(error)}); give"
                " the account the role Vertex AI User, or sign in as another."
            )
        if isinstance(error, exceptions.NotFound):
            return UsageError(
                f"{self._where} must know what is asked for, to {purpose}, and does not ({_said(error)}); look at the"
                " project, the region and the name."
            )
        return UsageError(f"{self._where} refused to {purpose} ({_said(error)}); mend what it names.")


def label_filter(labels: Mapping[str, str]) -> str:
    """Returns the filter of a list of jobs with these labels."""
    return " AND ".join(f'labels.{name}="{value}"' for name, value in sorted(labels.items()))


def message(kind: Any, value: Mapping[str, Any]) -> Any:
    """Returns a message of the client library, of what is named as in the API's JSON."""
    return kind.from_json(json.dumps(value))


def plain(found: Any) -> dict[str, Any]:
    """Returns a message of the client library as plain values, named as in the API's JSON."""
    return json.loads(type(found).to_json(found, including_default_value_fields=False, use_integers_for_enums=False))


def _may_pass(error: Exception) -> bool:
    # Of a machine on Google Cloud, that its metadata server did not answer.
    return isinstance(error, _MAY_PASS) or isinstance(error.__cause__, auth_exceptions.TransportError)


def _said(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text if len(text) <= 400 else f"{text[:400]}…"
