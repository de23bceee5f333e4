"""What the tasks of a run have written, from Cloud Logging."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from pipeline.vertex.google_api import GoogleApi

# The address of the service in place of Google's: a private endpoint, or a server for tests.
ENDPOINT_VARIABLE = "W2V2_LOGGING_ENDPOINT"

# As many as the service gives at once.
_PAGE = 1000


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line of a log.

    Attributes:
      time: RFC 3339.
      node: Which task wrote it.
      severity: Such as `INFO` or `ERROR`.
      text: One line or several.
    """

    time: str
    node: str
    severity: str
    text: str


def read_logs(project: str, nodes_by_job: Mapping[str, str], count: int) -> list[LogLine]:
    """Returns the last lines, the oldest first. Errors are those of `GoogleApi`.

    Args:
      project: Its id.
      nodes_by_job: The node of each custom job, by the id of the job: Vertex AI runs a task as such a job.
      count: How many at most.
    """
    if not nodes_by_job:
        return []
    endpoint = os.environ.get(ENDPOINT_VARIABLE) or "https://logging.googleapis.com"
    api = GoogleApi(f"Cloud Logging in {project}", "Logs Viewer")
    jobs = " OR ".join(f'"{job}"' for job in sorted(nodes_by_job))
    query = {
        "resourceNames": [f"projects/{project}"],
        "filter": f'resource.type="ml_job" AND resource.labels.job_id=({jobs})',
        "orderBy": "timestamp desc",
        "pageSize": min(count, _PAGE),
    }
    lines: list[LogLine] = []
    while len(lines) < count:
        answer = api.ask("POST", f"{endpoint}/v2/entries:list", json=query)
        lines += [_line(entry, nodes_by_job) for entry in answer.get("entries", [])]
        if not answer.get("nextPageToken"):
            break
        query = {**query, "pageToken": answer["nextPageToken"]}
    return lines[:count][::-1]


def _line(entry: Mapping, nodes_by_job: Mapping[str, str]) -> LogLine:
    payload = entry.get("jsonPayload", {})
    return LogLine(
        time=entry.get("timestamp", ""),
        node=nodes_by_job.get(entry.get("resource", {}).get("labels", {}).get("job_id", ""), ""),
        severity=entry.get("severity", "DEFAULT"),
        text=str(entry.get("textPayload", payload.get("message", ""))).rstrip(),
    )
