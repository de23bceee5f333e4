"""Vertex AI's service, as far as this project asks it: pipeline jobs, custom jobs, schedules."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.protobuf import field_mask_pb2

from components.vertex_client import REQUEST_SECONDS, VertexClient, label_filter, message, plain

_SHOWN_OF_JOB = "name display_name labels state create_time start_time end_time error job_detail runtime_config".split()


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
        client = VertexClient(project, region, credentials, sleep)
        self._parent, self._asked, self._listed = client.parent, client.ask, client.listed
        self._pipelines = client.make(aiplatform_v1.PipelineServiceClient)
        self._jobs = client.make(aiplatform_v1.JobServiceClient)
        self._schedules = client.make(aiplatform_v1.ScheduleServiceClient)

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
                    pipeline_job=message(aiplatform_v1.PipelineJob, job),
                    pipeline_job_id=job_id,
                    retry=None,
                    timeout=REQUEST_SECONDS,
                )
            except exceptions.Conflict:
                found = self._pipelines.get_pipeline_job(
                    name=self._job_name(job_id), retry=None, timeout=REQUEST_SECONDS
                )
                # The service adds a label of its own, by which it bills.
                if attempts > 1 and job.get("labels", {}).items() <= dict(found.labels).items():
                    return found
                raise

        return plain(self._asked(create, f"start the pipeline job {job_id}", started=job_id))

    def job(self, job_id: str) -> dict[str, Any]:
        """Returns a pipeline job with the details of its tasks."""
        return plain(
            self._asked(
                lambda: self._pipelines.get_pipeline_job(
                    name=self._job_name(job_id), retry=None, timeout=REQUEST_SECONDS
                ),
                f"tell of the pipeline job {job_id}",
            )
        )

    def jobs(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns the pipeline jobs with these labels, the newest first, without their specifications."""
        request = {
            "parent": self._parent,
            "filter": label_filter(labels),
            "order_by": "create_time desc",
            # Without the specifications, which are long.
            "read_mask": field_mask_pb2.FieldMask(paths=_SHOWN_OF_JOB),
        }
        return self._listed(
            lambda: self._pipelines.list_pipeline_jobs(request=request, retry=None, timeout=REQUEST_SECONDS),
            "list pipeline jobs",
        )

    def cancel(self, job_id: str) -> None:
        """Asks for the end of a pipeline job; its tasks end a little later."""
        self._asked(
            lambda: self._pipelines.cancel_pipeline_job(
                name=self._job_name(job_id), retry=None, timeout=REQUEST_SECONDS
            ),
            f"cancel the pipeline job {job_id}",
        )

    # === Custom jobs, which train ===

    def training_jobs(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns the custom jobs with these labels."""
        request = {"parent": self._parent, "filter": label_filter(labels)}
        return self._listed(
            lambda: self._jobs.list_custom_jobs(request=request, retry=None, timeout=REQUEST_SECONDS),
            "list training jobs",
        )

    def cancel_training_job(self, name: str) -> None:
        """Asks for the end of a custom job, by its whole name."""
        self._asked(
            lambda: self._jobs.cancel_custom_job(name=name, retry=None, timeout=REQUEST_SECONDS), f"cancel {name}"
        )

    # === Schedules ===

    def schedules(self) -> list[dict[str, Any]]:
        """Returns all schedules of the project in this region."""
        request = {"parent": self._parent}
        return self._listed(
            lambda: self._schedules.list_schedules(request=request, retry=None, timeout=REQUEST_SECONDS),
            "list schedules",
        )

    def create_schedule(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a schedule, named as in the API's JSON. It is not tried again where the answer was lost.

        A schedule has no id of ours, so that a second attempt could make a second one.
        """
        wanted = message(aiplatform_v1.Schedule, schedule)
        return plain(
            self._asked(
                lambda: self._schedules.create_schedule(
                    parent=self._parent, schedule=wanted, retry=None, timeout=REQUEST_SECONDS
                ),
                f"make the schedule {schedule['displayName']}",
                pauses_seconds=(),
            )
        )

    def update_schedule(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """Changes the given fields of the schedule with this `name`."""
        wanted = message(aiplatform_v1.Schedule, schedule)
        mask = field_mask_pb2.FieldMask()
        mask.FromJsonString(",".join(field for field in schedule if field != "name"))
        return plain(
            self._asked(
                lambda: self._schedules.update_schedule(
                    schedule=wanted, update_mask=mask, retry=None, timeout=REQUEST_SECONDS
                ),
                f"change {schedule['name']}",
            )
        )

    def pause_schedule(self, name: str) -> None:
        """Pauses a schedule, by its whole name; what runs goes on."""
        self._asked(
            lambda: self._schedules.pause_schedule(name=name, retry=None, timeout=REQUEST_SECONDS), f"pause {name}"
        )

    def resume_schedule(self, name: str) -> None:
        """Lets a schedule fire again, without the runs that it has missed."""
        request = {"name": name, "catch_up": False}
        self._asked(
            lambda: self._schedules.resume_schedule(request=request, retry=None, timeout=REQUEST_SECONDS),
            f"resume {name}",
        )

    def delete_schedule(self, name: str) -> None:
        """Deletes a schedule, by its whole name, and waits until it is gone; one that is gone already is no error."""

        def delete() -> None:
            with contextlib.suppress(exceptions.NotFound):
                self._schedules.delete_schedule(name=name, retry=None, timeout=REQUEST_SECONDS).result(
                    timeout=REQUEST_SECONDS
                )

        self._asked(delete, f"delete {name}")

    # === Inside ===

    def _job_name(self, job_id: str) -> str:
        return f"{self._parent}/pipelineJobs/{job_id}"
