"""Schedules on Vertex AI: what is wanted, what is there, and what has to be done about the difference."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from model.errors import UsageError
from pipeline.vertex.cron import next_times
from pipeline.vertex.schedule_settings import ScheduleSettings
from pipeline.vertex.service import VertexService

# Labels of the runs that a schedule starts: the name of the schedule, and a hash of what such a run is. The service may
# fill in fields that nobody has set, so that only the hash tells whether a run is still the same.
SCHEDULE_LABEL = "w2v2-schedule"
JOB_LABEL = "w2v2-job"
_SHOWN_TIMES = 5
_ENDED = ("COMPLETED",)
_HANDOVER = dt.timedelta(minutes=1)

Action = Literal["create", "nothing", "update", "recreate"]


@dataclasses.dataclass(frozen=True)
class SchedulePlan:
    """What `apply` will do.

    Attributes:
      action: `update` where the service can change what differs, `recreate` where it cannot.
      wanted: The schedule as it shall be, named as in the API's JSON.
      standing: The schedule of this name that is there; None where there is none.
      surplus: Names of older ones, which an `apply` has left that was stopped half way.
      difference: A line for each thing that changes, old and new.
    """

    action: Action
    wanted: dict[str, Any]
    standing: dict[str, Any] | None
    surplus: list[str]
    difference: list[str]

    @property
    def is_paused(self) -> bool:
        """Whether the schedule is paused, and stays so."""
        return self.standing is not None and self.standing.get("state") == "PAUSED"


def wanted_schedule(name: str, settings: ScheduleSettings, parent: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schedule of a configuration, named as in the API's JSON.

    Args:
      name: Of the schedule: that of the pipeline.
      settings: When it fires.
      parent: `projects/…/locations/…`.
      job: The `PipelineJob` that each run is.

    Raises:
      UsageError: the configuration has no schedule.
    """
    if not settings.cron:
        raise UsageError(
            "A schedule must say when it fires, and the configuration has none; set schedule.cron, such as '0 3 * * 1'."
        )
    digest = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]
    labels = {**job.get("labels", {}), SCHEDULE_LABEL: name, JOB_LABEL: digest}
    return {
        "displayName": name,
        "cron": f"TZ={settings.time_zone} {settings.cron}",
        "createPipelineJobRequest": {
            "parent": parent,
            "pipelineJob": {**job, "labels": labels},
        },
        # The first counts what is being started, the second what is running.
        "maxConcurrentRunCount": "1",
        "maxConcurrentActiveRunCount": "1",
        "allowQueueing": False,
    }


def planned(service: VertexService, wanted: Mapping[str, Any]) -> SchedulePlan:
    """Compares what is wanted with what is there.

    Raises:
      UsageError: somebody else has a schedule of this name.
    """
    existing = find(service, wanted["displayName"])
    if not existing:
        return SchedulePlan("create", dict(wanted), None, [], [])
    standing, *older = existing
    surplus = [one["name"] for one in older]
    old, new = _updatable(standing), _updatable(wanted)
    changed = [f"{field}: {old[field]} → {new[field]}" for field in new if old[field] != new[field]]
    old_run, new_run = (one["createPipelineJobRequest"]["pipelineJob"] for one in (standing, wanted))
    frozen = [] if old_run["labels"].get(JOB_LABEL) == new_run["labels"][JOB_LABEL] else _differences(old_run, new_run)
    action: Action = "recreate" if frozen else "update" if changed else "nothing"
    return SchedulePlan(action, dict(wanted), standing, surplus, changed + frozen)


def apply(service: VertexService, plan: SchedulePlan, now: dt.datetime) -> str:
    """Makes it so, and returns the name of the schedule; applied twice, the second time does nothing.

    The service cannot change what a schedule runs. Then a new one is made, which may fire from a minute later on, and
    the old one is deleted: no time is kept by both, and an `apply` that is stopped half way leaves a schedule.
    """
    surplus = list(plan.surplus)
    if plan.standing is None:
        name = service.create_schedule(plan.wanted)["name"]
    elif plan.action == "recreate":
        begins = (now.astimezone(dt.timezone.utc) + _HANDOVER).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = service.create_schedule({**plan.wanted, "startTime": begins})["name"]
        if plan.is_paused:
            service.pause_schedule(name)
        surplus.append(plan.standing["name"])
    else:
        name = plan.standing["name"]
        if plan.action == "update":
            service.update_schedule({**_updatable(plan.wanted), "name": name})
    for old in surplus:
        service.delete_schedule(old)
    return name


def find(service: VertexService, name: str) -> list[dict[str, Any]]:
    """Returns the schedules of this name that this project has made, the newest first.

    Raises:
      UsageError: somebody else has one of this name.
    """
    named = [one for one in service.schedules() if one["displayName"] == name and one.get("state") not in _ENDED]
    for one in named:
        labels = one.get("createPipelineJobRequest", {}).get("pipelineJob", {}).get("labels", {})
        if labels.get(SCHEDULE_LABEL) != name:
            raise UsageError(
                f"A schedule of ours must have the label {SCHEDULE_LABEL}={name} on its runs, and {one['name']}, named"
                f" {name!r}, has not: somebody else made it; rename or delete that one, or give the configuration"
                " another name."
            )
    return sorted(named, key=lambda one: one.get("createTime", ""), reverse=True)


def the_one(service: VertexService, name: str) -> dict[str, Any]:
    """Returns the schedule of this name.

    Raises:
      UsageError: there is none.
    """
    found = find(service, name)
    if not found:
        raise UsageError(
            f"There must be a schedule named {name!r}, and there is none; make it with `w2v2 schedule apply`."
        )
    return found[0]


def fires(settings: ScheduleSettings, after: dt.datetime) -> list[dt.datetime]:
    """Returns the next five times."""
    return next_times(settings.cron, settings.time_zone, after, _SHOWN_TIMES)


# What the service can change in place; all else belongs to the runs, and a schedule keeps it as it was made.
_UPDATABLE = ("cron", "maxConcurrentRunCount", "maxConcurrentActiveRunCount", "allowQueueing")


def _updatable(schedule: Mapping[str, Any]) -> dict[str, Any]:
    # JSON leaves out what is false.
    return {field: schedule.get(field) or False for field in _UPDATABLE}


def _differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Returns a line for each value that differs, by its path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for key in sorted(old.keys() | new.keys()):
            lines += _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return lines
    if old == new or (not old and not new):
        return []
    return [f"{path}: {_shown(old)} → {_shown(new)}"]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
