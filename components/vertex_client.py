"""How Vertex AI's service is asked: where, by what transport, how often, and what its errors say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
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

MAY_PASS = (
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
"""Errors after which the same request may succeed a little later."""

NO_CREDENTIALS = (
    "Google Cloud must know who asks, and the environment has no credentials that it takes; sign in with `gcloud auth"
    " application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account."
)

# How long to wait before each further attempt.
_PAUSES_SECONDS = (1.0, 4.0, 10.0)
_NUMBERS = ("once", "twice", "three times", "four times")
_Result = TypeVar("_Result")


def client_options(region: str, credentials: Any = None) -> dict[str, Any]:
    """Returns the arguments of a client of the service.

    By REST: one kind of request to understand in a log, through a proxy, and in tests; and one that ends after its
    time, where a channel of gRPC has been seen to wait for ever (https://github.com/tensorflow/tfx/issues/6630).
    """
    endpoint = os.environ.get(ENDPOINT_VARIABLE) or f"{region}-aiplatform.googleapis.com"
    return {
        "credentials": credentials,
        "transport": "rest",
        "client_options": ClientOptions(api_endpoint=endpoint),
    }


def label_filter(labels: Mapping[str, str]) -> str:
    """Returns the filter of a list of jobs with these labels."""
    return " AND ".join(f'labels.{name}="{value}"' for name, value in sorted(labels.items()))


def said(error: Exception) -> str:
    """Returns what an error says, on one line that is not too long."""
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text if len(text) <= 400 else f"{text[:400]}…"


def ask(
    request: Callable[[], _Result],
    where: str,
    purpose: str,
    *,
    note: str = "",
    pauses_seconds: Sequence[float] = _PAUSES_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> _Result:
    """Makes a request, again where that may help; says errors.

    Args:
      request: Asks the service.
      where: What is asked, for messages, such as `Vertex AI in my-project, us-central1`.
      purpose: What for, such as `list pipeline jobs`.
      note: What a person has to know besides if there was no answer; it begins with a space.
      pauses_seconds: Before each further attempt.
      sleep: Waits; for tests.

    Raises:
      UsageError: the service refuses the request, or there are no credentials.
      DataError: this account must not ask that.
      TryAgainError: the service did not answer.
    """
    for pause in (*pauses_seconds, None):
        try:
            return request()
        except (*MAY_PASS, auth_exceptions.GoogleAuthError, exceptions.GoogleAPICallError) as error:
            if not _may_pass(error):
                raise _refusal(error, where, purpose) from error
            if pause is None:
                times = f", {_NUMBERS[len(pauses_seconds)]}" if pauses_seconds else ""
                raise TryAgainError(
                    f"{where} must {purpose}, and did not{times} ({said(error)}); run again later.{note}"
                ) from error
            sleep(pause)
    raise AssertionError  # The last pause is None, and then nothing goes on.


def _may_pass(error: Exception) -> bool:
    # Of a machine on Google Cloud, that its metadata server did not answer.
    return isinstance(error, MAY_PASS) or isinstance(error.__cause__, auth_exceptions.TransportError)


def _refusal(error: Exception, where: str, purpose: str) -> W2v2Error:
    if isinstance(error, auth_exceptions.GoogleAuthError):
        return UsageError(NO_CREDENTIALS)
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        return DataError(
            f"Whoever runs this must be allowed to {purpose} on {where}, and is not ({said(error)}); give the account"
            " the role Vertex AI User, or sign in as another."
        )
    if isinstance(error, exceptions.NotFound):
        return UsageError(
            f"{where} must know what is asked for, to {purpose}, and does not ({said(error)}); look at the project, the"
            " region and the name."
        )
    return UsageError(f"{where} refused to {purpose} ({said(error)}); mend what it names.")
