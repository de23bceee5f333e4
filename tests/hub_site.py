"""A site that serves models as tfhub.dev did: `…/publisher/model/version?tf-hub-format=compressed` is the archive."""

import http.server
import threading
import urllib.parse


class HubSite:
    """A server on loopback.

    Args:
      archives: The archive by the path of its handle.

    Attributes:
      address: Where it listens.
      asked: Path and query of each request.
    """

    def __init__(self, archives):
        self.archives, self.asked = archives, []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.site = self
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        site = self.server.site
        site.asked.append(self.path)
        address = urllib.parse.urlsplit(self.path)
        archive = site.archives.get(address.path)
        if archive is None or urllib.parse.parse_qs(address.query).get("tf-hub-format") != ["compressed"]:
            self.send_error(404)
            return
        content = archive.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):  # noqa: A002 — its name in the standard library
        pass
