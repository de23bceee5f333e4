"""What the metadata store knows of runs and artifacts, and the mark of those that were freed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.decisions import DECISION_PROPERTY
from pipeline.blessings import EXECUTION_TYPE as DECISION_TYPE
from pipeline.collection.protection import ArtifactFacts
from pipeline.judged import BLESSING_TYPE, EVALUATION_TYPES
from pipeline.metadata_store import open_store, said_if_unusable
from pipeline.run_entry import FREED_AT_PROPERTY, FREED_BYTES_PROPERTY


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """What the store knows of a run.

    Attributes:
      pipeline: Its pipeline; empty where nothing of it was executed.
      artifacts: The ids of what it read, made or took over.
      executions: The ids of its executions.
      unfinished_executions: Those of them that did not end well.
      finished_nodes: The ids of the nodes that did.
      verdict: Of its evaluation; None where it has none.
      is_blessed: Whether it has a blessing of 1 that its own evaluator gave.
      release_digests: Of what it judged.
      is_pushed: Whether a pusher says that the release is published.
    """

    pipeline: str
    artifacts: frozenset[int]
    executions: frozenset[int]
    unfinished_executions: frozenset[int]
    finished_nodes: frozenset[str]
    verdict: str | None
    is_blessed: bool
    release_digests: frozenset[str]
    is_pushed: bool


@dataclasses.dataclass(frozen=True)
class StoreContent:
    """What the store knows.

    Attributes:
      artifacts: Those that are there, by id.
      freed: Those that were freed, by id.
      runs: By id.
      named: The ids of the models that a blessing of 1, or the approval of a person, names.
      approved_digests: Of releases that a person has ever approved.
    """

    artifacts: Mapping[int, ArtifactFacts]
    freed: Mapping[int, ArtifactFacts]
    runs: Mapping[str, StoredRun]
    named: frozenset[int]
    approved_digests: frozenset[str]


def read_store(path: Path) -> StoreContent:
    """Reads all of a metadata store; nothing where there is none.

    Raises:
      DataError: there is something else in its place.
      TryAgainError: another process has locked it.
    """
    if not path.exists():
        nothing: frozenset[str] = frozenset()
        return StoreContent({}, {}, {}, frozenset(), nothing)
    with said_if_unusable(path):
        return _read(open_store(path))


def mark_freed(path: Path, bytes_by_artifact: Mapping[int, int], when: str) -> None:
    """Marks artifacts as deleted, all or none, so that nothing takes them from the cache or for an input any more.

    Args:
      path: The SQLite file of the store.
      bytes_by_artifact: What each held, by its id.
      when: UTC, ISO 8601.

    Raises:
      DataError: the store cannot be read.
      TryAgainError: another process has locked it.
    """
    from ml_metadata.proto import metadata_store_pb2 as proto

    with said_if_unusable(path):
        store = open_store(path, is_writing=True)
        artifacts = store.get_artifacts_by_id(sorted(bytes_by_artifact))
        for artifact in artifacts:
            artifact.state = proto.Artifact.DELETED
            artifact.custom_properties[FREED_AT_PROPERTY].string_value = when
            artifact.custom_properties[FREED_BYTES_PROPERTY].int_value = bytes_by_artifact[artifact.id]
        store.put_artifacts(artifacts)


def _read(store: Any) -> StoreContent:
    from ml_metadata.proto import metadata_store_pb2 as proto

    artifacts = {one.id: one for one in store.get_artifacts()}
    executions = {one.id: one for one in store.get_executions()}
    inputs: dict[int, set[int]] = {one: set() for one in executions}
    outputs: dict[int, set[int]] = {one: set() for one in executions}
    given = (proto.Event.INPUT, proto.Event.INTERNAL_INPUT, proto.Event.DECLARED_INPUT)
    for event in store.get_events_by_execution_ids(sorted(executions)) if executions else ():
        side = inputs if event.type in given else outputs
        side[event.execution_id].add(event.artifact_id)
    finished = (proto.Execution.COMPLETE, proto.Execution.CACHED)
    unfinished = frozenset(one.id for one in executions.values() if one.last_known_state not in finished)
    kinds = {kind.id: kind.name for kind in store.get_context_types()}
    pipelines: dict[int, str] = {}
    nodes: dict[int, str] = {}
    runs: dict[str, set[int]] = {}
    for context in store.get_contexts():
        kind = kinds.get(context.type_id)
        if kind in ("pipeline", "pipeline_run", "node"):
            of_context = {one.id for one in store.get_executions_by_context(context.id)}
            if kind == "pipeline":
                pipelines |= dict.fromkeys(of_context, context.name)
            elif kind == "node":
                # <pipeline>.<node>; a pipeline's name has no dot in it.
                nodes |= dict.fromkeys(of_context, context.name.partition(".")[2])
            else:
                runs[context.name] = of_context
    blessings = [one for one in artifacts.values() if one.type == BLESSING_TYPE]
    decided = [one for one in blessings if DECISION_PROPERTY in one.custom_properties]
    approvals = [
        one for one in executions.values() if one.type == DECISION_TYPE and _text(one, "decision") == "approve"
    ]
    named = {
        _number(one, name)
        for one in blessings
        if _number(one, "blessed") == 1
        for name in ("current_model_id", "baseline_model_id")
    } | {artifact for one in approvals for artifact in inputs[one.id]}
    facts = {one.id: ArtifactFacts(one.id, one.type, one.uri) for one in artifacts.values()}
    deleted = {one.id for one in artifacts.values() if one.state == proto.Artifact.DELETED}
    return StoreContent(
        artifacts={one: fact for one, fact in facts.items() if one not in deleted},
        freed={one: facts[one] for one in deleted if FREED_AT_PROPERTY in artifacts[one].custom_properties},
        runs={
            run_id: _run(artifacts, of_run, inputs, outputs, unfinished, pipelines, nodes)
            for run_id, of_run in runs.items()
        },
        named=frozenset(named - {0}),
        approved_digests=frozenset(_text(one, "release_digest") for one in decided if _number(one, "blessed") == 1),
    )


def _run(
    artifacts: Mapping[int, Any],
    of_run: set[int],
    inputs: Mapping[int, set[int]],
    outputs: Mapping[int, set[int]],
    unfinished: frozenset[int],
    pipelines: Mapping[int, str],
    nodes: Mapping[int, str],
) -> StoredRun:
    evaluations, blessings, pushed = [], [], []
    for execution in sorted(of_run):
        made = [artifacts[one] for one in outputs[execution] if one in artifacts]
        judged = [one for one in made if one.type in EVALUATION_TYPES]
        evaluations += judged
        # A resolver's outputs are blessings of other runs.
        blessings += [one for one in made if judged and one.type == BLESSING_TYPE]
        pushed += [one for one in made if one.type == "PushedModel" and _text(one, "pushed_destination")]
    pipeline = next((pipelines[one] for one in sorted(of_run) if one in pipelines), "")
    return StoredRun(
        pipeline=pipeline,
        artifacts=frozenset(one for execution in of_run for one in inputs[execution] | outputs[execution]),
        executions=frozenset(of_run),
        unfinished_executions=unfinished & of_run,
        finished_nodes=frozenset(nodes[one] for one in of_run - unfinished if one in nodes),
        verdict=_text(evaluations[-1], "verdict") or None if evaluations else None,
        is_blessed=any(_number(one, "blessed") == 1 for one in blessings),
        release_digests=frozenset(filter(None, (_text(one, "release_digest") for one in evaluations))),
        is_pushed=bool(pushed),
    )


def _text(entity: Any, name: str) -> str:
    return entity.custom_properties[name].string_value if name in entity.custom_properties else ""


def _number(entity: Any, name: str) -> int:
    return int(entity.custom_properties[name].int_value) if name in entity.custom_properties else 0
