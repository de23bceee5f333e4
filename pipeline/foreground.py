"""Work in this very process, with its progress shown and the frameworks' chatter kept out of the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from model.progress import EVENTS_VARIABLE, emit
from pipeline.display import RunDisplay
from pipeline.supervisor import Events

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def shown(console: Console | None, name: str) -> Iterator[None]:
    """Shows what the work in the block reports with `model.progress`, under a name.

    What is written to standard error meanwhile goes to a temporary file, which stays only if the process crashes: what
    matters of it is raised.

    Args:
      console: Where to show it; None to show nothing.
      name: What the work is called.
    """
    with tempfile.TemporaryDirectory(prefix="w2v2-") as directory:
        events_file = Path(directory) / "events.jsonl"
        events_file.touch()
        before = os.environ.get(EVENTS_VARIABLE)
        os.environ[EVENTS_VARIABLE] = str(events_file)
        try:
            with _shown_by_thread(console, events_file) if console is not None else contextlib.nullcontext(), _quiet():
                emit("node_started", {"node": name})
                yield
        finally:
            if before is None:
                del os.environ[EVENTS_VARIABLE]
            else:
                os.environ[EVENTS_VARIABLE] = before


@contextlib.contextmanager
def _shown_by_thread(console: Console, events_file: Path) -> Iterator[None]:
    ended = threading.Event()

    def follow() -> None:
        with contextlib.closing(Events(events_file)) as events, RunDisplay(console) as display:
            is_last = False
            while not is_last:
                # What was told just before the end is shown, too.
                is_last = ended.wait(_POLL_SECONDS)
                for event in events.new():
                    display.handle(event)

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Sends what C and Python code write to standard error to a temporary file."""
    sys.stderr.flush()
    descriptor, path = tempfile.mkstemp(prefix="w2v2-", suffix=".log")
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        Path(path).unlink()
