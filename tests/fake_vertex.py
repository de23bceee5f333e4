"""Vertex AI's service on the loopback, as far as the project asks it: jobs, schedules, artifacts of ML Metadata.

It checks what the real one checks of a request (ids, parents, filters), keeps what it was sent, and can fail as the
real one does: an error, an answer that never comes, or a request that is carried out and whose answer is lost.
"""

import contextlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials

from components.vertex_client import ENDPOINT_VARIABLE

_PATH = re.compile(
    r"/v1/(?P<parent>projects/[^/]+/locations/[^/]+(?:/metadataStores/default)?)"
    r"/(?P<kind>pipelineJobs|customJobs|schedules|artifacts)"
    r"(?:/(?P<id>[^/:]+))?(?::(?P<verb>\w+))?"
)
_JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
_LABEL = re.compile(r'labels\.([\w-]+)="([^"]*)"')
_TERM = re.compile(r'(?:(schema_title)|metadata\.(\w+)\.string_value)="([^"]*)"')
# The service names artifacts with the number of the project, whatever it was asked with.
_PROJECT_NUMBER = "projects/4711"
LOST = "lost"
BILLING_LABEL = "vertex-ai-pipelines-run-billing-id"
"""The label that the service adds to each pipeline job."""

_FIRST_STATES = {
    "pipelineJobs": "PIPELINE_STATE_PENDING",
    "customJobs": "JOB_STATE_PENDING",
    "schedules": "ACTIVE",
}


class FakeVertex:
    """The service.

    Attributes:
      stored: Of each kind (`pipelineJobs`, `customJobs`, `schedules`, `artifacts`), by name.
      requests: Method and path of all requests, in their order.
      faults: What the next requests meet: a status and a message in place of an answer, or `LOST`, which is carried
        out, and whose connection ends without an answer; None for no fault.
      faults_by_method: The same for requests with that method, such as `PATCH`.
      before_change: Is called with the name of an artifact that is about to be changed.
    """

    def __init__(self):
        self.stored = {"pipelineJobs": {}, "customJobs": {}, "schedules": {}, "artifacts": {}}
        self.requests, self.faults, self._created = [], [], 0
        self.faults_by_method, self.before_change = {}, lambda name: None
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with service._lock:
                    faults = service.faults or service.faults_by_method.get(self.command)
                    fault = faults.pop(0) if faults else None
                    service.requests.append((self.command, self.path))
                    if fault is None or fault == LOST:
                        status, told = service.handle(self.command, self.path, json.loads(body) if body else {})
                    else:
                        status, told = fault[0], {"error": {"code": fault[0], "message": fault[1]}}
                if fault == LOST:
                    self.close_connection = True
                    return
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 — so http.server calls them

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def handle(self, method, path, body):
        split = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        found = _PATH.fullmatch(split.path)
        assert found is not None, path
        kind, of_kind = found["kind"], self.stored[found["kind"]]
        name = f"{found['parent']}/{kind}/{found['id']}" if found["id"] else ""
        if found["verb"]:
            return self._told_to(found["verb"], of_kind, name, body)
        if method == "POST" and not found["id"]:
            return self._create(kind, found["parent"], query, body)
        if method == "GET" and not found["id"]:
            return self._list(kind, found["parent"], query)
        if name not in of_kind:
            return _error(404, f"{name} not found.")
        if method == "DELETE":
            del of_kind[name]
            done = {"@type": "type.googleapis.com/google.protobuf.Empty"}
            return 200, {"name": f"{found['parent']}/operations/1", "done": True, "response": done}
        if method == "PATCH" and kind == "artifacts":
            self.before_change(name)
            return self._change(of_kind[name], query, body)
        if method == "PATCH":
            for field in query["updateMask"].split(","):
                # JSON leaves out what is false.
                of_kind[name][field] = body.get(field, False)
        return 200, of_kind[name]

    def _create(self, kind, parent, query, body):
        given = query.get("pipelineJobId", "")
        if kind == "pipelineJobs" and not _JOB_ID.fullmatch(given):
            return _error(400, f"Invalid pipeline job id {given!r}.")
        self._created += 1
        name = f"{parent}/{kind}/{given or self._created}"
        if name in self.stored[kind]:
            return _error(409, f"{name} already exists.")
        created = {
            **body,
            "name": name,
            "state": _FIRST_STATES[kind],
            **(
                {"labels": {**body.get("labels", {}), BILLING_LABEL: str(self._created)}}
                if kind == "pipelineJobs"
                else {}
            ),
            "createTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_790_000_000 + self._created)),
        }
        self.stored[kind][name] = created
        return 200, created

    def add_artifact(self, schema_title, uri, metadata, region="europe-west4"):
        """Puts an artifact into the metadata store, as the service does when a task has ended; returns it."""
        self._created += 1
        name = f"{_PROJECT_NUMBER}/locations/{region}/metadataStores/default/artifacts/{self._created}"
        made = {
            "name": name, "displayName": uri.rpartition("/")[2], "uri": uri, "etag": str(self._created),
            "state": "LIVE", "schemaTitle": schema_title, "schemaVersion": "0.0.1", "metadata": metadata,
            "labels": {"team": "speech"}, "description": "Of a test.",
        }  # fmt: skip
        self.stored["artifacts"][name] = made
        return made

    def _change(self, artifact, query, body):
        """Replaces the fields of the mask, or all of them without one, if the state is the one that was read."""
        if body.get("etag") not in (None, "", artifact["etag"]):
            return _error(409, f"Specified Artifact etag {body['etag']} does not match {artifact['etag']}.")
        kept = {"name": artifact["name"]}
        mask = query.get("updateMask")
        changed = {field: body[field] for field in mask.split(",") if field in body} if mask else body
        if not mask:
            artifact.clear()
        self._created += 1
        artifact |= {**changed, **kept, "etag": str(self._created)}
        return 200, artifact

    def _list(self, kind, parent, query):
        if kind == "artifacts":
            terms = query["filter"].split(" AND ")
            matched = [_TERM.fullmatch(term) for term in terms]
            assert all(matched), query["filter"]
            place = f"{_PROJECT_NUMBER}/{parent.split('/', 2)[2]}/"
            found = [one for name, one in self.stored[kind].items() if name.startswith(place)]
            for term in matched:
                found = [one for one in found if term is not None and _value_of(one, term) == term[3]]
        else:
            wanted = dict(_LABEL.findall(query.get("filter", "")))
            of_parent = [one for name, one in self.stored[kind].items() if name.startswith(f"{parent}/")]
            found = [one for one in of_parent if wanted.items() <= one.get("labels", {}).items()]
        if query.get("orderBy") == "create_time desc":
            found.reverse()
        if "readMask" in query:
            found = [{field: one[field] for field in query["readMask"].split(",") if field in one} for one in found]
        # Two a page, so that the client has to ask for more.
        first = int(query.get("pageToken") or 0)
        page = {kind: found[first : first + 2]}
        return 200, {**page, "nextPageToken": str(first + 2)} if first + 2 < len(found) else page

    def _told_to(self, verb, of_kind, name, body):
        if name not in of_kind:
            return _error(404, f"{name} not found.")
        one = of_kind[name]
        if verb == "cancel":
            if one["state"].endswith(("SUCCEEDED", "FAILED", "CANCELLED")):
                return _error(400, f"{name} has ended.")
            prefix = "PIPELINE" if "/pipelineJobs/" in name else "JOB"
            one["state"] = f"{prefix}_STATE_CANCELLING"
        elif verb == "pause":
            one["state"] = "PAUSED"
        else:
            assert verb == "resume", verb
            one |= {"state": "ACTIVE", "catchUp": body.get("catchUp", False)}
        return 200, {}


def _value_of(artifact, term):
    return artifact["schemaTitle"] if term[1] else artifact["metadata"].get(term[2])


def _error(status, message):
    return status, {"error": {"code": status, "message": message}}


@pytest.fixture
def vertex(monkeypatch):
    """The service, at the address that the project asks, and anonymous credentials in the environment."""
    service = FakeVertex()
    monkeypatch.setenv(ENDPOINT_VARIABLE, service.address)
    monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), "tests"))
    with contextlib.closing(service):
        yield service
