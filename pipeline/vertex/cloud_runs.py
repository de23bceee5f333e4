"""Runs on Vertex AI, as `pipeline.runs` has those of a workspace: what the service says of them, and their files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from beam_jobs import cloud_storage
from components.run_labels import PIPELINE_LABEL
from model.errors import DataError
from pipeline.judged import BLESSING_TYPE, StoredArtifact
from pipeline.nodes import RESOLVERS, node_ids
from pipeline.record import RunRecord, RunState
from pipeline.run_entry import FINISHED_STATES, NodeEntry, NodeState, RunEntry, assembled, latest_evaluated
from pipeline.vertex.cloud_workspace import CloudWorkspace, PipelineRecord
from pipeline.vertex.runs import RunOnVertex, TaskOnVertex, run_of
from pipeline.vertex.service import VertexService
from pipeline.vertex.settings import REPORTER
from pipeline.workspace import the_run

_PENDING = "PENDING"
_STATE_BY_RUN_STATE: dict[str, RunState] = {
    "PENDING": "RUNNING",
    "QUEUED": "RUNNING",
    "RUNNING": "RUNNING",
    "PAUSED": "RUNNING",
    "CANCELLING": "RUNNING",
    "SUCCEEDED": "COMPLETE",
    "FAILED": "FAILED",
    "CANCELLED": "INTERRUPTED",
}
_NOT_BEGUN = ("PENDING", "QUEUED")
_STATE_BY_TASK_STATE: dict[str, NodeState] = {
    "SUCCEEDED": "COMPLETE",
    "SKIPPED": "CACHED",
    "FAILED": "FAILED",
    "CANCELLED": "INTERRUPTED",
    "RUNNING": "RUNNING",
    "CANCEL_PENDING": "RUNNING",
    "CANCELLING": "RUNNING",
}
# Of the tasks that make up one node, the first of these tells of all.
_WORST_FIRST: tuple[NodeState, ...] = ("FAILED", "INTERRUPTED", "RUNNING", "NOT_RUN", "COMPLETE", "CACHED")
# The service names types by their schemas, and those of TFX with a prefix.
_TFX_PREFIX = "tfx."
# What an artifact is whose schema is not told.
_TYPE_BY_OUTPUT = {"evaluation": "components.Evaluation", "blessing": BLESSING_TYPE, "pushed_model": "PushedModel"}


@dataclasses.dataclass(frozen=True)
class CloudRun:
    """A run as the service has it.

    Attributes:
      record: Of its pipeline.
      job: The `PipelineJob`, named as in the API's JSON; without its specification where it was listed.
    """

    record: PipelineRecord
    job: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The last part of its name."""
        return str(self.job["name"]).rpartition("/")[2]


class CloudRuns:
    """The runs of all pipelines below a pipeline root. What the service said of them is asked for once.

    Args:
      workspace: The pipeline root.
      service_of: Makes the client for a project and a region.
    """

    def __init__(
        self, workspace: CloudWorkspace, service_of: Callable[[str, str], VertexService] = VertexService
    ) -> None:
        self.workspace = workspace
        self._service_of = functools.cache(service_of)

    def find(self, prefix: str) -> CloudRun:
        """Returns the one run whose id is `prefix`, or begins with it, with its specification.

        Raises:
          UsageError: none does, or more than one; or there is no record of a pipeline.
          DataError: this account must not see it.
          TryAgainError: a service does not answer.
        """
        listed = {run.run_id: run for run in self._listed}
        found = listed[the_run(prefix, list(listed), self.workspace)]
        return dataclasses.replace(found, job=self._service(found).job(found.run_id))

    def entries(self, pipeline: str | None = None) -> list[RunEntry]:
        """Returns all runs, the newest first; one whose files cannot be read says so in `problem`.

        Args:
          pipeline: Whose runs; None for all pipelines.

        Raises:
          UsageError, DataError, TryAgainError: as `find`.
        """
        chosen = [run for run in self._listed if pipeline in (None, run.record.pipeline)]
        reported = self.workspace.reported_runs()
        return cloud_storage.each(lambda run: self._entry(self._detailed(run), reported), chosen)

    def latest_evaluated(self) -> RunEntry:
        """Returns the newest run that has a verdict; what is older is not read.

        Raises:
          UsageError: none has; or as `find`.
          DataError, TryAgainError: as `find`.
        """
        listed, reported = self._listed, self.workspace.reported_runs()
        return latest_evaluated((self._entry(self._detailed(run), reported) for run in listed), self.workspace)

    def entry(self, run: CloudRun) -> RunEntry:
        """Returns one run.

        Raises:
          DataError: its evaluation or a decision about it cannot be read.
          TryAgainError: Cloud Storage does not answer.
        """
        entry = self._entry(run, self.workspace.reported_runs())
        if entry.problem:
            raise DataError(entry.problem)
        return entry

    def _entry(self, run: CloudRun, reported: Iterable[str]) -> RunEntry:
        report = self.workspace.report_place(run.run_id) if run.run_id in reported else None
        return entry_of(run, self.workspace, report)

    @functools.cached_property
    def _listed(self) -> list[CloudRun]:
        found = []
        for record in self.workspace.records():
            jobs = self._service_of(record.project, record.region).jobs({PIPELINE_LABEL: record.runner_name})
            root = self.workspace.pipeline_root(record.pipeline)
            # Another pipeline root, or another pipeline, may have runs of the same name.
            found += [CloudRun(record, job) for job in jobs if _root_of(job) in (root, None)]
        return sorted(found, key=lambda run: str(run.job.get("createTime", "")), reverse=True)

    def _detailed(self, run: CloudRun) -> CloudRun:
        """Returns a run with its tasks, which a listing may leave out."""
        state = run_of(run.job).state
        if state in _NOT_BEGUN or run.job.get("jobDetail", {}).get("taskDetails"):
            return run
        return dataclasses.replace(run, job=self._service(run).job(run.run_id))

    def _service(self, run: CloudRun) -> VertexService:
        return self._service_of(run.record.project, run.record.region)


def entry_of(run: CloudRun, workspace: CloudWorkspace, report: str | None) -> RunEntry:
    """Puts together what the service and the files say of a run.

    Args:
      run: The run, with its tasks.
      workspace: Where its files lie.
      report: The report with people's decisions; None where there is none.

    Raises:
      TryAgainError: Cloud Storage does not answer.
    """
    told = run_of(run.job)
    nodes = _nodes(run, told)
    record = RunRecord(
        run_id=told.run_id,
        pipeline=run.record.pipeline,
        # All that is read of it: what kind of model it is. The whole of it is nowhere to be read.
        config={"train": {"task": run.record.task}},
        started=_moment(told.created),
        state=_STATE_BY_RUN_STATE.get(told.state, "RUNNING"),
        nodes=tuple(node.id for node in nodes),
        message=told.error,
        seconds=_seconds(str(run.job.get("startTime") or told.created), told.ended),
    )
    state = _PENDING if told.state in _NOT_BEGUN else record.state
    return assembled(record, state, nodes, workspace.pipeline_root(run.record.pipeline), report, log=told.link)


def _nodes(run: CloudRun, told: RunOnVertex) -> list[NodeEntry]:
    """Returns the nodes in the order of the graph; those that it does not have stand at the end."""
    outputs = {
        str(detail.get("taskName", "")): _outputs(detail.get("outputs", {}))
        for detail in run.job.get("jobDetail", {}).get("taskDetails", [])
    }
    by_node: dict[str, list[TaskOnVertex]] = {name: [] for name in (*node_ids(run.record.task), REPORTER)}
    for task in told.tasks:
        by_node.setdefault(_node_of(task.name), []).append(task)
    return [_node(name, tasks, outputs) for name, tasks in by_node.items()]


def _node_of(task: str) -> str:
    """Returns the node of a task: what looks up the baseline is two."""
    return next((node for node in RESOLVERS if task.startswith(f"{node}-")), task)


def _node(name: str, tasks: list[TaskOnVertex], outputs: Mapping[str, tuple[StoredArtifact, ...]]) -> NodeEntry:
    if not tasks:
        return NodeEntry(name, "NOT_RUN")
    states = {_STATE_BY_TASK_STATE.get(task.state, "NOT_RUN") for task in tasks}
    state: NodeState = next(one for one in _WORST_FIRST if one in states)
    seconds = [one for task in tasks if (one := _seconds(task.started, task.ended)) is not None]
    return NodeEntry(
        id=name,
        state=state,
        seconds=sum(seconds) if seconds and state not in ("RUNNING", "NOT_RUN") else None,
        outputs=tuple(one for task in tasks for one in outputs.get(task.name, ())) if state in FINISHED_STATES else (),
    )


def _outputs(outputs: Mapping[str, Any]) -> tuple[StoredArtifact, ...]:
    """Returns the artifacts of a task, of which the metadata are TFX's custom properties."""
    return tuple(
        StoredArtifact(
            key=key,
            type_name=str(one.get("schemaTitle") or _TYPE_BY_OUTPUT.get(key, "")).removeprefix(_TFX_PREFIX),
            uri=str(one.get("uri", "")),
            properties=one.get("metadata", {}),
        )
        for key, listed in outputs.items()
        for one in listed.get("artifacts", [])
    )


def _root_of(job: Mapping[str, Any]) -> str | None:
    """Returns the pipeline root of a run; None where the service does not tell it."""
    root = job.get("runtimeConfig", {}).get("gcsOutputDirectory")
    return str(root).rstrip("/") if root else None


def _moment(text: str) -> str:
    """Returns a time as records of runs have it: UTC, ISO 8601, in whole seconds; empty where there is none."""
    moment = _time(text)
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _seconds(start: str, end: str) -> float | None:
    first, last = _time(start), _time(end)
    return None if first is None or last is None else (last - first).total_seconds()


def _time(text: str) -> dt.datetime | None:
    """Reads a time of the service, which has up to nine decimals and a Z."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    try:
        moment = dt.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return None
    return moment + dt.timedelta(microseconds=int(f"{rest[:6]:0<6}")) if rest.isdecimal() else moment
