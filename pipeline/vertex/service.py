"""Vertex AI's service, as far as this project asks it: pipeline jobs, custom jobs, schedules."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth import exceptions as auth_exceptions
from google.cloud import aiplatform_v1
from google.protobuf import field_mask_pb2
from requests import exceptions as requests_exceptions

from model.errors import DataError, TryAgainError, UsageError
from pipeline.vertex.google_api import NO_CREDENTIALS

# The address of the service in place of Google's: a private endpoint, or a server for tests.
ENDPOINT_VARIABLE = "W2V2_VERTEX_ENDPOINT"

# How long to wait before each further attempt.
_PAUSES_SECONDS = (1.0, 4.0, 10.0)
_REQUEST_SECONDS = 60.0
_MAY_PASS = (
    exceptions.TooManyRequests,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    exceptions.RetryError,
    requests_exceptions.ConnectionError,
    requests_exceptions.Timeout,
    requests_exceptions.ChunkedEncodingError,
)
_SHOWN_OF_JOB = "name display_name labels state create_time start_time end_time error job_detail".split()
_Result = TypeVar("_Result")


class VertexService:
    """Requests to one project and region. Answers are plain dictionaries, named as in the API's JSON.

    What may pass is asked again, four times in all; then it is a `TryAgainError`. Errors name project, region and what
    the service said.

    Args:
      project: Its id.
      region: Such as `us-central1`.
      credentials: Of google-auth; None takes those of the environment.
      sleep: Waits; for tests.

    Raises:
      UsageError: there are no credentials.
    """

    def __init__(
        self, project: str, region: str, credentials: Any = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.project, self.region = project, region
        self._parent = f"projects/{project}/locations/{region}"
        self._sleep = sleep
        endpoint = os.environ.get(ENDPOINT_VARIABLE) or f"{region}-aiplatform.googleapis.com"
        # By REST: one kind of request to understand in a log, through a proxy, and in tests.
        options: dict[str, Any] = {
            "credentials": credentials,
            "transport": "rest",
            "client_options": ClientOptions(api_endpoint=endpoint),
        }
        try:
            self._pipelines = aiplatform_v1.PipelineServiceClient(**options)
            self._jobs = aiplatform_v1.JobServiceClient(**options)
            self._schedules = aiplatform_v1.ScheduleServiceClient(**options)
        except auth_exceptions.DefaultCredentialsError as error:
            raise UsageError(NO_CREDENTIALS) from error

    # === Pipeline jobs ===

    def submit(self, job_id: str, job: Mapping[str, Any]) -> dict[str, Any]:
        """Starts a pipeline job, and never two: an attempt whose answer was lost is looked up before another is made.

        Args:
          job_id: The last part of its name; it must be new.
          job: A `PipelineJob`, named as in the API's JSON, with a label that no other submission has.

        Raises:
          UsageError: the service refuses the job, or another one has this id.
          DataError: this account must not start it.
          TryAgainError: the service did not answer; the message says whether the job may have been started.
        """
        attempts = 0

        def create() -> Any:
            nonlocal attempts
            attempts += 1
            try:
                return self._pipelines.create_pipeline_job(
                    parent=self._parent,
                    pipeline_job=_message(aiplatform_v1.PipelineJob, job),
                    pipeline_job_id=job_id,
                    retry=None,
                    timeout=_REQUEST_SECONDS,
                )
            except exceptions.Conflict:
                found = self._pipelines.get_pipeline_job(name=self._job_name(job_id), retry=None)
                if attempts > 1 and dict(found.labels) == dict(job.get("labels", {})):
                    return found
                raise

        return _plain(self._asked(create, f"start the pipeline job {job_id}", started=job_id))

    def job(self, job_id: str) -> dict[str, Any]:
        """Returns a pipeline job with the details of its tasks."""
        return _plain(
            self._asked(
                lambda: self._pipelines.get_pipeline_job(
                    name=self._job_name(job_id), retry=None, timeout=_REQUEST_SECONDS
                ),
                f"tell of the pipeline job {job_id}",
            )
        )

    def jobs(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns the pipeline jobs with these labels, the newest first, without their specifications."""
        request = {
            "parent": self._parent,
            "filter": _labelled(labels),
            "order_by": "create_time desc",
            # Without the specifications, which are long.
            "read_mask": field_mask_pb2.FieldMask(paths=_SHOWN_OF_JOB),
        }
        return self._listed(
            lambda: self._pipelines.list_pipeline_jobs(request=request, retry=None, timeout=_REQUEST_SECONDS),
            "list pipeline jobs",
        )

    def cancel(self, job_id: str) -> None:
        """Asks for the end of a pipeline job; its tasks end a little later."""
        self._asked(
            lambda: self._pipelines.cancel_pipeline_job(
                name=self._job_name(job_id), retry=None, timeout=_REQUEST_SECONDS
            ),
            f"cancel the pipeline job {job_id}",
        )

    # === Custom jobs, which train ===

    def training_jobs(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns the custom jobs with these labels."""
        request = {"parent": self._parent, "filter": _labelled(labels)}
        return self._listed(
            lambda: self._jobs.list_custom_jobs(request=request, retry=None, timeout=_REQUEST_SECONDS),
            "list training jobs",
        )

    def cancel_training_job(self, name: str) -> None:
        """Asks for the end of a custom job, by its whole name."""
        self._asked(
            lambda: self._jobs.cancel_custom_job(name=name, retry=None, timeout=_REQUEST_SECONDS), f"cancel {name}"
        )

    # === Schedules ===

    def schedules(self) -> list[dict[str, Any]]:
        """Returns all schedules of the project in this region."""
        request = {"parent": self._parent}
        return self._listed(
            lambda: self._schedules.list_schedules(request=request, retry=None, timeout=_REQUEST_SECONDS),
            "list schedules",
        )

    def create_schedule(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a schedule, named as in the API's JSON. It is not tried again where the answer was lost.

        A schedule has no id of ours, so that a second attempt could make a second one.
        """
        message = _message(aiplatform_v1.Schedule, schedule)
        return _plain(
            self._asked(
                lambda: self._schedules.create_schedule(
                    parent=self._parent, schedule=message, retry=None, timeout=_REQUEST_SECONDS
                ),
                f"make the schedule {schedule['displayName']}",
                once=True,
            )
        )

    def update_schedule(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """Changes the given fields of the schedule with this `name`."""
        message = _message(aiplatform_v1.Schedule, schedule)
        mask = field_mask_pb2.FieldMask()
        mask.FromJsonString(",".join(field for field in schedule if field != "name"))
        return _plain(
            self._asked(
                lambda: self._schedules.update_schedule(
                    schedule=message, update_mask=mask, retry=None, timeout=_REQUEST_SECONDS
                ),
                f"change {schedule['name']}",
            )
        )

    def pause_schedule(self, name: str) -> None:
        """Pauses a schedule, by its whole name; what runs goes on."""
        self._asked(
            lambda: self._schedules.pause_schedule(name=name, retry=None, timeout=_REQUEST_SECONDS), f"pause {name}"
        )

    def resume_schedule(self, name: str) -> None:
        """Lets a schedule fire again, without the runs that it has missed."""
        request = {"name": name, "catch_up": False}
        self._asked(
            lambda: self._schedules.resume_schedule(request=request, retry=None, timeout=_REQUEST_SECONDS),
            f"resume {name}",
        )

    def delete_schedule(self, name: str) -> None:
        """Deletes a schedule, by its whole name, and waits until it is gone; one that is gone already is no error."""

        def delete() -> None:
            with contextlib.suppress(exceptions.NotFound):
                self._schedules.delete_schedule(name=name, retry=None, timeout=_REQUEST_SECONDS).result(
                    timeout=_REQUEST_SECONDS
                )

        self._asked(delete, f"delete {name}")

    # === Inside ===

    def _job_name(self, job_id: str) -> str:
        return f"{self._parent}/pipelineJobs/{job_id}"

    def _listed(self, request: Callable[[], Any], purpose: str) -> list[dict[str, Any]]:
        return self._asked(lambda: [_plain(one) for one in request()], purpose)

    def _asked(self, request: Callable[[], _Result], purpose: str, started: str = "", once: bool = False) -> _Result:
        """Makes a request, again where that may help; says errors."""
        where = f"Vertex AI in {self.project}, {self.region}"
        pauses = (None,) if once else (*_PAUSES_SECONDS, None)
        for pause in pauses:
            try:
                return request()
            except _MAY_PASS as error:
                if pause is not None:
                    self._sleep(pause)
                    continue
                note = f" Whether {started} was started is not known; `w2v2 vertex status` tells." if started else ""
                times = "" if once else ", four times"
                raise TryAgainError(
                    f"{where} must {purpose}, and did not{times} ({_said(error)}); run again later.{note}"
                ) from error
            except (auth_exceptions.DefaultCredentialsError, auth_exceptions.RefreshError) as error:
                raise UsageError(NO_CREDENTIALS) from error
            except (exceptions.Forbidden, exceptions.Unauthorized) as error:
                raise DataError(
                    f"Whoever runs this must be allowed to {purpose} on {where}, and is not ({_said(error)}); give the"
                    " account the role Vertex AI User, or sign in as another."
                ) from error
            except exceptions.NotFound as error:
                raise UsageError(
                    f"{where} must know what is asked for, to {purpose}, and does not ({_said(error)}); look at the"
                    " project, the region and the name."
                ) from error
            except exceptions.GoogleAPICallError as error:
                raise UsageError(f"{where} refused to {purpose} ({_said(error)}); mend what it names.") from error
        raise AssertionError  # The last pause is None, and then nothing goes on.


def _message(kind: Any, value: Mapping[str, Any]) -> Any:
    return kind.from_json(json.dumps(value))


def _said(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text if len(text) <= 400 else f"{text[:400]}…"


def _labelled(labels: Mapping[str, str]) -> str:
    return " AND ".join(f'labels.{name}="{value}"' for name, value in sorted(labels.items()))


def _plain(message: Any) -> dict[str, Any]:
    return json.loads(
        type(message).to_json(message, including_default_value_fields=False, use_integers_for_enums=False)
    )
