"""How far a job is that goes through speech, whose workers are several processes: each tells what it has done itself.

`SpeechMeter` counts in a worker and reports once a second; `SpeechProgress` adds up what all of them have told. What an
earlier try had finished counts as done, and not for the speed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from model.durations import format_seconds
from model.progress import emit

SPEECH_EVENT = "speech"

_REPORT_SECONDS = 1.0
# Before so much time has passed, the speed says little.
_SETTLED_SECONDS = 2.0


def announce(total_utterances: int) -> None:
    """Says how many utterances there are, before the workers begin."""
    emit(SPEECH_EVENT, {"total": total_utterances})


def report_counted(utterances: int, seconds: float, rejected: int, kept: int) -> None:
    """Reports what an engine has counted over all of its workers, whose own reports do not come here.

    Args:
      utterances: Written or rejected, without those that an earlier try had finished.
      seconds: Of speech that was written.
      rejected: How many were rejected, by whatever try.
      kept: How many an earlier try had finished.
    """
    fields = {"utterances": utterances, "seconds": seconds, "rejected": rejected, "kept": kept}
    emit(SPEECH_EVENT, {"worker": "all", **fields})


class SpeechMeter:
    """Counts what this worker has done, and reports it.

    Args:
      sample_rate_hz: Of the samples that it is told of.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        # Another thread or process, or a later one with the same number, is another worker.
        self._worker = f"{os.getpid()}-{id(self)}-{time.time_ns()}"
        self._utterances = self._samples = self._rejected = self._kept = self._kept_rejected = 0
        self._reported = 0.0
        self.report()

    def heard(self, samples: int) -> None:
        """Counts an utterance that was written."""
        self._utterances += 1
        self._samples += samples
        self._report_now_and_then()

    def rejected(self) -> None:
        """Counts an utterance that was rejected."""
        self._utterances += 1
        self._rejected += 1
        self._report_now_and_then()

    def kept(self, utterances: int, rejected: int) -> None:
        """Counts utterances that an earlier try had finished, and how many of them it had rejected."""
        self._kept += utterances
        self._kept_rejected += rejected
        self._report_now_and_then()

    def report(self) -> None:
        """Reports at once."""
        self._reported = time.monotonic()
        fields = {
            "worker": self._worker,
            "utterances": self._utterances,
            "seconds": self._samples / self._sample_rate_hz,
            "rejected": self._rejected + self._kept_rejected,
            "kept": self._kept,
        }
        emit(SPEECH_EVENT, fields)

    def _report_now_and_then(self) -> None:
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self.report()


class SpeechProgress:
    """Adds up what the workers of a job have told."""

    def __init__(self) -> None:
        self.total = 0
        self._workers: dict[str, Mapping[str, Any]] = {}
        self._began: float | None = None
        self._latest = 0.0

    def add(self, event: Mapping[str, Any]) -> None:
        """Takes one event of `announce` or of a meter, with its `time` in seconds."""
        if "worker" not in event:
            self.total = int(event["total"])
            return
        self._workers[str(event["worker"])] = event
        self._began = event["time"] if self._began is None else min(self._began, event["time"])
        self._latest = max(self._latest, event["time"])

    @property
    def done(self) -> int:
        """Utterances that are written or rejected; at most all of them, though a part may be done twice."""
        done = self._sum("utterances") + self._sum("kept")
        return min(int(done), self.total) if self.total else int(done)

    def words(self) -> str:
        """Returns time left, hours, speed, rejects: `12 s left · 0.52 h · 1,890 × real time · 0 rejected`.

        What a narrow terminal cuts off is at the end.
        """
        if not self._workers:
            return "starting"
        seconds = self._sum("seconds")
        parts = [f"{seconds / 3600:.2f} h"]
        elapsed = self._latest - (self._began or 0.0)
        heard = self._sum("utterances")
        is_settled = elapsed >= _SETTLED_SECONDS and heard > 0
        if is_settled:
            parts.append(f"{seconds / elapsed:,.0f} × real time")
        parts.append(f"{self._sum('rejected'):,.0f} rejected")
        if is_settled and self.done < self.total:
            parts.insert(0, f"{format_seconds((self.total - self.done) * elapsed / heard)} left")
        return " · ".join(parts)

    def _sum(self, field: str) -> float:
        return sum(float(event[field]) for event in self._workers.values())
