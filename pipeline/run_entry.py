"""A run as `w2v2 runs` and `w2v2 review` show it, wherever it lies: on this machine or on Vertex AI."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from beam_jobs import places
from components.decisions import DecisionRecord, last_of
from model.errors import DataError, UsageError
from pipeline.evaluations import Evaluated, read_evaluation
from pipeline.judged import Judged, StoredArtifact, find_judged
from pipeline.nodes import FORMAT_BY_PUSHER
from pipeline.record import RunRecord
from pipeline.sizes import format_size

NodeState = Literal["COMPLETE", "CACHED", "FAILED", "RUNNING", "INTERRUPTED", "NOT_RUN"]
FINISHED_STATES = frozenset({"COMPLETE", "CACHED"})
UNREADABLE = "UNREADABLE"

# Of an artifact whose files `w2v2 gc` has removed: when, in UTC, and how many bytes they were.
FREED_AT_PROPERTY = "freed_at"
FREED_BYTES_PROPERTY = "freed_bytes"

_PUSHED_MODEL_TYPE = "PushedModel"


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

    @property
    def freed(self) -> tuple[StoredArtifact, ...]:
        """Those of its outputs whose files `w2v2 gc` has removed."""
        return tuple(artifact for artifact in self.outputs if FREED_AT_PROPERTY in artifact.properties)

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
        is no record that can be read; PENDING where Vertex AI has not begun with it.
      nodes: In the order in which they run; empty where the graph was not built.
      verdict: ACCEPT, REJECT or NEEDS_REVIEW; None where nothing was evaluated.
      wer: Word error rate by test split, as a fraction; None where it is no number. Empty of a pre-trained model.
      gates: The checks, as `gate.json` lists them.
      reasons: Those of the checks that decided.
      releases: By format: `saved_model`, `onnx`, `checkpoint`.
      report: The HTML report.
      log: The frameworks' log; of a run on Vertex AI, the page of the console that has it.
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
    def freed(self) -> str:
        """What `w2v2 gc` has freed of it, in a sentence; empty where nothing was."""
        nodes = [node for node in self.nodes if node.freed]
        if not nodes:
            return ""
        found = {artifact.uri: artifact.properties for node in nodes for artifact in node.freed}
        size_bytes = sum(int(properties[FREED_BYTES_PROPERTY]) for properties in found.values())
        last = max(str(properties[FREED_AT_PROPERTY]) for properties in found.values())
        return (
            f"w2v2 gc freed {format_size(size_bytes)} of this run, the last at {last}: the outputs of"
            f" {', '.join(node.id for node in nodes)}. What was measured, and its report, stay."
        )

    @property
    def report_link(self) -> str | None:
        """The address at which a browser shows a report that lies in Cloud Storage; None for one on this machine."""
        return places.browsable(self.report) if self.report and places.is_remote(self.report) else None

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
            "freed": self.freed,
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
            "report_link": self.report_link,
            "junit": self.junit,
            "log": self.log,
        }


def assembled(
    record: RunRecord, state: str, nodes: Sequence[NodeEntry], pipeline_root: str, report: str | None, log: str
) -> RunEntry:
    """Puts together what is known of a run, with what the files of its evaluation and people's decisions say.

    Args:
      record: What was asked for, and how it ended.
      state: Of the run, as it is to be shown.
      nodes: In the order in which they run.
      pipeline_root: TFX's root of its pipeline: a directory or a gs:// address.
      report: The report with what is known since; None where the evaluator's own is the latest.
      log: What the frameworks say.

    Raises:
      TryAgainError: Cloud Storage does not answer.
    """
    judged = find_judged((node.outputs for node in nodes), pipeline_root)
    evaluated, problem, decisions = Evaluated(), "", ()
    if judged is not None:
        try:
            evaluated = read_evaluation(judged.evaluation.uri)
            decisions = judged.read_decisions()
        except DataError as error:
            problem = str(error)
    return RunEntry(
        record=record,
        state=state,
        nodes=tuple(nodes),
        verdict=evaluated.verdict,
        wer=evaluated.wer,
        measures=evaluated.measures,
        gates=evaluated.gates,
        reasons=evaluated.reasons,
        releases=_releases(nodes),
        # The evaluator's own, until the run has ended or a person has decided: then there is one that says more.
        report=report or evaluated.report,
        junit=evaluated.junit,
        log=log,
        problem=problem,
        decisions=decisions,
        judged=judged,
    )


def latest_evaluated(runs: Iterable[RunEntry], where: object) -> RunEntry:
    """Returns the newest run that has a verdict.

    Args:
      runs: The newest first.
      where: They lie, for the error.

    Raises:
      UsageError: none has.
    """
    for entry in runs:
        if entry.verdict is not None:
            return entry
    begin = "vertex submit" if places.is_remote(str(where)) else "run"
    raise UsageError(f"No run in {where} has evaluated a model yet; run one first with w2v2 {begin}.")


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
