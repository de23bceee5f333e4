"""Dataflow's service on the loopback, as far as running jobs are listed and ended by their labels."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.vertex.dataflow_jobs import ENDPOINT_VARIABLE


class FakeRunningDataflow:
    """The service.

    Attributes:
      jobs: Labels of the running jobs, by id.
      cancelled: The ids of those that were asked to end.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.jobs, self.cancelled, self.status = {}, [], None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                told = service.handle(self.command, urlsplit(self.path), json.loads(body) if body else None)
                content = json.dumps(told).encode()
                self.send_response(service.status or 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = answer  # noqa: N815 — so http.server calls them

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def handle(self, method, split, body):
        if self.status is not None:
            return {"error": "told so"}
        if method == "PUT":
            assert body == {"requestedState": "JOB_STATE_CANCELLED"}
            self.cancelled.append(split.path.rpartition("/")[2])
            return {}
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        assert query["filter"] == "ACTIVE"
        running = [job for job in self.jobs if job not in self.cancelled]
        # One a page, so that the client has to ask for more.
        first = int(query.get("pageToken", 0))
        page = {"jobs": [{"id": job, "labels": self.jobs[job]} for job in running[first : first + 1]]}
        return {**page, "nextPageToken": str(first + 1)} if first + 1 < len(running) else page

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def running_dataflow(monkeypatch):
    """The service, at the address that the project asks."""
    service = FakeRunningDataflow()
    monkeypatch.setenv(ENDPOINT_VARIABLE, service.address)
    with contextlib.closing(service):
        yield service
