"""A job on Dataflow: submitted, watched, and what goes wrong there said in a sentence."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions

from beam_jobs.worker_errors import error_in
from model.errors import DataError, TryAgainError, UsageError

# Dataflow brings its own counters up to date about as often.
WATCH_SECONDS = 20.0

_FORBIDDEN = (401, 403)
# No answer in time, too many requests.
_MAY_PASS = (408, 429)
_SHOWN_CHARACTERS = 600


def run(pipeline: beam.Pipeline, watch: Callable[[dict[str, int]], None]) -> None:
    """Submits a pipeline to Dataflow and waits until it has ended.

    Args:
      pipeline: Its options name the project, the region and the job.
      watch: Is called now and then with the job's counters, by name.

    Raises:
      UsageError: the job cannot be submitted as it was asked for.
      TryAgainError: a job of this name is running already, the job failed, was cancelled, or is no longer waited for.
    """
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
    from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError

    cloud = pipeline.options.view_as(GoogleCloudOptions)
    job = f"the Dataflow job {cloud.job_name} of {cloud.project} in {cloud.region}"
    try:
        with _submission_errors_are_said(cloud):
            result = pipeline.run()
    except DataflowJobAlreadyExistsError as error:
        raise TryAgainError(
            f"A job must not run twice at the same time, and {job} is running already; wait until it has ended, or"
            " cancel it, and run again; finished shards are kept."
        ) from error
    job = f"{job} ({result.job_id()})"
    going_on = (
        f"and {job} goes on; cancel it with `gcloud dataflow jobs cancel {result.job_id()} --region {cloud.region}`, or"
        " run the same command again when it has ended, which publishes its output."
    )
    try:
        with _watching(result, watch):
            result.wait_until_finish()
    except DataflowRuntimeException as error:
        if (told := error_in(str(error))) is not None:
            raise told from error
        raise TryAgainError(
            f"Every step of a job must succeed, and {job} did not ({_shortened(str(error))}); look at its logs, mend"
            " what they name, and run again; finished shards are kept."
        ) from error
    except KeyboardInterrupt as error:
        raise TryAgainError(f"Stopped waiting, {going_on}") from error
    # Beam asks in a thread, which ends with the first error of the service; then it finds the job unfinished.
    except (*_errors_of_the_service(), AssertionError) as error:
        raise TryAgainError(f"Dataflow did not answer ({_shortened(str(error))}), {going_on}") from error


def _shortened(text: str) -> str:
    """Returns a text as one line, of which the end is kept: of a traceback it says what was raised."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"… {line[-_SHOWN_CHARACTERS:]}"


def _errors_of_the_service() -> tuple[type[Exception], ...]:
    """Returns what the client libraries raise when the service, or Cloud Storage, does not do what it is asked for."""
    from apitools.base.py.exceptions import Error as ApiError
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from httplib2 import HttpLib2Error

    return (ApiError, GoogleAPIError, GoogleAuthError, HttpLib2Error, OSError)


def counters(result: Any) -> dict[str, int]:
    """Returns the counters of a job, by name; of those of one name in several steps, the sum."""
    found: dict[str, int] = {}
    for counter in result.metrics().query()["counters"]:
        value = counter.committed if counter.committed is not None else counter.attempted
        found[counter.key.metric.name] = found.get(counter.key.metric.name, 0) + int(value or 0)
    return found


@contextlib.contextmanager
def _submission_errors_are_said(cloud: GoogleCloudOptions) -> Iterator[None]:
    from apitools.base.py.exceptions import HttpError

    where = f"Dataflow in {cloud.project}, {cloud.region}"
    try:
        yield
    except HttpError as error:
        reason = _shortened(error.content.decode(errors="replace"))
        if error.status_code in _FORBIDDEN:
            raise DataError(
                f"Whoever runs this must be allowed to create jobs on {where}, and is not ({reason}); give the account"
                " the role Dataflow Developer, or sign in as another."
            ) from error
        if 400 <= error.status_code < 500 and error.status_code not in _MAY_PASS:
            raise UsageError(f"{where} must take the job, and refused it ({reason}); mend the flags.") from error
        raise TryAgainError(f"{where} did not answer ({error.status_code}: {reason}); run again later.") from error
    except _errors_of_the_service() as error:
        # What is staged goes to Cloud Storage.
        raise TryAgainError(
            f"{where} did not take the job ({_shortened(str(error))}); mend that, or run again later."
        ) from error


@contextlib.contextmanager
def _watching(result: Any, watch: Callable[[dict[str, int]], None]) -> Iterator[None]:
    """Calls `watch` with the job's counters while the block waits for it."""
    ended = threading.Event()
    passed_over = (*_errors_of_the_service(), LookupError, ValueError)

    def look() -> None:
        # Whoever cannot see how far a job is waits for it all the same.
        with contextlib.suppress(*passed_over):
            watch(counters(result))

    def look_now_and_then() -> None:
        while not ended.wait(WATCH_SECONDS):
            look()

    thread = threading.Thread(target=look_now_and_then, name="counters", daemon=True)
    thread.start()
    try:
        yield
        look()
    finally:
        ended.set()
