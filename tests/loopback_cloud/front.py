"""How processes reach the services: by a proxy that leads each connection for Google's hosts to a server here.

A process with `environment_of(…)` in its environment needs no change and no setting of tests: the client libraries of
Python, gRPC, Beam and TensorFlow all look there for a proxy, for the certificates that they trust, and for credentials.
"""

import contextlib
import socket
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.loopback_cloud.images import HTTPS_PORT_VARIABLE

_CHUNK = 1 << 16
_SECONDS = 60
# What a client says first when it would speak HTTP/2, which gRPC alone does here.
_HTTP_2 = b"\x02h2"


class HttpsServer:
    """Answers requests to all hosts.

    Args:
      answer: Is given the method, host, path with query, headers and body, and returns an `Answer`.
      directory: With `certificate.pem` and `key.pem`.
    """

    def __init__(self, answer, directory):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self):
                told = self._answer(self._body())
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(told.content)

            def _answer(self, body):
                host = self.headers.get("Host", "").partition(":")[0]
                return answer(self.command, host, self.path, self.headers, body)

            def _body(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                pieces = []
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 — http.server's names

            def log_message(self, format, *args):  # noqa: A002 — so http.server calls it
                """Requests are no news."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        # Whoever connects is greeted in a thread of its own, not where connections are accepted.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client may go away whenever it likes; what goes wrong here its request tells."""


class Proxy:
    """Leads each connection to one of two servers: who speaks gRPC to that of gRPC, all others to that of HTTPS."""

    def __init__(self, https_port, grpc_port):
        class Tunnel(socketserver.StreamRequestHandler):
            rbufsize = 0

            def handle(self):
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with contextlib.suppress(OSError):
                    greeting = self.connection.recv(_CHUNK)
                    port = grpc_port if _HTTP_2 in greeting else https_port
                    with socket.create_connection(("127.0.0.1", port)) as server:
                        server.sendall(greeting)
                        back = threading.Thread(target=_pump, args=(server, self.connection), daemon=True)
                        back.start()
                        _pump(self.connection, server)
                        back.join(_SECONDS)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Tunnel)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _pump(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(_CHUNK):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def environment_of(proxy, https_port, directory):
    """Returns the variables by which a process finds the services.

    Args:
      proxy: The address of the proxy.
      https_port: Of the server that speaks HTTPS.
      directory: With `certificate.pem` and `account.json`.
    """
    certificate = str(directory / "certificate.pem")
    return {
        HTTPS_PORT_VARIABLE: str(https_port),
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "GOOGLE_APPLICATION_CREDENTIALS": str(directory / "account.json"),
        # No server tells of the machine that a process is on; without this each client asks for it, and waits.
        "NO_GCE_CHECK": "true",
        # Who trusts the certificate: requests; httplib2, as Beam; TensorFlow; gRPC; Python itself.
        "REQUESTS_CA_BUNDLE": certificate,
        "HTTPLIB2_CA_CERTS": certificate,
        "CURL_CA_BUNDLE": certificate,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": certificate,
        "SSL_CERT_FILE": certificate,
    }
