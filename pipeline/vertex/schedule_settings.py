"""What a person may choose of a schedule."""

from __future__ import annotations

import dataclasses

from pipeline.vertex.cron import checked


@dataclasses.dataclass(frozen=True)
class ScheduleSettings:
    """When the pipeline runs by itself.

    Runs of a schedule never overlap, and what is missed while it is paused is not made up for.

    Attributes:
      cron: Five fields: minute, hour, day of the month, month, day of the week; empty for no schedule.
      time_zone: Its IANA name.
    """

    cron: str = ""
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.cron:
            checked(self.cron, self.time_zone)
