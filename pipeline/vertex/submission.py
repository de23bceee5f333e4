"""Starts the compiled pipeline on Vertex AI, and ends what a run has started."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beam_jobs import places
from components.run_labels import PIPELINE_LABEL, RUN_LABEL
from model.errors import TryAgainError
from model.progress import emit
from pipeline.config import PipelineConfig
from pipeline.vertex.compile import CompiledPipeline
from pipeline.vertex.dataflow_jobs import DataflowJobs
from pipeline.vertex.runs import run_of
from pipeline.vertex.service import VertexService
from pipeline.vertex.settings import VertexSettings

SUBMISSION_LABEL = "w2v2-submission"

_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")


def job_of(compiled: CompiledPipeline, vertex: VertexSettings) -> dict[str, Any]:
    """Returns the `PipelineJob` of a run, named as in the API's JSON."""
    return {**compiled.job, "serviceAccount": vertex.service_account}


def place_needs(config: PipelineConfig, compiled: CompiledPipeline) -> list[str]:
    """Puts into Cloud Storage what the run needs there and is not there yet; returns the addresses.

    A corpus is there when the object beside it says so, which is written last.

    Raises:
      DataError: this account must not write there.
      TryAgainError: Cloud Storage does not answer.
    """
    written = []
    for need in compiled.needs:
        emit("stage", {"text": f"Looking at {need.address}"})
        if need.what == "schema":
            if not places.is_file(need.address):
                import components.transform

                places.copy_file(str(Path(components.transform.__file__).parent / "schema.pbtxt"), need.address)
                written.append(need.address)
            continue
        marker = f"{need.address}.complete"
        if not places.is_file(marker):
            from beam_jobs.synthetic_corpus import generate

            with tempfile.TemporaryDirectory(prefix="w2v2-") as directory:
                generate(Path(directory) / "corpus", config.corpus.synthetic)
                places.copy_tree(str(Path(directory) / "corpus"), need.address)
            places.write_bytes(marker, b"")
            written.append(need.address)
    return written


def require_none_running(service: VertexService, config: PipelineConfig) -> None:
    """Refuses to start a run of a pipeline beside another one, be it of its schedule or of a person.

    Args:
      service: The service.
      config: Of the pipeline.

    Raises:
      UsageError, DataError: the service refuses to tell.
      TryAgainError: a run has not ended, or the service does not answer.
    """
    from pipeline.vertex.inputs import runner_name

    labels = {PIPELINE_LABEL: runner_name(config)}
    running = [run_of(job) for job in service.jobs(labels) if not has_ended(job)]
    if not running:
        return
    newest = running[0]
    others = f", and {len(running) - 1} more" if len(running) > 1 else ""
    raise TryAgainError(
        f"Runs of a pipeline must not overlap, and {newest.run_id} has not ended ({newest.state}{others}); wait for its"
        f" end, end it with `w2v2 vertex cancel {newest.run_id}`, or start another beside it with --anyway."
    )


def submit(
    service: VertexService, compiled: CompiledPipeline, vertex: VertexSettings, now: dt.datetime
) -> dict[str, Any]:
    """Starts a run, once; returns its `PipelineJob`. Errors are those of `VertexService.submit`."""
    return start_again(service, job_of(compiled, vertex), compiled.name, now)


def start_again(service: VertexService, job: Mapping[str, Any], name: str, now: dt.datetime) -> dict[str, Any]:
    """Starts a run of a `PipelineJob` that a schedule holds, once; returns the new one."""
    labels = {**job.get("labels", {}), SUBMISSION_LABEL: uuid.uuid4().hex}
    return service.submit(f"{name}-{now:%Y%m%d%H%M%S}", {**job, "labels": labels})


@dataclasses.dataclass(frozen=True)
class Cancelled:
    """What was asked to end: the run, or not, because it had ended; and the names of jobs that it had started."""

    run: bool
    training_jobs: list[str]
    dataflow_jobs: list[str]


def cancel(service: VertexService, dataflow: DataflowJobs, run_id: str) -> Cancelled:
    """Ends a run, and the training and Dataflow jobs that carry its label: the service leaves those running.

    Of a run that has ended, what it left running is ended.

    Raises:
      UsageError: there is no such run.
      DataError: this account must not end it.
      TryAgainError: a service did not answer; asked again, it goes on where it stopped.
    """
    is_running = not has_ended(service.job(run_id))
    if is_running:
        service.cancel(run_id)
    training = [job["name"] for job in service.training_jobs({RUN_LABEL: run_id}) if not has_ended(job)]
    for name in training:
        service.cancel_training_job(name)
    jobs = dataflow.running({RUN_LABEL: run_id})
    for job_id in jobs:
        dataflow.cancel(job_id)
    return Cancelled(is_running, training, jobs)


def has_ended(job: Mapping[str, Any]) -> bool:
    """Whether a pipeline job or a custom job has ended."""
    return str(job.get("state", "")).endswith(_ENDED)
