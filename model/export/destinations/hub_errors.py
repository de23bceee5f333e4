"""What a hub's refusal means to whoever publishes: what to mend, or to try again."""

from __future__ import annotations

from http import HTTPStatus

from model.errors import DataError, TryAgainError, UsageError, W2v2Error


def refused(address: str, status: int, credential: str, reason: str = "") -> W2v2Error:
    """Returns the error for an HTTP status.

    Args:
      address: What was to be published to.
      status: The status.
      credential: The variables that say who publishes.
      reason: What the server said, in a few words.
    """
    told = f"HTTP {status}{': ' if reason else ''}{reason}"
    if status == HTTPStatus.UNAUTHORIZED:
        return UsageError(f"{address} does not know the token in {credential} ({told}); set it to a valid one.")
    if status == HTTPStatus.FORBIDDEN:
        return UsageError(
            f"The token in {credential} must be allowed to write to {address}, and is not ({told}); set it to one that"
            " is, or name a place of your own."
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    ):
        return TryAgainError(f"{address} cannot be published to now ({told}); push again in a few minutes.")
    if status == HTTPStatus.NOT_FOUND:
        return UsageError(f"{address} must be a place where one can publish, and is none ({told}); correct its name.")
    return DataError(f"{address} must take what is published there, and refuses it ({told}); correct what it names.")
