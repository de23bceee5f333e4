"""What the metadata store and the records say of runs, their nodes, gates and released models.

Reading never writes: where there is no metadata store, none is made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
from collections.abc import Iterable, Mapping

from model.errors import DataError, TryAgainError
from pipeline.executions import read_executions
from pipeline.partial_run import PastRun
from pipeline.record import RunDirectory, RunRecord
from pipeline.run_entry import FINISHED_STATES, UNREADABLE, NodeEntry, RunEntry, assembled
from pipeline.workspace import Workspace


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
        executions = read_executions(workspace.metadata_file, chosen)
    except DataError as error:
        if holder is not None and holder.pid != os.getpid():
            raise TryAgainError(
                f"The metadata store {workspace.metadata_file} cannot be read while {holder.name} is under way;"
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
    executions = read_executions(workspace.metadata_file, [past.run_id for past in mine])
    return [
        PastRun(
            run_id=past.run_id,
            complete=past.state == "COMPLETE",
            finished=frozenset(
                node.id
                for node in executions.get(past.run_id, {}).values()
                if node.state in FINISHED_STATES and not node.freed
            ),
            digests=past.digests,
            to_node=past.request.to_node,
        )
        for past in mine
    ]


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
    directory = RunDirectory(workspace.runs_dir / record.run_id)
    return assembled(
        record,
        state,
        entries,
        str(workspace.pipeline_root(record.pipeline)),
        report=str(directory.report_file) if directory.report_file.exists() else None,
        log=str(directory.log_file),
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
