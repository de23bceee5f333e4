"""What downloads and archives share: one at a time in a place, room on its disk, progress in megabytes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from model.errors import DiskFullError, UsageError
from model.progress import report

_MEGABYTE = 1_000_000
_POLL_SECONDS = 0.2
_REPORT_SECONDS = 0.5
# Logs, metadata and other people want to write there as well.
_SPARE_BYTES = 32 * _MEGABYTE


def make_place(directory: Path) -> None:
    """Makes a directory that this process can write to.

    Raises:
      UsageError: it cannot be made, or not be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{directory} must be a directory, and cannot be made: {error.strerror}.") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"{directory} must be a directory that can be written to; choose another.")


@contextlib.contextmanager
def locked(lock_file: Path, pause: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Lets one process, and one thread of it, be here at a time; others wait.

    The operating system frees the lock of a process that was killed. The file itself stays: to remove it would let two
    in, one with the old file open and one with a new one.

    Args:
      lock_file: Is made where it is missing; or a directory that is there.
      pause: Waits some seconds; it may raise in order to give up.
    """
    access = os.O_RDONLY if lock_file.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(lock_file, access | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pause(_POLL_SECONDS)
        try:
            yield
        finally:
            # Said, not left to the closing: a process forked meanwhile has the file open as well.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def require_room(directory: Path, needed_bytes: int) -> None:
    """Checks that a disk has room before hours are spent on filling it.

    Raises:
      DiskFullError: it has not.
    """
    free_bytes = shutil.disk_usage(directory).free
    if needed_bytes and free_bytes < needed_bytes + _SPARE_BYTES:
        raise DiskFullError(
            f"The file system under {directory} must have {(needed_bytes + _SPARE_BYTES) / _MEGABYTE:,.0f} MB free, and"
            f" has {free_bytes / _MEGABYTE:,.0f} MB; free some space there, or choose a place on another disk, and run"
            " again."
        )


class MegabyteProgress:
    """Reports the sum of what several threads have done, twice a second at most.

    Args:
      total_bytes: Of all of them together; None where that is not known.
      clock: Seconds; for tests.
    """

    def __init__(self, total_bytes: int | None, clock: Callable[[], float] = time.monotonic):
        self._total = None if total_bytes is None else round(total_bytes / _MEGABYTE, 1)
        self._clock = clock
        self._done: dict[str, int] = {}
        self._reported = float("-inf")
        self._lock = threading.Lock()

    def at(self, name: str, done_bytes: int, text: str = "", last: bool = False) -> None:
        """Notes how far one of them is, and reports the sum.

        Args:
          name: Which one.
          done_bytes: All that it has done, not what is new.
          text: A few words to show.
          last: Report in any case, because this one is finished.
        """
        with self._lock:
            self._done[name] = done_bytes
            now = self._clock()
            if not last and now - self._reported < _REPORT_SECONDS:
                return
            self._reported = now
            done = sum(self._done.values())
        report(round(done / _MEGABYTE, 1), self._total, "MB", text)
