"""When a cron expression fires, in a time zone."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import zoneinfo

from cronsim import CronSim, CronSimError

from model.errors import ConfigurationError

# What the service's plain cron knows; cronsim knows more (seconds, L, #).
_FIELDS = re.compile(r"[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}")
_BEYOND_PLAIN = re.compile(r"(?<![A-Za-z])L(?![A-Za-z])|L$", re.IGNORECASE)


def checked(cron: str, time_zone: str) -> None:
    """Refuses a cron expression or a time zone that the service would not take, or that never fires.

    Raises:
      ConfigurationError: with the rule and the value.
    """
    next_times(cron, time_zone, dt.datetime.now(dt.timezone.utc), 1)


def zone_of(time_zone: str) -> zoneinfo.ZoneInfo:
    """Returns a time zone by its IANA name, such as `Europe/Berlin`.

    Raises:
      ConfigurationError: there is none of that name.
    """
    try:
        return zoneinfo.ZoneInfo(time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"schedule.time_zone must be a name of the IANA database, such as Europe/Berlin or UTC, not {time_zone!r}."
        ) from error


def next_times(cron: str, time_zone: str, after: dt.datetime, count: int) -> list[dt.datetime]:
    """Returns the next times at which an expression fires, in its time zone; fewer than `count` if there are no more.

    Args:
      cron: Five fields: minute, hour, day of the month, month, day of the week.
      time_zone: An IANA name.
      after: With a time zone; the times are later.
      count: How many.

    Raises:
      ConfigurationError: it is no such expression.
    """
    if not _FIELDS.fullmatch(cron) or _BEYOND_PLAIN.search(cron):
        raise ConfigurationError(
            "schedule.cron must have five fields, parted by single spaces: minute, hour, day of the month, month, day"
            f" of the week, such as '0 3 * * 1', not {cron!r}."
        )
    try:
        times = CronSim(cron, after.astimezone(zone_of(time_zone)))
        return list(itertools.islice(times, count))
    except CronSimError as error:
        raise ConfigurationError(
            f"schedule.cron must name times that there are, and {cron!r} does not ({error}); look at that field."
        ) from error
