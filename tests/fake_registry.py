"""A registry of container images on the loopback, as far as it tells whether an image is there."""

import contextlib
import re

import pytest

from tests.loopback_server import LoopbackServer

_PATH = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<digest>sha256:[0-9a-f]{64})")


class FakeRegistry(LoopbackServer):
    """The registry.

    Attributes:
      images: What it has, as `<name>@<digest>`.
      asked: What it was asked for.
      status: Of all answers, where it is not None.
    """

    def __init__(self):
        self.images, self.asked, self.status = set(), [], None
        super().__init__()

    def handle(self, method, path, body):
        found = _PATH.fullmatch(path)
        assert method == "HEAD"
        assert found is not None, path
        image = f"{found['name']}@{found['digest']}"
        self.asked.append(image)
        return self.status or (200 if image in self.images else 404), {}

    def image(self, name, digit):
        """Returns the address of an image that it has from now on."""
        image = f"{name}@sha256:{digit * 64}"
        self.images.add(image)
        return f"{self.host}/{image}"


@pytest.fixture
def registry():
    with contextlib.closing(FakeRegistry()) as found:
        yield found
