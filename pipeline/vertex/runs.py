"""What the service says of a run, in the words of this project."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_CONSOLE = "https://console.cloud.google.com/vertex-ai/pipelines/locations"
# The tasks that TFX makes besides the nodes: the DAG that holds them all, and what looks up the baseline.
_NO_NODES = ("tfx-dag",)
_PREFIXES = ("PIPELINE_STATE_", "JOB_STATE_")


@dataclasses.dataclass(frozen=True)
class TaskOnVertex:
    """A task of a run.

    Attributes:
      name: Of the node.
      state: Such as `SUCCEEDED`, `RUNNING`, `FAILED`; `SKIPPED` is served from the cache.
      started: RFC 3339; empty where it has not begun.
      ended: RFC 3339; empty where it has not ended.
      error: What the service says went wrong; empty where nothing did.
      job_id: Of the custom job that the service runs it as; empty where there is none.
    """

    name: str
    state: str
    started: str
    ended: str
    error: str
    job_id: str


@dataclasses.dataclass(frozen=True)
class RunOnVertex:
    """A run.

    Attributes:
      run_id: The last part of its name.
      state: Such as `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELLED`.
      created: RFC 3339.
      ended: RFC 3339; empty where it has not ended.
      error: What the service says went wrong; empty where nothing did.
      link: The page of the console that shows it.
      tasks: In the order in which they began.
    """

    run_id: str
    state: str
    created: str
    ended: str
    error: str
    link: str
    tasks: tuple[TaskOnVertex, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as `--json` prints it."""
        return dataclasses.asdict(self)


def run_of(job: Mapping[str, Any]) -> RunOnVertex:
    """Returns what a `PipelineJob` says, named as in the API's JSON."""
    _, project, _, region, _, run_id = job["name"].split("/")
    tasks = [_task(one) for one in job.get("jobDetail", {}).get("taskDetails", [])]
    tasks = [task for task in tasks if task.name not in (*_NO_NODES, run_id)]
    return RunOnVertex(
        run_id=run_id,
        state=_word(job.get("state", "")),
        created=job.get("createTime", ""),
        ended=job.get("endTime", ""),
        error=_message(job),
        link=f"{_CONSOLE}/{region}/runs/{run_id}?project={project}",
        tasks=tuple(sorted(tasks, key=lambda task: (not task.started, task.started, task.name))),
    )


def _task(detail: Mapping[str, Any]) -> TaskOnVertex:
    return TaskOnVertex(
        name=detail.get("taskName", ""),
        state=_word(detail.get("state", "")),
        started=detail.get("startTime", ""),
        ended=detail.get("endTime", ""),
        error=_message(detail),
        job_id=detail.get("executorDetail", {}).get("containerDetail", {}).get("mainJob", "").rpartition("/")[2],
    )


def _word(state: str) -> str:
    for prefix in _PREFIXES:
        state = state.removeprefix(prefix)
    return state or "PENDING"


def _message(one: Mapping[str, Any]) -> str:
    return " ".join(str(one.get("error", {}).get("message", "")).split())
