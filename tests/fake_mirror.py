"""A mirror of LibriSpeech's archives on the loopback, small ones, that misbehaves as it is told."""

import contextlib
import hashlib
import http.server
import threading
import time
from typing import cast

from beam_jobs.librispeech.published import PublishedSubset

NAMES = ("dev-clean", "dev-other", "test-clean", "test-other")
CONTENT = {name: b"\x1f\x8b" + hashlib.sha256(name.encode()).digest() * 6_400 for name in NAMES}
SIZE = len(CONTENT["dev-clean"])
TABLE = {
    name: PublishedSubset(name, SIZE, hashlib.md5(content).hexdigest(), 1, None, 0.1, 1, 0)
    for name, content in CONTENT.items()
}


class Mirror(http.server.ThreadingHTTPServer):
    """A mirror.

    Attributes:
      content: Of each subset.
      etag, modified: Of each file; empty for none.
      ranges: Whether it knows Range.
      cuts: After how many bytes of an answer the connection drops, for the next answers; None for a whole one.
      refusals: Status and Retry-After of the next answers.
      stall: After half of an answer it waits for this event.
      asked: Path, Range and If-Range of each request.
      most: How many requests were under way at once.
    """

    daemon_threads = True

    @classmethod
    @contextlib.contextmanager
    def serving(cls):
        """Gives a mirror that answers."""
        with cls() as mirror:
            thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            try:
                yield mirror
            finally:
                mirror.shutdown()
        thread.join()

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = dict(CONTENT)
        self.etag, self.modified, self.ranges, self.length = '"one"', "", True, True
        self.cuts, self.refusals, self.asked = [], [], []
        self.stall, self.pause = None, 0.0
        self.active = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/12/"

    @property
    def sent_ranges(self):
        return [asked for _, asked, _ in self.asked]

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):  # noqa: A002 — the base class names it
        pass

    def do_GET(self):
        mirror = cast("Mirror", self.server)
        with mirror.lock:
            mirror.active += 1
            mirror.most = max(mirror.most, mirror.active)
            mirror.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
            refusal = mirror.refusals.pop(0) if mirror.refusals else None
            cut = mirror.cuts.pop(0) if mirror.cuts and refusal is None else None
        try:
            if refusal is None:
                self.send_content(mirror.content.get(self.path.rsplit("/", 1)[1].split(".")[0]), cut)
            else:
                self.answer(refusal[0], b"", **{"Retry-After": refusal[1]} if refusal[1] else {})
        finally:
            with mirror.lock:
                mirror.active -= 1
            self.close_connection = True

    def answer(self, status, body, **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def send_content(self, content, cut):
        mirror = cast("Mirror", self.server)
        if self.path.startswith("/moved/"):
            return self.answer(302, b"", Location=self.path.replace("/moved/", "/12/"))
        if content is None:
            return self.answer(404, b"not here")
        start = 0
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if asked and mirror.ranges and condition in (None, mirror.etag, mirror.modified):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.answer(416, b"", **{"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if mirror.length:
            self.send_header("Content-Length", str(len(content) - start))
        for key, value in (("ETag", mirror.etag), ("Last-Modified", mirror.modified)):
            if value:
                self.send_header(key, value)
        self.end_headers()
        body = content[start:] if cut is None else content[start : start + cut]
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        time.sleep(mirror.pause)
        if mirror.stall is not None:
            mirror.stall.wait(20)
        self.wfile.write(body[half:])
        return None
