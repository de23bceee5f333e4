"""Who is told how a run ended. Secrets are named here, and never given: what stands here stands in the compiled run."""

from __future__ import annotations

import dataclasses
import re

from model.settings import require

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_SECRET = re.compile(r"projects/[a-z0-9.:-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/(?:latest|[0-9]+)")
_MAIL = re.compile(r"[^@\s<>,;\"]+@[A-Za-z0-9.-]+")


def require_reference(field: str, reference: str) -> None:
    """Raises ConfigurationError unless a text names a secret. What it is instead is not said: it may be the secret."""
    require(
        _VARIABLE.fullmatch(reference) is not None or _SECRET.fullmatch(reference) is not None,
        f"{field} must be the NAME of a variable of the environment, or projects/<project>/secrets/<name>/versions/"
        "<number or latest> of Secret Manager, and never the secret itself; name one of them.",
    )


@dataclasses.dataclass(frozen=True)
class MailSettings:
    """A message to people.

    Attributes:
      server: Names the secret with the mail server, `smtps://user:password@host:465`, or `smtp://…` for one that begins
        without encryption and goes on with it; user and password may be left out, both.
      sender: Address of the sender.
      recipients: Addresses.
    """

    server: str
    sender: str
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        require_reference("vertex.notifications.mail.server", self.server)
        require(
            bool(self.recipients), "vertex.notifications.mail.recipients must be one address at least; it is empty."
        )
        for address in (self.sender, *self.recipients):
            require(
                _MAIL.fullmatch(address) is not None,
                f"vertex.notifications.mail must have addresses such as team@example.org, not {address!r}.",
            )


@dataclasses.dataclass(frozen=True)
class NotificationSettings:
    """Where the end of a run is reported, besides the log of the task, which always has it.

    Attributes:
      webhooks: Each names the secret with an address, `https://…`, that gets the report as JSON in a POST request; its
        `text` is what chat services show.
      mail: Who gets it by mail; None for nobody.
      only_failures: Whether a run that did what it should, and whose model was accepted, is only logged.
    """

    webhooks: tuple[str, ...] = ()
    mail: MailSettings | None = None
    only_failures: bool = False

    def __post_init__(self) -> None:
        for reference in self.webhooks:
            require_reference("vertex.notifications.webhooks", reference)
