"""The demo as people start it: a process of .venv-demo, on a free port, whose way to the network is watched."""

import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-demo" / "bin" / "python"
_START_SECONDS = 120


class DemoProcess:
    """A running demo.

    Args:
      arguments: Of Python: what is started.
      cwd: Where.
      log: Where it writes what it says.

    Attributes:
      address: Where a browser finds it.
      reached_out: What it asked for beyond the loopback: the first line of each request to the proxy that it was given.
    """

    def __init__(self, arguments, cwd, log):
        assert PYTHON.exists(), "the demo's environment is made by make .venv-demo, which make e2e does"
        self._arguments, self._cwd, self._log = [str(argument) for argument in arguments], cwd, log
        self.reached_out = []

    def __enter__(self):
        self._proxy = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._watch, daemon=True).start()
        proxy = f"http://127.0.0.1:{self._proxy.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        outside = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("W2V2_", "GRADIO_", "PYTHONPATH")) and not name.lower().endswith("_proxy")
        }  # fmt: skip
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), proxy)
        environment = {**outside, **proxies, "NO_PROXY": "127.0.0.1,localhost", "GRADIO_SERVER_PORT": str(port)}
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, *self._arguments], cwd=self._cwd, env=environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, f"the demo did not start in {_START_SECONDS} s: {self._log.read_text()}"
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=30)
        self._proxy.close()

    def _answers(self):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.address, timeout=10) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False

    def _watch(self):
        while True:
            try:
                connection, _ = self._proxy.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                self.reached_out.append(connection.recv(4096).partition(b"\r\n")[0].decode(errors="replace"))
