"""How a report gets to people: a webhook, or a mail. No message of an error tells a secret."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import smtplib
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from components.run_reporter.report import RunReport
from components.run_reporter.settings import MailSettings
from model.errors import TryAgainError, UsageError

_TIMEOUT_SECONDS = 20.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PASSING_STATUSES = (408, 425, 429)
_SECRET_MANAGER_PREFIX = "projects/"


def read_secret(reference: str, client: Any = None) -> str:
    """Returns what a name stands for.

    Args:
      reference: A variable of the environment, or `projects/…/secrets/…/versions/…` of Secret Manager.
      client: Of Secret Manager; None for one that signs in as whoever runs this.

    Raises:
      UsageError: the variable is not set, or there is no such secret, or it may not be read.
      TryAgainError: Secret Manager does not answer.
    """
    if not reference.startswith(_SECRET_MANAGER_PREFIX):
        value = os.environ.get(reference, "").strip()
        if not value:
            raise UsageError(
                f"{reference} must be set in the environment of the task that reports, and is not; set it."
            )
        return value
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import secretmanager

    try:
        chosen = client or secretmanager.SecretManagerServiceClient()
        answer = chosen.access_secret_version(name=reference, timeout=_TIMEOUT_SECONDS)
        return answer.payload.data.decode().strip()
    except (exceptions.NotFound, exceptions.Forbidden, exceptions.FailedPrecondition, UnicodeDecodeError) as error:
        raise UsageError(
            f"{reference} must be a secret that the service account may read (Secret Manager Secret Accessor), and is"
            f" not ({type(error).__name__}); grant it that role, or correct the name."
        ) from error
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        raise TryAgainError(
            f"Secret Manager must answer for {reference}, and does not ({type(error).__name__}); run again later."
        ) from error


def post(address: str, reference: str, report: RunReport) -> None:
    """Sends a report to a webhook, as JSON. Redirections are not followed.

    Args:
      address: Of the webhook, with `https://`; without encryption only on this machine.
      reference: How messages call it.
      report: What is sent.

    Raises:
      UsageError: the address is none, or the webhook refuses the report.
      TryAgainError: it does not answer, or not now.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urllib.parse.urlsplit("")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise UsageError(
            f"The secret {reference} must hold an address https://…, and holds something else; correct it."
        )
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=_TIMEOUT_SECONDS)
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        body = json.dumps(report.to_json()).encode()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise TryAgainError(
            f"The webhook of {reference} must answer, and does not ({type(error).__name__}); see whether it is up."
        ) from error
    finally:
        connection.close()
    if status >= 500 or status in _PASSING_STATUSES:
        raise TryAgainError(
            f"The webhook of {reference} must take the report, and does not now (HTTP {status}); run again later."
        )
    if not 200 <= status < 300:
        raise UsageError(
            f"The webhook of {reference} must take the report, and refuses it (HTTP {status}); correct its address."
        )


def send_mail(server: str, settings: MailSettings, report: RunReport) -> None:
    """Sends a report by mail, one message to all recipients.

    Args:
      server: `smtps://user:password@host:port`, or `smtp://…`.
      settings: Sender and recipients.
      report: What is sent.

    Raises:
      UsageError: the server is none, takes neither the sign-in nor the addresses, or offers no encryption for it.
      TryAgainError: it does not answer, or not now.
    """
    message = EmailMessage()
    message["Subject"] = report.subject
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message.set_content(report.text)
    try:
        with _signed_in(server, settings.server) as connection:
            refused = connection.send_message(message)
    except smtplib.SMTPResponseException as error:
        kind = TryAgainError if 400 <= error.smtp_code < 500 else UsageError
        raise kind(
            f"The mail server of {settings.server} must take the report, and does not ({error.smtp_code});"
            " look at its log."
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise UsageError(
            f"The mail server of {settings.server} must know the recipients, and refuses all; correct them."
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgainError(
            f"The mail server of {settings.server} must answer, and does not ({type(error).__name__});"
            " see whether it is up."
        ) from error
    if refused:
        raise UsageError(
            f"The mail server of {settings.server} must know the recipients, and refuses {len(refused)}; correct them."
        )


@contextlib.contextmanager
def _signed_in(server: str, reference: str) -> Iterator[smtplib.SMTP]:
    try:
        parts = urllib.parse.urlsplit(server)
        host, port = parts.hostname, parts.port or 0
    except ValueError:
        host, port, parts = None, 0, urllib.parse.urlsplit("")
    if not host or parts.scheme not in ("smtp", "smtps") or (parts.username is None) != (parts.password is None):
        raise UsageError(
            f"The secret {reference} must hold smtps://user:password@host:port, or smtp://…, with both of user and"
            " password or none, and holds something else; correct it."
        )
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
        if parts.scheme == "smtps"
        else smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    )
    with connection:
        connection.ehlo()
        is_encrypted = parts.scheme == "smtps"
        if not is_encrypted and connection.has_extn("starttls"):
            connection.starttls(context=context)
            connection.ehlo()
            is_encrypted = True
        if parts.username is not None and parts.password is not None:
            if not is_encrypted:
                raise UsageError(
                    f"The mail server of {reference} must offer encryption before it gets a password, and does not; use"
                    " smtps://, or leave out user and password."
                )
            connection.login(urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password))
        yield connection
