"""A running demo, asked over HTTP as its page asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DEMO_PYTHON = ROOT / ".venv-demo" / "bin" / "python"
_API = "gradio_api"
_START_SECONDS = 120


class DemoPage:
    """The demo in a process of its own, on a free port of the loopback.

    Args:
      model: The release that it hears with.
      precision: What onnxruntime computes in.
    """

    def __init__(self, model: Path, precision: str) -> None:
        if not DEMO_PYTHON.exists():
            raise SystemExit("This benchmark needs .venv-demo; make bench makes it.")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._address = f"http://127.0.0.1:{port}"
        command = [DEMO_PYTHON, "-m", "demo.serve", "--model", model, "--runtime", "onnxruntime"]
        command += ["--precision", precision, "--port", str(port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + _START_SECONDS
        while not self._is_there():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"The demo did not start; run {' '.join(map(str, command))} to see why.")
            time.sleep(0.2)

    def answer(self, sound: Path) -> list[Any]:
        """Uploads a file of sound, and returns what the page shows in the end."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{sound.name}"\r\n\r\n'
        body = head.encode() + sound.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        (path,) = self._json("upload", body, f"multipart/form-data; boundary={boundary}")
        given = {"path": path, "orig_name": sound.name, "meta": {"_type": "gradio.FileData"}}
        asked = self._json("call/transcribe", json.dumps({"data": [given]}).encode(), "application/json")
        with urllib.request.urlopen(f"{self._address}/{_API}/call/transcribe/{asked['event_id']}") as events:
            event, data = "", ""
            for line in map(bytes.decode, events):
                name, _, value = line.rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    if event == "error":
                        raise SystemExit(f"The demo answered with an error: {value}")
                    data = value if event in ("generating", "complete") else data
        return json.loads(data)

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait()

    def _json(self, path: str, body: bytes, content_type: str) -> Any:
        request = urllib.request.Request(f"{self._address}/{_API}/{path}", body, {"Content-Type": content_type})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def _is_there(self) -> bool:
        try:
            with urllib.request.urlopen(self._address, timeout=10):
                return True
        except urllib.error.URLError:
            return False


def keep_to_two_cores() -> None:
    """Lets this process, and those that it starts, have two cores and no more: what a small Space has."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
