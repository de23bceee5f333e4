"""A hash of source code, because TFX's cache does not know what an executor does."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

from model.errors import ConfigurationError

_SUFFIXES = (".py", ".pbtxt", ".html", ".css", ".txt")


@functools.cache
def code_fingerprint(*names: str) -> str:
    """Returns the sha256 (hex) over the source files of packages and modules.

    As an execution property it makes a changed executor miss the cache. The code is found and read, not imported.

    Args:
      *names: Packages, with all that is below them, and modules, such as `model` and `components.code_fingerprint`.

    Raises:
      ConfigurationError: there is no such package or module.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        specification = importlib.util.find_spec(name)
        if specification is None or specification.origin is None:
            raise ConfigurationError(f"A code fingerprint must be of a package or module of ours, not {name!r}.")
        origin = Path(specification.origin)
        root = origin.parent if specification.submodule_search_locations else origin
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            if file.suffix in _SUFFIXES and file.is_file():
                relative = file.relative_to(origin.parent).as_posix()
                digest.update(f"{name}\0{relative}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
