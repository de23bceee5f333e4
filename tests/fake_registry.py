"""A registry of container images on the loopback, as far as it tells whether an image is there."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

_PATH = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<digest>sha256:[0-9a-f]{64})")


class FakeRegistry:
    """The registry.

    Attributes:
      images: What it has, as `<name>@<digest>`.
      asked: What it was asked for.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.images, self.asked, self.status = set(), [], None
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                found = _PATH.fullmatch(self.path)
                assert found is not None, self.path
                image = f"{found['name']}@{found['digest']}"
                registry.asked.append(image)
                self.send_response(registry.status or (200 if image in registry.images else 404))
                self.end_headers()

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def image(self, name, digit):
        """Returns the address of an image that it has from now on."""
        image = f"{name}@sha256:{digit * 64}"
        self.images.add(image)
        return f"{self.host}/{image}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def registry():
    with contextlib.closing(FakeRegistry()) as found:
        yield found
