"""The process of a run on this machine: `python -m pipeline.local REQUEST`, started by `w2v2 run`.

It makes the corpus where that is asked for, builds the graph and runs it. What it prints is the log; how far it is goes
to the file of events; how it ended goes, as one JSON object, to the pipe whose descriptor it is given, which works even
where the disk is full.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from components.code_fingerprint import code_fingerprint
from components.decisions import decisions_place, decisions_state
from components.trainer.request import ANEW_VARIABLE
from model.errors import DataError, TryAgainError, W2v2Error
from model.fresh_process import end_with_parent
from model.progress import emit
from model.settings import digest, from_mapping
from model.storage import disk_full_is_said, replacing
from pipeline.collection.free import end_collection
from pipeline.config import PipelineConfig
from pipeline.failure import explain
from pipeline.partial_run import (
    LANGUAGE_MODEL,
    PastRun,
    plan_publication,
    plan_resume,
    plan_run,
    run_to_resume,
)
from pipeline.publication import publication_place, publication_states
from pipeline.record import RunDirectory
from pipeline.runs import past_runs
from pipeline.sources import Sources, find_sources, state_of_language_model
from pipeline.workspace import Workspace

_LOG = logging.getLogger(__name__)


class _StoppedError(TryAgainError):
    """A signal asked the run to stop."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what the record of a run asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.local", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="the directory of the run, with run.json in it")
    parser.add_argument("--outcome-descriptor", type=int, required=True, help="where to write how it ended")
    arguments = parser.parse_args(argv)
    # TFX hands the arguments of the command line to executors and to Beam.
    del sys.argv[1:]
    # When the process that shows the run is gone, this one ends.
    end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    directory = RunDirectory(arguments.run_dir)
    workspace = Workspace(arguments.run_dir.parent.parent)
    outcome: dict[str, Any] = {"ok": True}
    exit_code = 0
    try:
        run(workspace, directory)
    except BaseException as error:  # noqa: BLE001 — whatever ended the run, the terminal must be told
        _LOG.exception("The run failed.")
        failure = explain(error, str(workspace.root), _way_on(directory))
        outcome = {"ok": False, **dataclasses.asdict(failure)}
        exit_code = failure.exit_code
    os.write(arguments.outcome_descriptor, json.dumps(outcome).encode())
    return exit_code


def run(workspace: Workspace, directory: RunDirectory) -> None:
    """Runs what the record in `directory` asks for.

    Raises:
      W2v2Error: the corpus, the checkpoint or what was asked for is not usable.
      Exception: what a node raised.
    """
    record = directory.read()
    config = from_mapping(PipelineConfig, record.config)
    end_collection(workspace)
    past = past_runs(workspace, record)
    approved = _approved(past, record.request.approved_run_id)
    sources = find_sources(config, workspace) if approved is None else _sources_of(approved, config)
    language_model_state = (
        "" if approved is not None else state_of_language_model(config, sources.vocabulary, workspace.staging_dir)
    )
    decoded_with = language_model_state if approved is None else approved.digests.get(LANGUAGE_MODEL, "")
    digests = {
        "code": code_fingerprint("model", "components", "beam_jobs", "pipeline.graph"),
        "configuration": digest(config),
        "corpus": sources.corpus_fingerprint,
        "checkpoint": sources.checkpoint_fingerprint,
        **({LANGUAGE_MODEL: decoded_with} if decoded_with else {}),
    }
    base = run_to_resume(past, digests) if record.request.resume else None

    emit("stage", {"text": "Starting TFX"})
    from pipeline.execution import compile_pipeline, execute, graph_of
    from pipeline.graph import RunInputs, create_pipeline

    emit("stage", {"text": "Building the graph"})
    pipeline_root = str(workspace.pipeline_root(config.pipeline_name))
    releases = publication_place(config.publication, workspace.releases_dir)
    inputs = RunInputs(
        pipeline_root=pipeline_root,
        metadata_path=str(workspace.metadata_file),
        staging_dir=str(workspace.staging_dir),
        releases_place=releases,
        schema_path=_schema_path(workspace),
        enable_cache=record.request.enable_cache,
        published=publication_states(releases, config.release.name, config.publication, workspace.staging_dir),
        unpublished=record.run_id,
        decisions_state=decisions_state(decisions_place(pipeline_root)),
        language_model_state=language_model_state,
        **{field.name: getattr(sources, field.name) for field in dataclasses.fields(sources)},
    )
    if not record.request.enable_cache and base is None:
        # A training that was stopped, or done, would be gone on with.
        os.environ[ANEW_VARIABLE] = "1"
    ir = compile_pipeline(create_pipeline(config, inputs), record.run_id)
    graph = graph_of(ir)
    if approved is not None:
        plan = plan_publication(graph, approved)
    elif base is not None:
        plan = plan_resume(graph, base)
    else:
        plan = plan_run(graph, record.request.from_node, record.request.to_node, past, digests)
    # Only now: a run whose record has digests is one that the graph was begun for, and that can be resumed.
    directory.write(dataclasses.replace(record, digests=digests, nodes=tuple(graph), base_run_id=plan.base_run_id))
    emit("planned", {"nodes": plan.nodes, "base_run_id": plan.base_run_id})
    execute(ir, plan)


def _approved(past: Sequence[PastRun], run_id: str | None) -> PastRun | None:
    """Returns the run whose model a person has approved; None for a run that is of no approval."""
    if run_id is None:
        return None
    for run_ in past:
        if run_.run_id == run_id:
            return run_
    raise DataError(
        f"The run whose model is to be published must be in the workspace, and {run_id} is not; see `w2v2 runs`."
    )


def _sources_of(approved: PastRun, config: PipelineConfig) -> Sources:
    """Returns what the graph is built with where nothing of the corpus and the checkpoint is read.

    They may have moved or changed since; what is published was made and judged before.
    """
    return Sources(
        corpus_root=config.corpus.source,
        corpus_fingerprint=approved.digests.get("corpus", ""),
        checkpoint_path=config.checkpoint.source,
        checkpoint_fingerprint=approved.digests.get("checkpoint", ""),
        vocabulary={},
    )


def _way_on(directory: RunDirectory) -> str:
    try:
        return directory.read().way_on()
    except W2v2Error:  # the sentence is about what ended the run, not about this
        return "run again"


def _schema_path(workspace: Workspace) -> str:
    """Returns a copy of the curated schema under a name that tells its content.

    TFX's cache knows of a schema file only its path.
    """
    import components.transform

    source = Path(components.transform.__file__).parent / "schema.pbtxt"
    content = source.read_bytes()
    copy = workspace.staging_dir / "schema" / hashlib.sha256(content).hexdigest()[:16] / "schema.pbtxt"
    if not copy.is_file() or copy.read_bytes() != content:
        with replacing(copy) as temporary, disk_full_is_said(copy):
            shutil.copyfile(source, temporary)
    return str(copy)


def _stop(number: int, _: FrameType | None) -> None:
    # An Exception, not SystemExit: so TFX marks the node as failed and removes its unfinished outputs.
    raise _StoppedError(f"The run was stopped by {signal.Signals(number).name}.")


if __name__ == "__main__":
    sys.exit(main())
