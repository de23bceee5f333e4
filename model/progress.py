"""Tells whoever watches a run how far it is.

Work deep inside a run (a Beam job, the training loop) calls `report`. Where the environment variable W2V2_EVENTS
names a file, each call appends one JSON line to it, and the terminal that started the run follows that file; elsewhere
the call goes to the log. A line is written with a single append, so several processes may report to one file.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

EVENTS_VARIABLE = "W2V2_EVENTS"

_LOG = logging.getLogger(__name__)


def emit(event: str, fields: Mapping[str, Any]) -> None:
    """Appends one event, a name and its fields, to the file of events, if there is one.

    Progress must never end a run: a file of events that cannot be written is said once in the log, and no more.
    """
    path = os.environ.get(EVENTS_VARIABLE)
    if not path:
        _LOG.debug("%s %s", event, dict(fields))
        return
    line = json.dumps({"event": event, "time": time.time(), **fields}, ensure_ascii=False) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        _LOG.warning("The file of events %s cannot be written (%s); the terminal will show no progress.", path, error)


def report(done: float, total: float | None, unit: str, text: str = "") -> None:
    """Reports progress of the node that runs now.

    Args:
      done: How much is done, in `unit`.
      total: How much there is, in `unit`; None where that is not known.
      unit: What is counted, such as `utterances` or `steps`.
      text: A few words or numbers to show beside it, such as `loss 1.23`.
    """
    emit("progress", {"done": done, "total": total, "unit": unit, "text": text})
