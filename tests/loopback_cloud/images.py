"""What a process of an image has: the project, the packages that the lock gives the image, and no others."""

import functools
import os
import re
from importlib import metadata
from pathlib import Path

from images.requirements import LEFT_OUT, LOCK, entries_of, packages_of

_ROOT = LOCK.parent
HTTPS_PORT_VARIABLE = "LOOPBACK_HTTPS_PORT"
"""The variable with the port of the server that speaks HTTPS for all hosts."""

_SITECUSTOMIZE = '''"""Hides what the image {image} does not have, and knows the way to the services on the loopback."""

import importlib.machinery
import os
import socket
import sys

HIDDEN = frozenset({hidden!r})


class Visible(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in HIDDEN else super().find_spec(name, path, target)


# httplib2, by which Beam asks Dataflow, takes a proxy only with a package that no image has.
def is_dataflow(host):
    return str(host).endswith("dataflow.googleapis.com")


def getaddrinfo_here(host, *rest, **options):
    return getaddrinfo("127.0.0.1" if is_dataflow(host) else host, *rest, **options)


def connect_here(self, address):
    is_to_dataflow = isinstance(address, tuple) and is_dataflow(address[0])
    return connect(self, ("127.0.0.1", int(os.environ["{port_variable}"])) if is_to_dataflow else address)


sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Visible
getaddrinfo, socket.getaddrinfo = socket.getaddrinfo, getaddrinfo_here
connect, socket.socket.connect = socket.socket.connect, connect_here
'''


def image_name(address):
    """Returns the name of an image by its address, `<registry>/<project>/<repository>/<name>@sha256:<digest>`."""
    found = re.fullmatch(r".+/([^/@]+)@sha256:[0-9a-f]{64}", address)
    assert found is not None, address
    return found[1]


@functools.cache
def hidden_modules(image):
    """Returns the modules that are installed here and not in an image, by their full names."""
    kept = {*packages_of(image, entries_of(LOCK.read_text(encoding="utf-8"))), *LEFT_OUT.get(image, ())}
    modules = {True: set(), False: set()}
    for distribution in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name != "wav2vec2-tfx":
            modules[name in kept].update(_modules(distribution))
    return sorted((modules[False] - modules[True]) | {"tests"})


def _modules(distribution):
    for file in distribution.files or ():
        if file.suffix != ".py" or file.parts[0] in ("..", "__pycache__"):
            continue
        parts = file.parts[:-1] if file.name == "__init__.py" else (*file.parts[:-1], file.stem)
        if len(parts) <= 3 and parts:
            yield ".".join(parts)


def environment_of_image(image, directory, cloud):
    """Returns the whole environment of a process: Python has what an image has, and nothing is taken from the tests.

    Args:
      image: Its name.
      directory: Where what hides the rest is written.
      cloud: The variables by which the services are found.
    """
    site = Path(directory) / image
    if not site.is_dir():
        site.mkdir(parents=True)
        (site / "sitecustomize.py").write_text(
            _SITECUSTOMIZE.format(image=image, hidden=hidden_modules(image), port_variable=HTTPS_PORT_VARIABLE),
            encoding="utf-8",
        )
    of_machine = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**of_machine, **cloud, "PYTHONPATH": f"{site}:{_ROOT}", "PYTHONNOUSERSITE": "1"}
