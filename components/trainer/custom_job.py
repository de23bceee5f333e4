"""The custom job of Vertex AI that trains: one for each task, however often the task is begun again.

TFX's own way (`tfx.extensions.google_cloud_ai_platform.runner`) starts a job whenever it is called. A task whose
container is lost while it waits is tried again by the service, and a second job would train beside the first. Its
waiting goes on after the built-in `ConnectionError` alone, which no client of the service raises
(https://github.com/tensorflow/tfx/issues/5870), and never ends for a job that has expired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import logging
from google.cloud import aiplatform_v1
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.types import artifact_utils

from components.run_labels import PIPELINE_LABEL, RUN_LABEL, WORK_LABEL
from components.vertex_client import REQUEST_SECONDS, VertexClient, label_filter
from model.errors import TryAgainError, WorkerError

_State = aiplatform_v1.JobState
_ENDED = (
    _State.JOB_STATE_SUCCEEDED,
    _State.JOB_STATE_PARTIALLY_SUCCEEDED,
    _State.JOB_STATE_FAILED,
    _State.JOB_STATE_CANCELLED,
    _State.JOB_STATE_EXPIRED,
)
_LOOKED_FOR_BY = (PIPELINE_LABEL, RUN_LABEL)
# A training that is over soon is not waited for long; most take hours, and their task has nothing else to do.
_FIRST_POLL_SECONDS, _POLL_SECONDS = 5.0, 30.0
# The training goes on while the service does not answer; after half an hour somebody should know.
_PATIENCE_SECONDS = 1800.0
# Long enough for a job whose answer was lost to be in the list of jobs.
_START_PAUSES_SECONDS = (10.0, 30.0, 60.0)


class TrainingJobs(training_clients.VertexJobClient):
    """Custom jobs of one project and region. TFX's client describes a job; this one finds, starts and waits for it.

    Args:
      project: Its id.
      region: Such as `europe-west4`.
      sleep: Waits; for tests.

    Raises:
      UsageError: there are no credentials.
    """

    def __init__(self, project: str, region: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._service, self._sleep = VertexClient(project, region, sleep=sleep), sleep
        super().__init__(region)

    def create_client(self) -> None:
        """Makes the client; TFX's class calls this."""
        self._client = self._service.make(aiplatform_v1.JobServiceClient)

    def find(self, labels: Mapping[str, str]) -> aiplatform_v1.CustomJob | None:
        """Returns the job that an earlier attempt of the same task has started, and that need not be done again.

        Args:
          labels: Of the job that would be started: pipeline, run and work. Without those there is nothing to go by.

        Returns:
          The newest that has not ended, else the newest that has succeeded; None if there is neither.
        """
        if not {*_LOOKED_FOR_BY, WORK_LABEL} <= labels.keys():
            return None
        wanted = {name: labels[name] for name in _LOOKED_FOR_BY}
        request = {"parent": self._service.parent, "filter": label_filter(wanted)}
        jobs = self._service.ask(
            lambda: list(self._client.list_custom_jobs(request=request, retry=None, timeout=REQUEST_SECONDS)),
            "list training jobs",
        )
        same = [job for job in jobs if {**wanted, WORK_LABEL: labels[WORK_LABEL]}.items() <= dict(job.labels).items()]
        same.sort(key=lambda job: job.create_time.timestamp(), reverse=True)
        running = [job for job in same if job.state not in _ENDED]
        done = [job for job in same if job.state == _State.JOB_STATE_SUCCEEDED]
        return next(iter([*running, *done]), None)

    def start(self, job: Mapping[str, Any]) -> aiplatform_v1.CustomJob:
        """Starts a job. Where the answer was lost, it is looked for before it is started once more.

        Args:
          job: A `CustomJob`, as `create_training_job` returns it. One without the labels that `find` goes by is tried
            once.

        Raises:
          UsageError: the service refuses the job.
          DataError: this account must not start it.
          TryAgainError: the service did not answer.
        """
        described = aiplatform_v1.CustomJob({name: value for name, value in job.items() if value})
        attempts = 0

        def create() -> aiplatform_v1.CustomJob:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and (found := self.find(job["labels"])) is not None:
                return found
            return self._client.create_custom_job(
                parent=self._service.parent, custom_job=described, retry=None, timeout=REQUEST_SECONDS
            )

        pauses = _START_PAUSES_SECONDS if WORK_LABEL in job["labels"] else ()
        return self._service.ask(create, "start the training", pauses)

    def wait(self, name: str) -> None:
        """Waits until a job has succeeded.

        Args:
          name: The whole name.

        Raises:
          WorkerError: it has failed, was cancelled, or ran out of its time.
          UsageError: it is gone.
          DataError: this account must not look at it.
          TryAgainError: the service has not answered for half an hour.
        """
        pause, unanswered_seconds = _FIRST_POLL_SECONDS, 0.0
        while True:
            try:
                job = self._service.ask(
                    lambda: self._client.get_custom_job(name=name, retry=None, timeout=REQUEST_SECONDS),
                    f"tell of {name}",
                    (),
                )
            except TryAgainError as error:
                if unanswered_seconds >= _PATIENCE_SECONDS:
                    raise
                logging.warning("%s The training goes on; it is asked again.", error)
                unanswered_seconds += pause
            else:
                if job.state in _ENDED:
                    break
                unanswered_seconds = 0.0
            self._sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)
        if job.state != _State.JOB_STATE_SUCCEEDED:
            state = job.state.name.removeprefix("JOB_STATE_")
            reason = " ".join(job.error.message.split()) or "no reason is given"
            raise WorkerError(f"The training {name} must succeed, and is {state} ({reason}); its log says more.")


def outputs_of(command: Sequence[str]) -> dict[str, str]:
    """Returns the addresses that the command of a job writes to, by the name of the output."""
    told = artifact_utils.parse_artifact_dict(command[command.index("--outputs") + 1])
    return {name: artifact.uri for name, (artifact,) in told.items()}
