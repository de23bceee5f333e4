"""Cloud Logging on the loopback, as far as the lines of jobs are listed."""

import contextlib
import re

import pytest

from pipeline.vertex.logs import ENDPOINT_VARIABLE
from tests.loopback_server import LoopbackServer

_JOBS = re.compile(r'resource\.type="ml_job" AND resource\.labels\.job_id=\((.+)\)')


class FakeLogging(LoopbackServer):
    """The service.

    Attributes:
      entries: What was written, the oldest first.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.entries, self.status = [], None
        super().__init__()

    def write(self, job_id, **entry):
        """Adds an entry of a job."""
        time = f"2026-10-26T03:00:{len(self.entries):02}Z"
        self.entries.append({"timestamp": time, "resource": {"labels": {"job_id": job_id}}, **entry})

    def handle(self, method, path, body):
        assert (method, path) == ("POST", "/v2/entries:list")
        return self.status or 200, self._page(body)

    def _page(self, query):
        assert query["resourceNames"] == ["projects/speech-tests"]
        assert query["orderBy"] == "timestamp desc"
        found = _JOBS.fullmatch(query["filter"])
        assert found is not None, query["filter"]
        jobs = re.findall(r'"([^"]+)"', found[1])
        wanted = [entry for entry in self.entries if entry["resource"]["labels"]["job_id"] in jobs][::-1]
        # Two a page, so that the client has to ask for more.
        first = int(query.get("pageToken", 0))
        page = {"entries": wanted[first : first + 2]}
        return {**page, "nextPageToken": str(first + 2)} if first + 2 < len(wanted) else page


@pytest.fixture
def cloud_logging(monkeypatch):
    """The service, at the address that the project asks."""
    service = FakeLogging()
    monkeypatch.setenv(ENDPOINT_VARIABLE, service.address)
    with contextlib.closing(service):
        yield service
