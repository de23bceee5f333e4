"""What runs a job: this process, several processes of this machine, or Dataflow, as Beam's own flags say.

Dataflow's workers get this project as a package that is staged with the job; where `--sdk_location=container` says that
the container of `--sdk_container_image` has it already, nothing is staged. Beam's other runners are refused: Dask's
computes only the last of several branches and reports success, and the rest need programs that do not come with Beam.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from beam_jobs import dataflow, places
from beam_jobs.worker_errors import error_in, without_place
from beam_jobs.worker_package import write_worker_package
from model.errors import UsageError, W2v2Error

_DIRECT = ("direct", "directrunner")
_DATAFLOW = ("dataflow", "dataflowrunner")
# Of --sdk_location.
_IN_CONTAINER = "container"


def direct_flags(workers: int) -> list[str]:
    """Returns the flags of a job that runs on this machine: in this process, or in as many worker processes.

    The processes speak the API that Dataflow's workers speak. They take some seconds to start, so that one hour of
    speech is done sooner without them.
    """
    if workers == 1:
        return []
    return ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]


def pipeline_maker(flags: Sequence[str]) -> Callable[[], beam.Pipeline]:
    """Returns what makes pipelines with Beam's flags.

    Raises:
      UsageError: a flag is unknown or has an impossible value, or one that the engine needs is missing.
    """
    options = _options(flags)
    if _is_dataflow(options):
        _require_dataflow_flags(options)
    return functools.partial(_make_pipeline, options)


def require_reachable(flags: Sequence[str], reached: Sequence[str]) -> None:
    """Checks that the workers of a job with these flags can read and write places.

    Raises:
      UsageError: Dataflow's workers cannot.
    """
    _require_reachable(PipelineOptions(list(flags)), reached)


def run(
    pipeline: beam.Pipeline,
    job_name: str,
    reached: Sequence[str],
    watch: Callable[[dict[str, int]], None],
    worker_needs: Sequence[str] = (),
) -> None:
    """Runs a pipeline to its end.

    Args:
      pipeline: All of it.
      job_name: Of the job on Dataflow, where the flags name none.
      reached: Places that the workers read and write.
      watch: Is called now and then with the counters of a job on Dataflow, by name; workers of this machine tell
        themselves how far they are.
      worker_needs: Packages that workers on other machines need besides those that every job needs; they get the
        versions of this machine.

    Raises:
      W2v2Error: as a worker has raised it, or: Dataflow's workers cannot reach a place, or the job failed there.
    """
    options = pipeline.options
    if not _is_dataflow(options):
        _run_here(pipeline)
        return
    _require_dataflow_flags(options)
    _require_reachable(options, reached)
    cloud, setup = options.view_as(GoogleCloudOptions), options.view_as(SetupOptions)
    cloud.job_name = cloud.job_name or job_name
    with tempfile.TemporaryDirectory(prefix="w2v2-") as directory:
        if setup.sdk_location != _IN_CONTAINER:
            setup.extra_packages = [
                *(setup.extra_packages or ()),
                str(write_worker_package(Path(directory), worker_needs)),
            ]
        dataflow.run(pipeline, watch)


def _run_here(pipeline: beam.Pipeline) -> None:
    try:
        pipeline.run().wait_until_finish()
    except W2v2Error as error:
        # In one process Beam leaves an error what it is, and adds where it came from.
        raise type(error)(without_place(str(error))) from error
    except Exception as error:
        if (told := error_in(str(error))) is not None:
            raise told from error
        raise


def _options(flags: Sequence[str]) -> PipelineOptions:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(flags))
            every = options.get_all_options(retain_unknown_options=True)
            known = _without_warnings(options.get_all_options)
    except SystemExit as error:
        reason = said.getvalue().strip().rpartition("error: ")[2] or "--help is none of them"
        raise UsageError(f"Flags of Beam must have values that Beam takes: {reason}; correct them.") from error
    unknown = [f"--{name}" for name in every if name not in known]
    words = [flag for flag, before in zip(flags, ["--x=", *flags], strict=False) if _is_stray(flag, before)]
    if unknown or words:
        raise UsageError(
            f"Flags behind the job's own must be flags of Beam, and {(unknown + words)[0]} is none; correct it."
        )
    runner = options.view_as(StandardOptions).runner or _DIRECT[0]
    if runner.lower() not in (*_DIRECT, *_DATAFLOW):
        raise UsageError(f"--runner must be DirectRunner or DataflowRunner, not {runner}.")
    return options


def _is_stray(flag: str, before: str) -> bool:
    """Tells whether a word is no flag, and no value of the flag before it."""
    return not flag.startswith("--") and (not before.startswith("--") or "=" in before)


def _without_warnings(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # Beam warns of unknown flags and goes on; here they are an error, which says the same.
    logger = logging.getLogger("apache_beam.options.pipeline_options")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return ask()
    finally:
        logger.setLevel(level)


def _is_dataflow(options: PipelineOptions) -> bool:
    return (options.view_as(StandardOptions).runner or "").lower() in _DATAFLOW


def _require_reachable(options: PipelineOptions, reached: Sequence[str]) -> None:
    for place in reached if _is_dataflow(options) else ():
        if not places.is_remote(place):
            raise UsageError(
                f"What Dataflow's workers read and write must be in Cloud Storage, and {place} is on this machine; name"
                " a gs:// address."
            )


def _require_dataflow_flags(options: PipelineOptions) -> None:
    cloud = options.view_as(GoogleCloudOptions)
    for name, example in {
        "project": "my-project",
        "region": "europe-west4",
        "temp_location": "gs://my-bucket/tmp",
    }.items():
        if not getattr(cloud, name):
            raise UsageError(f"A job on Dataflow needs --{name}; add it, such as --{name}={example}.")
    if (
        options.view_as(SetupOptions).sdk_location == _IN_CONTAINER
        and not options.view_as(WorkerOptions).sdk_container_image
    ):
        raise UsageError(
            "--sdk_location=container says that a container has this project's package, and Beam's has not; name one"
            " with --sdk_container_image."
        )
    if cloud.template_location:
        raise UsageError("A job is run and not written down as a template; leave out --template_location.")
    for name in ("temp_location", "staging_location"):
        place = getattr(cloud, name)
        if place and not places.is_remote(place):
            raise UsageError(f"--{name} must be an address in Cloud Storage, gs://…, not {place}.")


def _make_pipeline(options: PipelineOptions) -> beam.Pipeline:
    try:
        return beam.Pipeline(options=options)
    except ValueError as error:
        reason = " ".join(str(error).removeprefix("Pipeline has validations errors:").split())
        raise UsageError(f"Beam's flags must fit together: {reason}") from error
