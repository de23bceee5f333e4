"""Dataflow's service on the loopback, as far as running jobs are listed and ended by their labels."""

import contextlib
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.vertex.dataflow_jobs import ENDPOINT_VARIABLE
from tests.loopback_server import LoopbackServer


class FakeRunningDataflow(LoopbackServer):
    """The service.

    Attributes:
      jobs: Labels of the running jobs, by id.
      cancelled: The ids of those that were asked to end.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.jobs, self.cancelled, self.status = {}, [], None
        super().__init__()

    def handle(self, method, path, body):
        if self.status is not None:
            return self.status, {"error": "told so"}
        split = urlsplit(path)
        if method == "PUT":
            assert body == {"requestedState": "JOB_STATE_CANCELLED"}
            self.cancelled.append(split.path.rpartition("/")[2])
            return 200, {}
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        assert query["filter"] == "ACTIVE"
        running = [job for job in self.jobs if job not in self.cancelled]
        # One a page, so that the client has to ask for more.
        first = int(query.get("pageToken", 0))
        page = {"jobs": [{"id": job, "labels": self.jobs[job]} for job in running[first : first + 1]]}
        return 200, {**page, "nextPageToken": str(first + 1)} if first + 1 < len(running) else page


@pytest.fixture
def running_dataflow(monkeypatch):
    """The service, at the address that the project asks."""
    service = FakeRunningDataflow()
    monkeypatch.setenv(ENDPOINT_VARIABLE, service.address)
    with contextlib.closing(service):
        yield service
