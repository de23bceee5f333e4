"""Where the pushers of a configuration publish, and what is there now."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from beam_jobs import places
from beam_jobs.release_destinations import open_destination
from model.errors import W2v2Error
from model.export.destinations.destination import Destination
from model.export.destinations.opening import hub_destinations
from model.export.destinations.settings import PublicationSettings
from model.export.release import FORMATS
from model.storage import read_json, write_json

# For what lies elsewhere; its libraries try for minutes.
_ANSWER_WITHIN_SECONDS = 10.0
_MEMORY = "publication"


def publication_place(settings: PublicationSettings, releases_dir: Path) -> str:
    """Returns the directory or gs:// address below which the versions are.

    Args:
      settings: May name one.
      releases_dir: Of the workspace, which is taken otherwise.

    Raises:
      UsageError: the address has no bucket.
    """
    return places.absolute(settings.destination) if settings.destination else str(releases_dir)


def publication_states(
    place: str,
    name: str,
    settings: PublicationSettings,
    staging_dir: Path,
    answer_within_seconds: float = _ANSWER_WITHIN_SECONDS,
) -> dict[str, str]:
    """Returns for each format what changes when something else is published.

    A format is left out where it is not published in one of its places, or where it is not known what is there: its
    pusher has to look, and it is the pusher that says what is wrong, if there is something to be published. Of a place
    that does not answer now, what it said last is taken: a run that has nothing to publish needs no network.

    Args:
      place: What `publication_place` returned.
      name: Of the model.
      settings: Names the hubs.
      staging_dir: Of the workspace; keeps what the places said last.
      answer_within_seconds: How long Cloud Storage or a hub may take.
    """
    states = {}
    for format_ in FORMATS:
        found = []
        for destination in (open_destination(place, name, format_), *hub_destinations(settings, format_)):
            if "://" not in destination.address:
                found.append(destination.state())
                continue
            key = hashlib.sha256(destination.address.encode()).hexdigest()[:32]
            memory = staging_dir / _MEMORY / f"{key}.json"
            found.append(_remembered(destination, memory, answer_within_seconds))
        if None not in found:
            states[format_] = " ".join(map(str, found))
    return states


def _remembered(destination: Destination, memory: Path, answer_within_seconds: float) -> str | None:
    answers: list[str | None] = []

    def ask() -> None:
        try:
            answers.append(destination.state())
        except W2v2Error:  # the pusher says it, if it has something to publish there
            return

    thread = threading.Thread(target=ask, name="publication", daemon=True)
    thread.start()
    thread.join(answer_within_seconds)
    if answers:
        write_json(memory, {"address": destination.address, "state": answers[0]})
        return answers[0]
    try:
        told = read_json(memory)["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None
