"""Executes a TFX pipeline on this machine and reports each node as it starts and ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import launcher, partial_run_utils, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from model.errors import DataError
from model.progress import emit
from pipeline.failure import explain
from pipeline.partial_run import Graph, Plan

_STATE = metadata_store_pb2.Execution


def compile_pipeline(pipeline: Any, run_id: str) -> pipeline_pb2.Pipeline:
    """Returns TFX's intermediate representation of a pipeline, for the run of that name.

    LocalDagRunner would name the run after the time; with the name put in here, there is nothing left to name.
    """
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    return ir


def graph_of(ir: pipeline_pb2.Pipeline) -> Graph:
    """Returns the ids of the nodes directly before each node, in an order in which the nodes can run."""
    nodes = [node.pipeline_node for node in ir.nodes]
    return {node.node_info.id: tuple(node.upstream_nodes) for node in nodes}


def execute(ir: pipeline_pb2.Pipeline, plan: Plan) -> None:
    """Runs the nodes of the plan, one after the other, and emits `node_started`, `node_finished` and `node_failed`.

    Raises:
      Exception: what the first node that failed raised; the nodes after it are not run.
    """
    options = None
    if plan.is_partial:
        options = pipeline_pb2.RunOptions()
        options.partial_run.from_nodes.extend(plan.from_nodes)
        options.partial_run.to_nodes.extend(plan.to_nodes)
        settings = options.partial_run.snapshot_settings
        if plan.base_run_id is None:
            partial_run_utils.set_latest_pipeline_run_strategy(settings)
        else:
            partial_run_utils.set_base_pipeline_run_strategy(settings, plan.base_run_id)
    with _reporting_launcher():
        local_dag_runner.LocalDagRunner().run_with_ir(ir, options)


class _ReportingLauncher(launcher.Launcher):
    """Runs a node as TFX does, and tells of it."""

    def launch(self) -> Any:
        node_id = self._pipeline_node.node_info.id
        start = time.monotonic()
        emit("node_started", {"node": node_id})
        try:
            execution_info = super().launch()
            state = self._state(execution_info, node_id)
            # What resolves artifacts has nothing to cache, and is marked so all the same.
            cached = state == _STATE.CACHED and self._system_node_handler is None
        except Exception as error:
            failure = explain(error)
            seconds = time.monotonic() - start
            emit("node_failed", {"node": node_id, "seconds": seconds, "message": failure.message})
            raise
        emit("node_finished", {"node": node_id, "seconds": time.monotonic() - start, "cached": cached})
        return execution_info

    def _state(self, execution_info: Any, node_id: str) -> int:
        """Returns the state that the metadata store has for an execution that has ended.

        A node whose inputs cannot be resolved is marked as failed there, but `launch` returns as if all were well.
        """
        if execution_info is None or not execution_info.execution_id:
            return _STATE.UNKNOWN
        with self._mlmd_connection as metadata:
            (execution,) = metadata.store.get_executions_by_id([execution_info.execution_id])
        if execution.last_known_state == _STATE.FAILED:
            raise DataError(
                f"{node_id} needs the outputs of the nodes before it, and not all of them are in the metadata store;"
                " run again without --from."
            )
        return execution.last_known_state


@contextlib.contextmanager
def _reporting_launcher() -> Iterator[None]:
    """Lets LocalDagRunner use the launcher that reports.

    It has no hook for that: it looks up `launcher.Launcher` for each node, so this name is put in its place meanwhile.
    """
    original = launcher.Launcher
    launcher.Launcher = _ReportingLauncher
    try:
        yield
    finally:
        launcher.Launcher = original
