"""Kaggle Models on the loopback to publish to: it keeps what kagglehub sends, as the real one would.

The library knows a few environments and no addresses. It is told to speak to `http://localhost`, through a proxy, which
is this server.
"""

import contextlib
import dataclasses
import http.server
import json
import re
import socket
import threading
import urllib.parse
from typing import Any, cast

import pytest

SILENCE = -1
TOKEN, USER, KEY = "KGAT_jane", "jane", "0123456789abcdef"


@dataclasses.dataclass
class Version:
    files: dict[str, bytes]
    notes: str = ""
    license: str = ""
    # So many questions are answered as if it were still being unpacked.
    unpacking: int = 0


@dataclasses.dataclass
class Blob:
    name: str
    size: int
    content: bytes = b""


@dataclasses.dataclass
class Fault:
    """What goes wrong with the requests whose name or path matches.

    Attributes:
      request: A regular expression for the name of a request, such as `CreateModelInstance`, or for `PUT`.
      status: Sent in place of the answer; SILENCE to say nothing; 0 to break off the connection.
      times: How often; -1 for always.
      body: Sent with the status.
    """

    request: str
    status: int
    times: int = -1
    body: bytes = b""


class FakeKaggle(http.server.ThreadingHTTPServer):
    """Kaggle.

    Attributes:
      models: Names of models, `owner/model`, with whether they are private.
      variations: Versions by `owner/model/framework/variation`, the first is 1.
      faults: What goes wrong.
      requests: The names of requests, in order.
      unpacking: Of versions that are made from now on.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.models: dict[str, bool] = {}
        self.variations: dict[str, list[Version]] = {}
        self.blobs: dict[str, Blob] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.unpacking = 0
        self.lock = threading.RLock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def kaggle(self):
        return cast("FakeKaggle", self.server)

    def log_message(self, format, *args):  # noqa: A002 — the base class names it
        pass

    def do_PUT(self):
        self.handle_request("PUT")

    def do_POST(self):
        self.handle_request(urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[1])

    def handle_request(self, name):
        with self.kaggle.lock:
            self.kaggle.requests.append(name)
            fault = next((one for one in self.kaggle.faults if one.times and re.fullmatch(one.request, name)), None)
            if fault is not None:
                fault.times -= 1
        if fault is not None and fault.status == SILENCE:
            self.connection.settimeout(5)
            with contextlib.suppress(OSError):
                # Until the client has lost its patience.
                while self.connection.recv(1000):
                    pass
            self.close_connection = True
            return
        if fault is not None and not fault.status:
            self.rfile.read(min(3, int(self.headers.get("Content-Length") or 0)))
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None:
            self.reply(fault.status, fault.body)
            return
        with self.kaggle.lock:
            if name == "PUT":
                self.receive(body)
            elif self.headers.get("Authorization") not in (f"Bearer {TOKEN}", BASIC):
                self.reply(401, {"code": 401, "message": "Unauthenticated"})
            else:
                answer = getattr(self, name)(json.loads(body))
                if answer is not None:
                    self.reply(*answer)

    def reply(self, status, value: Any = None, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value or {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def receive(self, body):
        blob = self.kaggle.blobs[self.path.rsplit("/", 1)[1]]
        matched = re.fullmatch(r"bytes (\*|(\d+)-\d+)/(\d+)", self.headers.get("Content-Range") or "")
        if matched and matched[1] == "*" and len(blob.content) < blob.size:
            # How much has arrived?
            self.reply(308)
            return
        blob.content = blob.content[: int((matched and matched[2]) or 0)] + body
        self.reply(200)

    def StartBlobUpload(self, request):
        token = f"blob-{len(self.kaggle.blobs)}"
        self.kaggle.blobs[token] = Blob(request["name"], request["contentLength"])
        return 200, {"token": token, "createUrl": f"http://127.0.0.1:{self.kaggle.server_port}/upload/{token}"}

    def GetModel(self, request):
        name = f"{request['ownerSlug']}/{request['modelSlug']}"
        if name not in self.kaggle.models:
            return 403, {"code": 403, "message": "Permission 'models.get' was denied"}
        return 200, {"id": 1, "slug": request["modelSlug"]}

    def CreateModel(self, request):
        if request["ownerSlug"] != USER:
            return 403, {"code": 403, "message": "Permission 'models.create' was denied"}
        self.kaggle.models[f"{USER}/{request['slug']}"] = request["isPrivate"]
        return 200, {"id": 1, "ref": request["slug"]}

    def CreateModelInstance(self, request):
        body = request["body"]
        name = handle_of(request["ownerSlug"], request["modelSlug"], body["framework"], body["instanceSlug"])
        if name in self.kaggle.variations:
            return 200, {"error": "The variation exists.", "errorCode": 409}
        return self.make(name, Version({}, license=body.get("licenseName", "")), body)

    def CreateModelInstanceVersion(self, request):
        name = variation_of(request)
        return self.make(name, Version({}, notes=request["body"]["versionNotes"]), request["body"])

    def make(self, name, version, body):
        try:
            version.files = dict(self.unpack(body, ""))
        except ValueError as error:
            return 200, {"error": str(error), "errorCode": 400}
        version.unpacking = self.kaggle.unpacking
        self.kaggle.variations.setdefault(name, []).append(version)
        return 200, {"id": 1, "ref": name}

    def unpack(self, directory, prefix):
        for file in directory.get("files", ()):
            blob = self.kaggle.blobs[file["token"]]
            if len(blob.content) != blob.size:
                raise ValueError(f"{blob.name} has not arrived whole")
            yield prefix + blob.name, blob.content
        for below in directory.get("directories", ()):
            yield from self.unpack(below, f"{prefix}{below['name']}/")

    def GetModelInstance(self, request):
        versions = self.kaggle.variations.get(variation_of(request))
        return (404, {"code": 404, "message": "Not found"}) if not versions else (200, {"versionNumber": len(versions)})

    def ListModelInstanceVersionFiles(self, request):
        version = self.kaggle.variations[variation_of(request)][request["versionNumber"] - 1]
        if version.unpacking:
            version.unpacking -= 1
            return 200, {"files": [], "nextPageToken": ""}
        names = list(version.files)
        start = int(request.get("pageToken") or 0)
        # Pages are small here, so that there are several.
        page = [{"name": name, "size": len(version.files[name])} for name in names[start : start + 3]]
        return 200, {"files": page, "nextPageToken": str(start + 3) if start + 3 < len(names) else ""}

    def DownloadModelInstanceVersion(self, request):
        version = self.kaggle.variations[variation_of(request)][request["versionNumber"] - 1]
        self.reply(200, version.files[request["path"]], "application/octet-stream")


BASIC = "Basic amFuZTowMTIzNDU2Nzg5YWJjZGVm"  # of USER and KEY
_FRAMEWORKS = {"TENSOR_FLOW_2": "tensorFlow2", "ONNX": "onnx", "TRANSFORMERS": "transformers"}


def handle_of(owner, model, framework, variation):
    return f"{owner}/{model}/{_FRAMEWORKS[framework.removeprefix('MODEL_FRAMEWORK_')]}/{variation}"


def variation_of(request):
    return handle_of(request["ownerSlug"], request["modelSlug"], request["framework"], request["instanceSlug"])


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Kaggle, and KAGGLE_API_TOKEN of someone who may write."""
    for name in (
        "KAGGLE_USERNAME",
        "KAGGLE_KEY",
        "KAGGLE_KERNEL_RUN_TYPE",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The library waits between its retries, and we for what is unpacked.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    # For its own name it looks six times through the call stack, and of each frame through every module that there is:
    # in the process of all tests, that are seconds for each client.
    monkeypatch.setattr("kagglehub.clients.get_user_agent", lambda: "kagglehub")
    with FakeKaggle() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
