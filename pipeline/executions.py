"""What the metadata store says of the nodes of runs. Reading never writes: where there is no store, none is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.judged import StoredArtifact
from pipeline.metadata_store import open_store, said_if_unusable
from pipeline.run_entry import FINISHED_STATES, NodeEntry, NodeState

_PIPELINE_RUN_CONTEXT = "pipeline_run"
_NODE_CONTEXT = "node"
_RESOLVER_TYPE = "tfx.dsl.components.common.resolver.Resolver"


def read_executions(metadata_file: Path, run_ids: Iterable[str]) -> dict[str, dict[str, NodeEntry]]:
    """Returns the executed nodes of runs, by run and by the node's id; none where there is no metadata store.

    Args:
      metadata_file: The SQLite file of the store.
      run_ids: The runs.

    Raises:
      DataError: there is something else in its place.
      TryAgainError: another process has locked it.
    """
    return _Store(metadata_file).nodes_by_run(run_ids) if metadata_file.exists() else {}


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
