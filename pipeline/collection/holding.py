"""Tells `w2v2 gc` that a directory is in use, by a process that does not hold the lock of the workspace."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.collection.walking import last_change

# An evaluation holds its place with a lock; one of an earlier version did not.
_QUIET_SECONDS = 3600.0


@contextlib.contextmanager
def held(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Tells `w2v2 gc` for the time of a block that a directory is in use; the kernel ends it with the process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_in_use(directory: Path) -> bool:
    """Tells whether a process holds a directory, or something in it has changed within the hour."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return time.time() - last_change(directory) < _QUIET_SECONDS
