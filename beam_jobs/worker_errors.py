"""What a worker of a job raises: it reaches whoever waits for the job as text, whatever the engine."""

from __future__ import annotations

import errno
import os
import re

from model import errors
from model.errors import DiskFullError, W2v2Error

# The last line of a traceback: the class, the message, and where in the job it was.
_RAISED = re.compile(r"model\.errors\.(\w+): (.*)")
_WHERE = re.compile(r" \[while running .*$")


def without_place(message: str) -> str:
    """Returns a message without the place in the job that Beam adds to it."""
    return _WHERE.sub("", message)


def error_in(text: str) -> W2v2Error | None:
    """Returns the error of ours that a text tells of, as it was raised; None where it tells of none."""
    for name, message in reversed(_RAISED.findall(text)):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, W2v2Error):
            return kind(without_place(message))
    if os.strerror(errno.ENOSPC) in text:
        return DiskFullError(
            "A file system that the job writes to is full; free some space there, or choose a place on another disk,"
            " and run again; finished shards are kept."
        )
    return None
