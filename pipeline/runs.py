"""What the metadata store and the records say of runs, their nodes, gates and released models.

Reading never writes: where there is no metadata store, none is made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from components.decisions import DecisionRecord, last_of
from components.evaluation.junit import JUNIT_FILE
from model.errors import DataError, TryAgainError, UsageError
from pipeline.judged import Judged, StoredArtifact, find_judged
from pipeline.metadata_store import open_store, said_if_unusable
from pipeline.nodes import FORMAT_BY_PUSHER
from pipeline.partial_run import PastRun
from pipeline.record import RunDirectory, RunRecord
from pipeline.workspace import Workspace

NodeState = Literal["COMPLETE", "CACHED", "FAILED", "RUNNING", "INTERRUPTED", "NOT_RUN"]
FINISHED_STATES = frozenset({"COMPLETE", "CACHED"})
UNREADABLE = "UNREADABLE"

_MEASURES_OF_BACKBONE = ("contrastive_loss", "accuracy", "code_perplexity", "codes")
_PUSHED_MODEL_TYPE = "PushedModel"
_PIPELINE_RUN_CONTEXT = "pipeline_run"
_NODE_CONTEXT = "node"
_RESOLVER_TYPE = "tfx.dsl.components.common.resolver.Resolver"


@dataclasses.dataclass(frozen=True)
class NodeEntry:
    """A node of a run.

    Attributes:
      id: Of the node.
      state: COMPLETE: it ran; CACHED: an earlier output was taken; INTERRUPTED: the run ended while it ran.
      seconds: From its start to its end; None where it did not run to its end.
      outputs: The artifacts that it made, or that were taken from an earlier run.
    """

    id: str
    state: NodeState
    seconds: float | None = None
    outputs: tuple[StoredArtifact, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `artifacts` are lists of places by output."""
        artifacts: dict[str, list[str]] = {}
        for artifact in self.outputs:
            artifacts.setdefault(artifact.key, []).append(artifact.uri)
        return {"id": self.id, "state": self.state, "seconds": self.seconds, "artifacts": artifacts}


@dataclasses.dataclass(frozen=True)
class Release:
    """A released model.

    Attributes:
      path: Where it lies.
      version: Of this release, a number.
      digest: The release digest.
      pushed: Whether this run published it; otherwise it was there already.
      reason: Why it was published, or why nothing was.
      hubs: Where else it is, addresses that begin with `hf://` or `kaggle://`.
    """

    path: str
    version: str
    digest: str
    pushed: bool
    reason: str
    hubs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunEntry:
    """A run, as `w2v2 runs` shows it.

    Attributes:
      record: What was asked for, and how it ended.
      state: As in the record; INTERRUPTED where the record says RUNNING and the process is gone; UNREADABLE where there
        is no record that can be read.
      nodes: In the order in which they run; empty where the graph was not built.
      verdict: ACCEPT, REJECT or NEEDS_REVIEW; None where nothing was evaluated.
      wer: Word error rate by test split, as a fraction; None where it is no number. Empty of a pre-trained model.
      gates: The checks, as `gate.json` lists them.
      reasons: Those of the checks that decided.
      releases: By format: `saved_model`, `onnx`, `checkpoint`.
      report: The HTML report.
      log: The frameworks' log.
      problem: Why its record, its evaluation or a decision about it cannot be read; empty where all can.
      measures: What was measured of each split, by name; None where it is no number.
      decisions: What people decided about its release, in this run or in another; the oldest first.
      judged: What was judged, and how; None where nothing was evaluated.
      junit: The gate as JUnit XML; None where there is none.
    """

    record: RunRecord
    state: str
    nodes: tuple[NodeEntry, ...]
    verdict: str | None
    wer: Mapping[str, float | None]
    gates: tuple[Mapping[str, Any], ...]
    reasons: tuple[str, ...]
    releases: Mapping[str, Release]
    report: str | None
    log: str
    problem: str = ""
    measures: Mapping[str, Mapping[str, float | None]] = dataclasses.field(default_factory=dict)
    decisions: tuple[DecisionRecord, ...] = ()
    judged: Judged | None = None
    junit: str | None = None

    @property
    def decision(self) -> DecisionRecord | None:
        """The decision that counts, the last; None where nobody has decided."""
        return last_of(self.decisions)

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.record.run_id

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.record.pipeline

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, for `w2v2 runs --json`."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "state": self.state,
            "message": self.problem or self.record.message,
            "started": self.record.started,
            "seconds": self.record.seconds,
            "peak_memory_bytes": self.record.peak_memory_bytes,
            "verdict": self.verdict,
            "decision": None if self.decision is None else self.decision.to_json(),
            "wer": dict(self.wer),
            "measures": {split: dict(values) for split, values in self.measures.items()},
            "gates": [dict(gate) for gate in self.gates],
            "reasons": list(self.reasons),
            "nodes": [node.to_json() for node in self.nodes],
            "releases": {name: dataclasses.asdict(release) for name, release in self.releases.items()},
            "report": self.report,
            "junit": self.junit,
            "log": self.log,
        }


def read_runs(workspace: Workspace, run_ids: Iterable[str] | None = None) -> list[RunEntry]:
    """Returns runs, the newest first; one whose files cannot be read says so in `problem` and keeps no other back.

    Args:
      workspace: Where they lie.
      run_ids: Which of them; None for all.

    Raises:
      DataError: the metadata store cannot be read.
      TryAgainError: it cannot be read while a run is under way.
    """
    chosen = workspace.run_ids() if run_ids is None else sorted(run_ids, reverse=True)
    holder = workspace.lock_holder()
    under_way = holder.run_id if holder is not None else None
    try:
        executions = _executions(workspace, chosen)
    except DataError as error:
        if holder is not None and holder.pid != os.getpid():
            raise TryAgainError(
                f"The metadata store {workspace.metadata_file} cannot be read while run {holder.run_id} is under way;"
                " try again when that has ended."
            ) from error
        raise
    entries = []
    for run_id in chosen:
        try:
            record = RunDirectory(workspace.runs_dir / run_id).read()
        except DataError as error:
            entries.append(_unreadable(run_id, str(error), workspace))
        else:
            entries.append(describe(record, executions.get(run_id, {}), run_id == under_way, workspace))
    return entries


def read_run(workspace: Workspace, run_id: str) -> RunEntry:
    """Returns one run, by its whole id.

    Raises:
      DataError: its record, its evaluation or the metadata store cannot be read.
    """
    (entry,) = read_runs(workspace, [run_id])
    if entry.problem:
        raise DataError(entry.problem)
    return entry


def past_runs(workspace: Workspace, record: RunRecord) -> list[PastRun]:
    """Returns what a partial run has to know of the earlier runs of its pipeline, the newest first.

    Evaluations are not looked at, and a run without a record that can be read is none to go on with: what is broken
    there must not keep a new run from mending it.

    Raises:
      DataError: the metadata store cannot be read.
    """
    earlier: list[RunRecord] = []
    for run_id in workspace.run_ids():
        with contextlib.suppress(DataError):
            if run_id < record.run_id:
                earlier.append(RunDirectory(workspace.runs_dir / run_id).read())
    mine = [past for past in earlier if past.pipeline == record.pipeline]
    executions = _executions(workspace, [past.run_id for past in mine])
    return [
        PastRun(
            run_id=past.run_id,
            complete=past.state == "COMPLETE",
            finished=frozenset(
                node.id for node in executions.get(past.run_id, {}).values() if node.state in FINISHED_STATES
            ),
            digests=past.digests,
            to_node=past.request.to_node,
        )
        for past in mine
    ]


def latest_evaluated(runs: Iterable[RunEntry], workspace: Workspace) -> RunEntry:
    """Returns the newest run that has a verdict.

    Raises:
      UsageError: none has.
    """
    for entry in runs:
        if entry.verdict is not None:
            return entry
    raise UsageError(f"No run in {workspace.root} has evaluated a model yet; run one first with w2v2 run.")


def describe(record: RunRecord, nodes: Mapping[str, NodeEntry], is_under_way: bool, workspace: Workspace) -> RunEntry:
    """Puts together what a record and the metadata store say of a run.

    Args:
      record: The record.
      nodes: The nodes that the metadata store knows of, by id.
      is_under_way: Whether the run's process holds the lock.
      workspace: Where the run lies.
    """
    state = "INTERRUPTED" if record.state == "RUNNING" and not is_under_way else record.state
    order = record.nodes or tuple(nodes)
    entries = tuple(_settled(nodes.get(node_id, NodeEntry(node_id, "NOT_RUN")), state) for node_id in order)
    judged = find_judged((entry.outputs for entry in entries), workspace.pipeline_root(record.pipeline))
    evaluated, problem, decisions = _Evaluated(), "", ()
    if judged is not None:
        try:
            evaluated = _read_evaluation(Path(judged.evaluation.uri))
            decisions = judged.read_decisions()
        except DataError as error:
            problem = str(error)
    directory = RunDirectory(workspace.runs_dir / record.run_id)
    return RunEntry(
        record=record,
        state=state,
        nodes=entries,
        verdict=evaluated.verdict,
        wer=evaluated.wer,
        measures=evaluated.measures,
        gates=evaluated.gates,
        reasons=evaluated.reasons,
        releases=_releases(entries),
        # The evaluator's own, until the run has ended or a person has decided: then there is one that says more.
        report=str(directory.report_file) if directory.report_file.exists() else evaluated.report,
        junit=evaluated.junit,
        log=str(directory.log_file),
        problem=problem,
        decisions=decisions,
        judged=judged,
    )


def _unreadable(run_id: str, problem: str, workspace: Workspace) -> RunEntry:
    """Returns what can be said of a run without a record: when it began, which its name tells."""
    try:
        began = dt.datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        started = ""
    else:
        started = began.isoformat(timespec="seconds")
    record = RunRecord(run_id=run_id, pipeline="", config={}, started=started)
    entry = describe(record, {}, is_under_way=False, workspace=workspace)
    return dataclasses.replace(entry, state=UNREADABLE, problem=problem)


def _settled(entry: NodeEntry, run_state: str) -> NodeEntry:
    """A node that runs in a run that is not under way was interrupted, and so was what failed as a run was stopped."""
    was_running = entry.state == "RUNNING" and run_state != "RUNNING"
    was_stopped = entry.state == "FAILED" and run_state == "INTERRUPTED"
    return dataclasses.replace(entry, state="INTERRUPTED") if was_running or was_stopped else entry


def _releases(nodes: Iterable[NodeEntry]) -> dict[str, Release]:
    releases: dict[str, Release] = {}
    for node in nodes:
        for artifact in node.outputs:
            path = artifact.properties.get("pushed_destination")
            if artifact.type_name == _PUSHED_MODEL_TYPE and node.id in FORMAT_BY_PUSHER and path:
                releases[FORMAT_BY_PUSHER[node.id]] = Release(
                    path=str(path),
                    version=str(artifact.properties.get("pushed_version", "")),
                    digest=str(artifact.properties.get("release_digest", "")),
                    pushed=bool(artifact.properties.get("pushed", 0)),
                    reason=str(artifact.properties.get("reason", "")),
                    hubs=tuple(str(artifact.properties.get("hubs", "")).split()),
                )
    return releases


@dataclasses.dataclass(frozen=True)
class _Evaluated:
    """What an Evaluation artifact says; without one, nothing."""

    verdict: str | None = None
    wer: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    measures: Mapping[str, Mapping[str, float | None]] = dataclasses.field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
    reasons: tuple[str, ...] = ()
    report: str | None = None
    junit: str | None = None


def _read_evaluation(directory: Path) -> _Evaluated:
    try:
        gate = json.loads((directory / "gate.json").read_text(encoding="utf-8"))
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
        measures = {name: _measures(split) for name, split in metrics["splits"].items()}
        return _Evaluated(
            verdict=str(gate["verdict"]),
            wer={name: values["wer"] for name, values in measures.items() if "wer" in values},
            measures=measures,
            gates=tuple({**check, "measured": _finite(check["measured"])} for check in gate["checks"]),
            reasons=tuple(gate["reasons"]),
            report=str(directory / "report.html"),
            # Runs before this file was written have none.
            junit=str(junit) if (junit := directory / JUNIT_FILE).is_file() else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"An evaluation must hold gate.json and metrics.json; those in {directory} cannot be read"
            f" ({type(error).__name__}: {error}); run again with --no-cache."
        ) from error


def _measures(split: Mapping[str, Any]) -> dict[str, float | None]:
    if "contrastive_loss" in split:
        return {name: _finite(split.get(name)) for name in _MEASURES_OF_BACKBONE}
    if "wer" in split:
        # Format 1, of runs before the rates of words and characters had places of their own.
        return {name: _finite(split.get(name)) for name in ("wer", "cer")}
    return {"wer": _finite(split["words"]["wer"]), "cer": _finite(split["characters"]["cer"])}


def _finite(value: Any) -> float | None:
    """Returns a number as it is, and None for what is none, so that the document stays JSON."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def _executions(workspace: Workspace, run_ids: Iterable[str]) -> dict[str, dict[str, NodeEntry]]:
    """Returns the executed nodes of runs, by run and by the node's id; none where there is no metadata store."""
    return _Store(workspace.metadata_file).nodes_by_run(run_ids) if workspace.metadata_file.exists() else {}


class _Store:
    """Reads TFX's contexts, executions and artifacts from a metadata store.

    Raises:
      DataError: there is something else in its place.
      TryAgainError: another process has locked it.
    """

    def __init__(self, path: Path) -> None:
        from ml_metadata.proto import metadata_store_pb2

        self._path = path
        self._proto = metadata_store_pb2
        with said_if_unusable(path):
            self._store = open_store(path)

    def nodes_by_run(self, run_ids: Iterable[str]) -> dict[str, dict[str, NodeEntry]]:
        """Returns the executed nodes of runs, by run and by the node's id."""
        with said_if_unusable(self._path):
            return self._nodes_by_run(set(run_ids))

    def _nodes_by_run(self, wanted: set[str]) -> dict[str, dict[str, NodeEntry]]:
        contexts = self._store.get_contexts()
        type_names = {kind.id: kind.name for kind in self._store.get_context_types()}
        node_of_execution = {
            # The context of a node is named <pipeline>.<node>; a pipeline's name has no dot in it.
            execution.id: context.name.partition(".")[2]
            for context in contexts
            if type_names.get(context.type_id) == _NODE_CONTEXT
            for execution in self._store.get_executions_by_context(context.id)
        }
        executions_by_run = {
            context.name: self._store.get_executions_by_context(context.id)
            for context in contexts
            if type_names.get(context.type_id) == _PIPELINE_RUN_CONTEXT and context.name in wanted
        }
        outputs = self._outputs([e.id for executions in executions_by_run.values() for e in executions])
        return {
            run_id: {
                node_of_execution[execution.id]: self._node(
                    node_of_execution[execution.id], execution, tuple(outputs.get(execution.id, ()))
                )
                for execution in sorted(executions, key=lambda e: e.id)
                if execution.id in node_of_execution
            }
            for run_id, executions in executions_by_run.items()
        }

    def _node(self, node_id: str, execution: Any, outputs: tuple[StoredArtifact, ...]) -> NodeEntry:
        states: dict[int, NodeState] = {
            self._proto.Execution.COMPLETE: "COMPLETE",
            self._proto.Execution.CACHED: "CACHED",
            self._proto.Execution.FAILED: "FAILED",
            self._proto.Execution.CANCELED: "INTERRUPTED",
        }
        state = states.get(execution.last_known_state, "RUNNING")
        if state == "CACHED" and execution.type == _RESOLVER_TYPE:
            state = "COMPLETE"  # TFX marks a resolver so, which has nothing to cache
        milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        return NodeEntry(
            id=node_id,
            state=state,
            seconds=None if state == "RUNNING" else milliseconds / 1000,
            outputs=outputs if state in FINISHED_STATES else (),
        )

    def _outputs(self, execution_ids: list[int]) -> dict[int, list[StoredArtifact]]:
        if not execution_ids:
            return {}
        kinds = (self._proto.Event.OUTPUT, self._proto.Event.INTERNAL_OUTPUT)
        events = [e for e in self._store.get_events_by_execution_ids(execution_ids) if e.type in kinds]
        artifacts = {a.id: a for a in self._store.get_artifacts_by_id(sorted({e.artifact_id for e in events}))}
        outputs: dict[int, list[StoredArtifact]] = {}
        for event in sorted(events, key=lambda e: e.artifact_id):
            artifact = artifacts.get(event.artifact_id)
            if artifact is None:
                continue
            key = next((step.key for step in event.path.steps if step.key), artifact.type)
            properties = {
                name: getattr(value, value.WhichOneof("value"))
                for name, value in artifact.custom_properties.items()
                if value.WhichOneof("value") in ("int_value", "double_value", "string_value", "bool_value")
            }
            outputs.setdefault(event.execution_id, []).append(
                StoredArtifact(key, artifact.type, artifact.uri, properties)
            )
        return outputs
