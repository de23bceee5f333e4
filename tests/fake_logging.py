"""Cloud Logging on the loopback, as far as the lines of jobs are listed."""

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.vertex.logs import ENDPOINT_VARIABLE

_JOBS = re.compile(r'resource\.type="ml_job" AND resource\.labels\.job_id=\((.+)\)')


class FakeLogging:
    """The service.

    Attributes:
      entries: What was written, the oldest first.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.entries, self.status = [], None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v2/entries:list"
                content = json.dumps(service.handle(body)).encode()
                self.send_response(service.status or 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def write(self, job_id, **entry):
        """Adds an entry of a job."""
        time = f"2026-10-26T03:00:{len(self.entries):02}Z"
        self.entries.append({"timestamp": time, "resource": {"labels": {"job_id": job_id}}, **entry})

    def handle(self, query):
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

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cloud_logging(monkeypatch):
    """The service, at the address that the project asks."""
    service = FakeLogging()
    monkeypatch.setenv(ENDPOINT_VARIABLE, service.address)
    with contextlib.closing(service):
        yield service
