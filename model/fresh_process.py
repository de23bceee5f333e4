"""Work in a process of its own: nothing that this process has loaded, patched or configured can make it pass or fail.

The worker's last line on stdout is one JSON document, its result or its error; what libraries say goes to stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model import errors
from model.errors import DataError, TryAgainError, W2v2Error, WorkerError

# Where the package `model` lies; as the worker's directory it makes sure that the worker runs the same code.
_ROOT = Path(__file__).resolve().parents[1]
_PR_SET_PDEATHSIG = 1
# The process that a worker belongs to.
_PARENT_VARIABLE = "W2V2_PARENT_PROCESS"


def run(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    grace_seconds: float = 0.0,
) -> dict[str, Any]:
    """Runs `python -m module arguments` and returns the JSON document that it prints.

    Args:
      module: A module whose `main` ends in `report`.
      arguments: Its arguments; paths must be absolute.
      environment: Variables to set besides those of this process.
      grace_seconds: How long the worker may take to end, where this process is interrupted meanwhile; it gets SIGTERM.

    Raises:
      W2v2Error: the error that the worker ended in, of the same class.
      TryAgainError: the worker was killed.
      WorkerError: the worker ended without a result.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        env={**os.environ, **(environment or {}), _PARENT_VARIABLE: str(os.getpid())},
        text=True,
    )
    try:
        stdout, _ = process.communicate()
    except BaseException:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
        process.kill()
        process.wait()
        raise
    completed = subprocess.CompletedProcess(process.args, process.returncode, stdout)
    lines = completed.stdout.strip().splitlines()
    try:
        document = json.loads(lines[-1]) if lines else None
    except ValueError:
        document = None
    if isinstance(document, dict) and "error" in document:
        raise _error_class(document.get("kind"))(document["error"])
    if completed.returncode == -signal.SIGKILL:
        raise TryAgainError(
            f"The process of {module} was killed, most likely because the machine has no memory left; close other"
            " programs and run again."
        )
    if completed.returncode != 0 or not isinstance(document, dict):
        raise WorkerError(
            f"The process of {module} must end with a result, and ended with code {completed.returncode} and none; its"
            " log says why."
        )
    return document


def end_with_parent() -> None:
    """Asks the kernel to send SIGTERM to this process when the one that started it is gone, and sends it if it is."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    parent = os.environ.get(_PARENT_VARIABLE)
    if parent is not None and int(parent) != os.getppid():
        os.kill(os.getpid(), signal.SIGTERM)


def report(work: Callable[[], dict[str, Any]], describe: Callable[[dict[str, Any]], str] | None = None) -> int:
    """Does the work of a worker's `main` and prints its result.

    Args:
      work: Returns the result.
      describe: Makes a sentence for people of it, which is then printed in place of the JSON document.

    Returns:
      The exit code.
    """
    try:
        result = work()
    except (W2v2Error, OSError, RuntimeError) as raised:
        error = _disk_full(raised)
        if error is None:
            raise
        if describe is None:
            print(json.dumps({"error": str(error), "kind": type(error).__name__}))
        else:
            print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(result) if describe is None else describe(result))
    return 0


def _disk_full(error: Exception) -> W2v2Error | None:
    """Returns our own errors as they are, and a full disk as one of them; TensorFlow and HDF5 tell it in words only."""
    if isinstance(error, W2v2Error):
        return error
    if os.strerror(errno.ENOSPC).lower() in str(error).lower():
        return errors.DiskFullError(
            f"The file system is full: {' '.join(str(error).split())[:200]}; free some space there, or choose a place"
            " on another disk, and run again."
        )
    return None


def _error_class(kind: object) -> type[W2v2Error]:
    """The class of that name; a class that lives elsewhere, such as AudioError, becomes DataError."""
    candidate = getattr(errors, str(kind), None)
    return candidate if isinstance(candidate, type) and issubclass(candidate, W2v2Error) else DataError
