"""A headless Chromium that is spoken to over a pipe, as the DevTools protocol allows; no package is needed for it."""

import base64
import itertools
import json
import os
import subprocess
import time

_START_SECONDS = 60
# Nothing of its own may reach for the network, and a container has no sandbox.
_OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


class Chromium:
    """A browser with one page.

    Args:
      path: Of the browser.
      profile: A directory that is its own.
      options: Of its command line, besides those that every test needs.

    Attributes:
      events: What the browser told, the oldest first.
    """

    def __init__(self, path, profile, options=()):
        to_browser, writer = os.pipe()
        reader, from_browser = os.pipe()
        command = [str(path), *_OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *command],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._writer, self._reader, self._rest = os.fdopen(writer, "wb", 0), reader, b""
        self._numbers = itertools.count(1)
        self._session = None
        self.events = []

    def __enter__(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._writer.close()
        self._process.terminate()
        self._process.wait(timeout=_START_SECONDS)
        os.close(self._reader)

    def ask(self, method, **parameters):
        """Calls a method of the protocol, and returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, height):
        """Opens a file, or an address, in a window of that size, in pixels, and waits until it is there."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.events.clear()
        self.ask("Page.navigate", url=path if isinstance(path, str) else path.as_uri())
        end = time.monotonic() + _START_SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < end, f"{path} was not opened in {_START_SECONDS} s"
            self.evaluate("1")

    def evaluate(self, expression):
        """Returns the value of an expression in JavaScript; a promise is waited for."""
        found = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression, seconds=_START_SECONDS):
        """Waits until an expression in JavaScript has a value that holds, and returns it."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, f"{expression} did not come true in {seconds} s"
            time.sleep(0.05)
        return value

    def choose_file(self, selector, path):
        """Gives a file to the input that a selector finds, as a person does."""
        root = self.ask("DOM.getDocument", depth=0)["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def complaints(self):
        """Returns what the browser said of errors and warnings since the page was opened."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    def requested(self):
        """Returns the addresses that were asked for since the page was opened."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]

    def picture(self, whole=False):
        """Returns the window as PNG, or the whole page."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def _next(self):
        while b"\0" not in self._rest:
            chunk = os.read(self._reader, 1 << 16)
            assert chunk, f"the browser has ended with {self._process.wait(timeout=_START_SECONDS)}"
            self._rest += chunk
        first, _, self._rest = self._rest.partition(b"\0")
        return json.loads(first)
