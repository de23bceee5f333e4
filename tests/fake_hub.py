"""A hub that is served on the loopback, for all tests that download a checkpoint."""

import hashlib
import http.server
import json
import threading
import urllib.parse
from typing import cast

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 40
CONFIG = b'{"model_type": "wav2vec2"}'
LARGE = (".safetensors", ".bin", ".h5", ".msgpack")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class FakeHub(http.server.ThreadingHTTPServer):
    """One repository as the hub serves it.

    Attributes:
      name: Its owner and name.
      files: Its content by name.
      sent: What is sent in place of a file's true content.
      headers: What is sent with a file in place of the true headers of these names.
      file_status: What is sent with a file in place of 200.
      revisions: The commit that each branch and tag stands for.
      refusal: A status and an X-Error-Code that everything is answered with.
      answer: A body that everything is answered with.
      file_refusal: The same for files alone; or None.
      drops: How many downloads break off in the middle.
      requests: The method, path and Range of every request.
      tokens: The Authorization of every request, each once.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = "someone/speech"
        self.files = {"config.json": CONFIG, "vocab.json": b"{}", "model.safetensors": WEIGHTS}
        self.sent, self.headers, self.file_status = {}, {}, 200
        self.revisions = {"main": COMMIT, COMMIT: COMMIT}
        self.refusal = self.answer = None
        self.file_refusal, self.drops = None, 0
        self.requests = []
        self.tokens = set()

    @property
    def fetched(self):
        """The files of which content was sent, in order."""
        return [path.rsplit("/", 1)[1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):  # noqa: A002 — the base class names it
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = cast("FakeHub", self.server)
        path = urllib.parse.urlsplit(self.path).path
        hub.requests.append((self.command, path, self.headers.get("Range")))
        hub.tokens.add(self.headers.get("Authorization"))
        refusal = hub.refusal or (hub.file_refusal if "/resolve/" in path else None)
        if refusal:
            return self.reply(refusal[0], X_Error_Code=refusal[1], X_Error_Message="no")
        if hub.answer is not None:
            return self.reply(200, hub.answer)
        if path.startswith(f"/api/models/{hub.name}/revision/"):
            return self.describe(urllib.parse.unquote(path.rsplit("/", 1)[1]))
        if path.startswith(f"/{hub.name}/resolve/{COMMIT}/"):
            return self.send_file(path.rsplit("/", 1)[1])
        return self.reply(404, X_Error_Code="RepoNotFound")

    def describe(self, revision):
        hub = cast("FakeHub", self.server)
        if revision not in hub.revisions:
            return self.reply(404, X_Error_Code="RevisionNotFound")
        siblings = []
        for name, content in hub.files.items():
            sibling = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
            if name.endswith(LARGE):
                sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        body = {"id": hub.name, "sha": hub.revisions[revision], "siblings": siblings}
        return self.reply(200, json.dumps(body).encode())

    def send_file(self, name):
        hub = cast("FakeHub", self.server)
        content = hub.sent.get(name, hub.files[name])
        headers = {"X_Repo_Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"', "Accept_Ranges": "bytes"}
        if name.endswith(LARGE):
            headers |= {"X_Linked_Etag": f'"{sha256(hub.files[name])}"', "X_Linked_Size": str(len(hub.files[name]))}
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if wanted:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.command == "GET" and hub.drops and name.endswith(LARGE):
            hub.drops -= 1
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:1000])
            return None
        return self.reply(206 if wanted else hub.file_status, content[start:], **{**headers, **hub.headers})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    import huggingface_hub

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The library waits between its retries.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        huggingface_hub.close_session()
        server.shutdown()
