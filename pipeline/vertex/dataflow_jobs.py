"""The jobs that a run has started on Dataflow."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pipeline.vertex.google_api import GoogleApi

# The address of the service in place of Google's: a private endpoint, or a server for tests.
ENDPOINT_VARIABLE = "W2V2_DATAFLOW_ENDPOINT"


class DataflowJobs:
    """Requests to Dataflow in one project and region; errors are those of `GoogleApi`.

    Args:
      project: Its id.
      region: Such as `us-central1`.
    """

    def __init__(self, project: str, region: str) -> None:
        endpoint = os.environ.get(ENDPOINT_VARIABLE) or "https://dataflow.googleapis.com"
        self._api = GoogleApi(f"Dataflow in {project}, {region}", "Dataflow Developer")
        self._jobs = f"{endpoint}/v1b3/projects/{project}/locations/{region}/jobs"

    def running(self, labels: Mapping[str, str]) -> list[str]:
        """Returns the ids of the jobs with these labels that have not ended."""
        found, query = [], {"filter": "ACTIVE", "view": "JOB_VIEW_ALL"}
        while True:
            answer = self._api.ask("GET", self._jobs, params=query)
            found += [one["id"] for one in answer.get("jobs", []) if labels.items() <= one.get("labels", {}).items()]
            if not answer.get("nextPageToken"):
                return found
            query = {**query, "pageToken": answer["nextPageToken"]}

    def cancel(self, job_id: str) -> None:
        """Asks for the end of a job."""
        self._api.ask("PUT", f"{self._jobs}/{job_id}", json={"requestedState": "JOB_STATE_CANCELLED"})
