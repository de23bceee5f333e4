"""How loud a recording is: mean and variance of one that is read in blocks, level and clipping of a piece."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from model.audio import VARIANCE_EPSILON, mono_of

# So near full scale, a sample counts as clipped: lossy formats move what was at the very end.
_CLIPPED_FROM = 0.999


def level_db(samples: np.ndarray[Any, Any]) -> float:
    """Returns the root mean square in decibels of full scale: minus infinity for silence, NaN where a sample is NaN.

    Args:
      samples: float32 `[samples, channels]`, full scale being 1; at least one. The channels are averaged.
    """
    power = float(np.mean(np.square(mono_of(samples).astype(np.float64))))
    return -math.inf if power == 0 else 10 * math.log10(power)


def clipped_share(samples: np.ndarray[Any, Any]) -> float:
    """Returns the share of values at the edge of full scale, of all channels.

    Args:
      samples: float32 `[samples, channels]`, full scale being 1; at least one.
    """
    return float(np.mean(np.abs(samples) >= _CLIPPED_FROM))


class Loudness:
    """What normalisation needs to know of a whole recording.

    Blocks are added up as Chan, Golub and LeVeque 1983 do («Algorithms for Computing the Sample Variance»), so that a
    quiet recording with an offset keeps its digits.

    Attributes:
      samples: How many there were.
      mean: Of all of them.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.mean = 0.0
        self._squares = 0.0

    @property
    def variance(self) -> float:
        """Of all samples."""
        return self._squares / max(self.samples, 1)

    def add(self, block: np.ndarray[Any, Any]) -> None:
        """Takes a block `[samples]`, which may be empty."""
        if not len(block):
            return
        values = block.astype(np.float64)
        mean = float(values.mean())
        difference, total = mean - self.mean, self.samples + len(values)
        self._squares += float(np.square(values - mean).sum())
        self._squares += difference * difference * self.samples * len(values) / total
        self.mean += difference * len(values) / total
        self.samples = total

    def normalise(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns a part as it is in the recording that was normalised as a whole, `[samples]`, as float32."""
        deviation = float(np.sqrt(self.variance + VARIANCE_EPSILON))
        return ((waveform.astype(np.float32) - np.float32(self.mean)) / np.float32(deviation)).astype(np.float32)
