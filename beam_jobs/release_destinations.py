"""Where numbered versions of released models are kept: a directory of this machine, or an address in Cloud Storage."""

from __future__ import annotations

from beam_jobs import places
from beam_jobs.release_bucket import bucket_destination
from model.export.destinations.directory import directory_destination
from model.export.destinations.numbered import NumberedDestination
from model.export.release import Format


def open_destination(place: str, name: str, format_: Format) -> NumberedDestination:
    """Returns the destination for one format of a model.

    Args:
      place: A directory, or `gs://<bucket>/<prefix>`.
      name: The directory below it, for this model.
      format_: Of what is published there.

    Raises:
      UsageError: the place is none, or the name is none of a directory.
    """
    opened = bucket_destination if places.is_remote(place) else directory_destination
    return opened(place, name, format_)
