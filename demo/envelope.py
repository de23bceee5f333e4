"""How loud a recording is, moment by moment: what a picture of its waveform is drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from model.audio import SAMPLE_RATE_HZ

# A frame of the model, 20 ms: finer than any letter.
PEAK_SAMPLES = 320


class Envelope(NamedTuple):
    """The outline of a waveform.

    Attributes:
      peaks: float32 `[peaks]`, the largest magnitude in each 20 ms, full scale being 1; the last stands for less.
      duration_seconds: Of the recording.
    """

    peaks: np.ndarray[Any, Any]
    duration_seconds: float

    @property
    def is_silent(self) -> bool:
        """Whether it holds one number only, zero: no microphone that is switched on gives that."""
        return not self.peaks.any()


def envelope_of(blocks: Iterable[np.ndarray[Any, Any]]) -> Envelope:
    """Returns the outline of a recording, holding no more of it than a block.

    Args:
      blocks: The recording, float32 `[samples]` each, at 16 kHz.
    """
    peaks: list[np.ndarray[Any, Any]] = []
    rest, samples = np.empty(0, np.float32), 0
    for block in blocks:
        samples += len(block)
        held = np.concatenate([rest, np.abs(block)])
        whole = len(held) - len(held) % PEAK_SAMPLES
        peaks.append(held[:whole].reshape(-1, PEAK_SAMPLES).max(axis=1))
        rest = held[whole:]
    if len(rest):
        peaks.append(rest.max(keepdims=True))
    joined = np.concatenate(peaks).astype(np.float32) if peaks else np.empty(0, np.float32)
    return Envelope(joined, samples / SAMPLE_RATE_HZ)
