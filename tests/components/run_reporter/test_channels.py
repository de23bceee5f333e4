"""A report gets to a webhook and to a mail server, which are on the loopback here."""

import contextlib
import http.server
import json
import socketserver
import threading
from email import message_from_bytes
from email.policy import default

import pytest

from components.run_reporter import channels
from components.run_reporter.channels import post, read_secret, send_mail
from components.run_reporter.report import RunReport
from components.run_reporter.settings import MailSettings
from model.errors import TryAgainError, UsageError

REPORT = RunReport("smoke-synthetic", "run-1", "FAILED", ("Trainer",), "It broke.", None, {"run": "https://x/y"})
MAIL = MailSettings("MAIL_SERVER", "w2v2@example.org", ("a@example.org", "b@example.org"))
SECRET = "projects/p/secrets/chat/versions/latest"


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def webhook(*statuses):
    """A webhook that answers with these statuses, the last for ever; gives its port and what it got."""
    got, left = [], list(statuses)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 — the base class names it
            pass

    with serving(http.server.HTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, got


@contextlib.contextmanager
def mail_server(refuse="", greeting="220 here"):
    """A mail server without encryption; it answers 550 to commands that begin with `refuse`."""
    got = {"recipients": [], "data": b"", "commands": []}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(f"{greeting}\r\n".encode())
            while line := self.rfile.readline().decode().strip():
                command = line.upper()
                got["commands"].append(command)
                if refuse and command.startswith(refuse):
                    self.wfile.write(b"550 no\r\n")
                elif command.startswith("EHLO"):
                    self.wfile.write(b"250 here\r\n")
                elif command.startswith("DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        lines.append(part)
                    got["data"] = b"".join(lines)
                    self.wfile.write(b"250 taken\r\n")
                elif command.startswith("QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    if command.startswith("RCPT"):
                        got["recipients"].append(line.partition(":")[2].strip("<>"))
                    self.wfile.write(b"250 well\r\n")

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, got


def test_a_webhook_gets_the_report():
    with webhook(204) as (port, got):
        post(f"http://127.0.0.1:{port}/T0/hush?key=1", "CHAT", REPORT)
    ((path, kind, body),) = got
    assert (path, kind) == ("/T0/hush?key=1", "application/json")
    assert body["text"].startswith("Run run-1 of smoke-synthetic failed in Trainer.\nIt broke.\n")
    assert (body["state"], body["failed_nodes"], body["links"]) == ("FAILED", ["Trainer"], {"run": "https://x/y"})


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [(503, TryAgainError, "HTTP 503"), (429, TryAgainError, "HTTP 429"), (404, UsageError, "refuses it .HTTP 404"),
     (302, UsageError, "HTTP 302")],
)  # fmt: skip
def test_what_a_webhook_answers_is_said_without_its_address(status, kind, message):
    with webhook(status) as (port, got), pytest.raises(kind, match=message) as caught:
        post(f"http://127.0.0.1:{port}/hush", "CHAT", REPORT)
    assert len(got) == 1, "a redirection is not followed"
    assert "hush" not in str(caught.value)
    with pytest.raises(TryAgainError, match="The webhook of CHAT must answer, and does not"):
        post(f"http://127.0.0.1:{port}/hush", "CHAT", REPORT)


@pytest.mark.parametrize("address", ["http://example.org/hush", "ftp://x", "hush", "https://", "https://[x/hush"])
def test_an_address_that_is_none_is_refused_and_not_repeated(address):
    with pytest.raises(UsageError, match=r"The secret CHAT must hold an address https://…") as caught:
        post(address, "CHAT", REPORT)
    assert "hush" not in str(caught.value)


def test_a_mail_gets_to_all_recipients():
    with mail_server() as (port, got):
        send_mail(f"smtp://127.0.0.1:{port}", MAIL, REPORT)
    message = message_from_bytes(got["data"], policy=default)
    assert got["recipients"] == ["a@example.org", "b@example.org"]
    assert message["Subject"] == "smoke-synthetic: FAILED (run-1)"
    assert (message["From"], message["To"]) == ("w2v2@example.org", "a@example.org, b@example.org")
    assert message.get_content().splitlines()[0] == "Run run-1 of smoke-synthetic failed in Trainer."


def test_no_password_goes_over_a_line_without_encryption():
    with mail_server() as (port, got), pytest.raises(UsageError, match="must offer encryption before it gets a pass"):
        send_mail(f"smtp://me:hush@127.0.0.1:{port}", MAIL, REPORT)
    assert not any("AUTH" in command for command in got["commands"])


def test_what_a_mail_server_refuses_is_said():
    for refuse, kind, message in (
        ("MAIL", UsageError, "must take the report, and does not .550"),
        ("RCPT", UsageError, "must know the recipients, and refuses all"),
        ("RCPT TO:<B", UsageError, "must know the recipients, and refuses 1"),
    ):
        with mail_server(refuse) as (port, _), pytest.raises(kind, match=message):
            send_mail(f"smtp://127.0.0.1:{port}", MAIL, REPORT)
    with mail_server(greeting="421 busy") as (port, _), pytest.raises(TryAgainError, match="does not .421"):
        send_mail(f"smtp://127.0.0.1:{port}", MAIL, REPORT)
    with pytest.raises(TryAgainError, match="The mail server of MAIL_SERVER must answer, and does not"):
        send_mail(f"smtp://127.0.0.1:{port}", MAIL, REPORT)


@pytest.mark.parametrize("server", ["https://x", "smtp://hush@x", "hush", "smtp://x:hush"])
def test_a_mail_server_that_is_none_is_refused_and_not_repeated(server):
    with pytest.raises(UsageError, match="The secret MAIL_SERVER must hold smtps://user:password@host:port") as caught:
        send_mail(server, MAIL, REPORT)
    assert "hush" not in str(caught.value)


def test_a_secret_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("CHAT", " https://x \n")
    assert read_secret("CHAT") == "https://x"
    monkeypatch.delenv("CHAT")
    with pytest.raises(UsageError, match="CHAT must be set in the environment of the task that reports, and is not"):
        read_secret("CHAT")


def test_a_secret_is_read_from_secret_manager():
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import secretmanager

    answers = {
        f"/v1/{SECRET}:access": (200, {"name": SECRET, "payload": {"data": "aHR0cHM6Ly94"}}),
        "/v1/projects/p/secrets/no/versions/1:access": (403, {"error": {"code": 403, "message": "hush"}}),
        "/v1/projects/p/secrets/odd/versions/1:access": (500, {"error": {"code": 500, "message": "hush"}}),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, answer = answers[self.path.partition("?")[0]]
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):  # noqa: A002 — the base class names it
            pass

    with serving(http.server.HTTPServer(("127.0.0.1", 0), Handler)) as port:
        client = secretmanager.SecretManagerServiceClient(
            transport="rest", credentials=AnonymousCredentials(),
            client_options={"api_endpoint": f"http://127.0.0.1:{port}"},
        )  # fmt: skip
        assert read_secret(SECRET, client) == "https://x"
        with pytest.raises(
            UsageError, match="must be a secret that the service account may read .*Forbidden|PermissionD"
        ):
            read_secret("projects/p/secrets/no/versions/1", client)
        with pytest.raises(TryAgainError, match="Secret Manager must answer for projects/p/secrets/odd/versions/1"):
            read_secret("projects/p/secrets/odd/versions/1", client)


def test_nothing_waits_for_ever():
    assert channels._TIMEOUT_SECONDS <= 30
