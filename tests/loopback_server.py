"""What the services on the loopback share that answer each request with a status and JSON."""

import abc
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackServer(abc.ABC):
    """Serves from its construction on until it is closed; what `handle` needs must be there before.

    Attributes:
      host: `127.0.0.1:<port>`.
      address: The same with `http://`.
    """

    def __init__(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, told = service.handle(self.command, self.path, json.loads(body) if body else None)
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 — so http.server calls them

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.address = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @abc.abstractmethod
    def handle(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Returns the status and what is told; `path` has the query, `body` is None where there was none."""

    def close(self):
        self._server.shutdown()
        self._server.server_close()
