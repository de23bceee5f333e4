"""Publishes a release that was judged, if it stands: what the pushers do, and `w2v2 approve` for a run on Vertex AI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from beam_jobs.release_destinations import open_destination
from components.decisions import last_of, read_decisions, standing_of
from model.export.destinations.opening import hub_destinations
from model.export.destinations.settings import PublicationSettings
from model.export.publish import Blessing, Publication, publish
from model.export.release import Format
from model.settings import from_json


def blessing_of(is_blessed: bool, verdict: str, digests: Mapping[str, str], decisions: str) -> Blessing:
    """Returns whether a release may be published.

    It may if the evaluator blessed it, or left it to a person who approved it; and not if the last person to decide
    about it rejected it.

    Args:
      is_blessed: Whether the blessing says 1.
      verdict: Of the evaluation.
      digests: `release_digest` and `model_digest` of the blessing; empty where it does not say.
      decisions: Where the decisions of people lie.

    Raises:
      ReleaseError, DataError: a decision is not about this release, or cannot be read.
      TryAgainError: Cloud Storage does not answer.
    """
    # A blessing that names no digest is refused by `publish`.
    last = last_of(read_decisions(decisions, **digests)) if all(digests.values()) else None
    if is_blessed:
        verdict = "ACCEPT"
    elif verdict == "ACCEPT" and last is not None:
        pass  # on Vertex AI a rejection takes the blessing away; it is the person's last word that holds
    elif verdict != "NEEDS_REVIEW":
        verdict = "REJECT"
    standing = standing_of(verdict, last)
    return Blessing(blessed=standing.may_publish, reason=standing.reason, **digests)


def publish_judged(
    format_: Format,
    release_directory: str | Path,
    evaluation_directory: str | Path,
    blessing: Blessing,
    parameters: Mapping[str, str],
) -> Publication:
    """Publishes one format of a release, if it may be published and is not yet.

    Args:
      format_: Which files of the release.
      release_directory: The release, on this machine.
      evaluation_directory: `metrics.json`, `gate.json` and `probes.npz`, on this machine.
      blessing: What `blessing_of` returned.
      parameters: `destination`, `name` and `hubs`, as a pusher has them.

    Raises:
      UsageError: a destination cannot be used, such as a hub without credentials.
      ReleaseError: the release is not what was judged, measured or decided about.
      TryAgainError: a hub or Cloud Storage does not answer, or there is no room left.
    """
    name = parameters["name"]
    return publish(
        format_,
        release_directory,
        evaluation_directory,
        blessing,
        [
            open_destination(parameters["destination"], name, format_),
            *hub_destinations(from_json(PublicationSettings, parameters["hubs"]), format_),
        ],
        name,
    )
