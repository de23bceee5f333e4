"""A Hugging Face Hub on the loopback to publish to: it keeps what huggingface_hub sends, as the real one would."""

import contextlib
import dataclasses
import hashlib
import http.server
import json
import re
import socket
import threading
import urllib.parse
from typing import Any, cast

import pytest
import yaml

SILENCE = -1
WRITER, READER = "hf_writer", "hf_reader"
_LARGE = re.compile(r".*\.(onnx|pb|safetensors|data-\d+-of-\d+)")
_COMMIT_PATH = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/(?P<verb>revision|preupload|commit|tag)/(?P<revision>.+)")


@dataclasses.dataclass
class Repository:
    """Commits, the oldest first, each a mapping from path to content; the large files by their sha256."""

    private: bool
    commits: list[tuple[str, dict[str, bytes]]]
    messages: list[str]
    tags: dict[str, str]

    def at(self, revision):
        oid = self.commits[-1][0] if revision == "main" else self.tags.get(revision, revision)
        return next(((name, files) for name, files in self.commits if name == oid), None)

    @property
    def files(self):
        """What is on the branch, without what the hub itself keeps there."""
        return {name: content for name, content in self.commits[-1][1].items() if name != ".gitattributes"}


@dataclasses.dataclass
class Fault:
    """What goes wrong with the requests whose method and path match.

    Attributes:
      request: A regular expression for `METHOD path`.
      status: Sent in place of the answer; SILENCE to say nothing; 0 to break off the connection, in the middle of what
        is received.
      times: How often; -1 for always.
    """

    request: str
    status: int
    times: int = -1
    body: bytes = b""


class FakeHuggingFace(http.server.ThreadingHTTPServer):
    """The hub.

    Attributes:
      repositories: By name.
      large: Content by sha256, sent by the protocol of Git LFS.
      faults: What goes wrong.
      requests: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.lock = threading.RLock()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository, files, message):
        """Adds a commit; returns its name."""
        oid = hashlib.sha1(f"{len(repository.commits)}{message}".encode()).hexdigest()
        repository.commits.append((oid, files))
        repository.messages.append(message)
        return oid


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return cast("FakeHuggingFace", self.server)

    def log_message(self, format, *args):  # noqa: A002 — the base class names it
        pass

    def do_GET(self):
        self.handle_request()

    def do_POST(self):
        self.handle_request()

    def do_PUT(self):
        self.handle_request()

    def handle_request(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        line = f"{self.command} {path}"
        with self.hub.lock:
            self.hub.requests.append(line)
            fault = next((one for one in self.hub.faults if one.times and re.fullmatch(one.request, line)), None)
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
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None:
            self.reply(fault.status, fault.body)
            return
        with self.hub.lock:
            self.answer(path, body)

    def reply(self, status, value: Any = None, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value or {}).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path, body):
        if self.command == "PUT" and path.startswith("/large/"):
            # A signed address, without a token.
            oid = path.rsplit("/", 1)[1]
            if hashlib.sha256(body).hexdigest() != oid:
                return self.reply(400)
            self.hub.large[oid] = body
            return self.reply(200)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in (WRITER, READER):
            return self.reply(401, X_Error_Message="Invalid credentials in Authorization header")
        if path == "/api/whoami-v2":
            return self.reply(200, {"type": "user", "name": "jane", "auth": {}})
        if path == "/api/validate-yaml":
            return self.validate(json.loads(body)["content"])
        matched = _COMMIT_PATH.fullmatch(path)
        if matched and matched["verb"] == "revision":
            return self.describe(matched["repo"], matched["revision"])
        if token != WRITER:
            return self.reply(403, {"error": "You have read access only."})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.batch(json.loads(body))
        if path == "/verify":
            wanted = json.loads(body)
            return self.reply(200 if len(self.hub.large.get(wanted["oid"], b"")) == wanted["size"] else 404, {})
        if matched is None or matched["repo"] not in self.hub.repositories:
            return self.reply(404, {}, X_Error_Code="RepoNotFound")
        repository = self.hub.repositories[matched["repo"]]
        return getattr(self, matched["verb"])(repository, matched["revision"], body)

    def validate(self, content):
        try:
            metadata = yaml.safe_load(content.split("---\n", 2)[1])
            assert isinstance(metadata["license"], str)
        except (yaml.YAMLError, IndexError, KeyError, AssertionError):
            return self.reply(400, {"errors": [{"message": "license must be a string"}], "warnings": []})
        return self.reply(200, {"errors": [], "warnings": []})

    def create(self, wanted):
        name = f"{wanted['organization']}/{wanted['name']}"
        answer = {"url": f"{self.hub.address}/{name}", "name": name}
        if name in self.hub.repositories:
            return self.reply(409, answer)
        repository = Repository(wanted.get("visibility") == "private", [], [], {})
        self.hub.repositories[name] = repository
        self.hub.commit(repository, {".gitattributes": b"*.onnx filter=lfs\n"}, "initial commit")
        return self.reply(200, answer)

    def describe(self, name, revision):
        if name not in self.hub.repositories:
            return self.reply(404, {}, X_Error_Code="RepoNotFound")
        found = self.hub.repositories[name].at(revision)
        if found is None:
            return self.reply(404, {}, X_Error_Code="RevisionNotFound")
        siblings = []
        for path, content in found[1].items():
            sibling = {"rfilename": path, "size": len(content), "blobId": git_hash(content)}
            if _LARGE.fullmatch(path):
                sha256 = hashlib.sha256(content).hexdigest()
                sibling |= {
                    "blobId": git_hash(b"pointer"),
                    "lfs": {"sha256": sha256, "size": len(content), "pointerSize": 1},
                }
            siblings.append(sibling)
        return self.reply(200, {"id": name, "sha": found[0], "siblings": siblings})

    def batch(self, wanted):
        objects = []
        for one in wanted["objects"]:
            answer = dict(one)
            if one["oid"] not in self.hub.large:
                upload = {"href": f"{self.hub.address}/large/{one['oid']}"}
                answer["actions"] = {"upload": upload, "verify": {"href": f"{self.hub.address}/verify"}}
            objects.append(answer)
        return self.reply(200, {"transfer": "basic", "objects": objects})

    def preupload(self, repository, revision, body):
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if _LARGE.fullmatch(file["path"]) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        return self.reply(200, {"files": files})

    def commit(self, repository, revision, body):
        import base64

        lines = [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        head, files = repository.commits[-1]
        if header.get("parentCommit") not in (None, head):
            return self.reply(412, {"error": "The branch has moved."})
        files = dict(files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.large:
                    return self.reply(400, {"error": "The large file is not there."})
                files[value["path"]] = self.hub.large[value["oid"]]
            else:
                assert line["key"] == "deletedFile"
                del files[value["path"]]
        oid = self.hub.commit(repository, files, header["summary"])
        name = next(name for name, one in self.hub.repositories.items() if one is repository)
        return self.reply(200, {"commitUrl": f"{self.hub.address}/{name}/commit/{oid}", "commitOid": oid})

    def tag(self, repository, revision, body):
        tag = json.loads(body)["tag"]
        found = repository.at(revision)
        if tag in repository.tags or found is None:
            return self.reply(409 if found else 404, {})
        repository.tags[tag] = found[0]
        return self.reply(200, {})


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def hugging_face(monkeypatch, tmp_path):
    """The hub, with HF_ENDPOINT that names it and HF_TOKEN of someone who may write."""
    import huggingface_hub

    for name in ("HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The library waits between its retries.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with FakeHuggingFace() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        huggingface_hub.close_session()
        server.shutdown()
