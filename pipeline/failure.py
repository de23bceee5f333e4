"""What ended a run, in one sentence and one exit code, found among the exceptions that caused each other."""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Iterator

from model.errors import DiskFullError, W2v2Error

UNEXPECTED_EXIT_CODE = 1
REJECTED_EXIT_CODE = 4

# TensorFlow and SQLite have errors of their own for a full disk.
_DISK_FULL = re.compile(r"no space left on device|database or disk is full|disk quota exceeded", re.IGNORECASE)
# Beam adds to the message of an exception in which of its steps it was raised.
_BEAM_STEP = re.compile(r"\s*\[while running '[^']*'\]")
_MAX_MESSAGE_CHARACTERS = 300


@dataclasses.dataclass(frozen=True)
class Failure:
    """How a run failed.

    Attributes:
      exit_code: Of the command.
      message: One sentence for the person who started it.
      expected: Whether it was raised on purpose; otherwise the log tells more than the sentence.
    """

    exit_code: int
    message: str
    expected: bool = True


def explain(error: BaseException, workspace: str = "the workspace", way_on: str = "run again") -> Failure:
    """Returns the failure that an exception stands for.

    Frameworks wrap what our code raises: Beam adds its step to the message, TFX and others raise anew. So the whole
    chain of causes is searched; a full disk comes first, because it makes other things fail.

    Args:
      error: What was raised.
      workspace: The directory to name where the disk is full.
      way_on: What to do when there is room again, as `RunRecord.way_on` has it.
    """
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, DiskFullError):
            return Failure(link.exit_code, _sentence(link))
    for link in chain:
        if _says_disk_full(link):
            return Failure(
                DiskFullError.exit_code,
                f"The file system under {workspace} is full; free some space there and {way_on}, or begin anew"
                " with --workspace on another disk.",
            )
    for link in chain:
        if isinstance(link, W2v2Error):
            return Failure(link.exit_code, _sentence(link))
    lines = str(error).strip().splitlines()
    said = f": {_shortened(lines[0])}" if lines else ""
    return Failure(UNEXPECTED_EXIT_CODE, f"{type(error).__name__}{said}", expected=False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and those that caused it or were being handled when it was raised, each once."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [cause for cause in (link.__cause__, link.__context__) if cause is not None]


def _says_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return not isinstance(error, W2v2Error) and _DISK_FULL.search(str(error)) is not None


def _sentence(error: W2v2Error) -> str:
    return _BEAM_STEP.sub("", str(error)).strip()


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE_CHARACTERS else f"{text[:_MAX_MESSAGE_CHARACTERS]}…"
