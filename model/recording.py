"""A recording that can be read more than once, without being held in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, check_rate, to_float
from model.containers import AudioError
from model.waveforms import iter_waveform, resampled

_BLOCK_SAMPLES = 1 << 18


class Recording:
    """A file of sound, or a waveform.

    Args:
      source: The path of a file that libsndfile knows; or a waveform `[samples]`, float32 with full scale 1, or int16.
      sample_rate_hz: Of a waveform; a file has its own.
      name: What messages call it; the path, where nothing is given.

    Attributes:
      name: What messages call it.

    Raises:
      AudioError: the waveform is empty, has another shape, holds numbers that are none, or has a rate below 4 kHz or
        above 384 kHz.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | np.ndarray[Any, Any],
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        name: str = "",
    ) -> None:
        if isinstance(source, np.ndarray):
            self.name = name or "The waveform"
            check_rate(self.name, sample_rate_hz)
            self._source: str | np.ndarray[Any, Any] = resampled(_checked(source, self.name), sample_rate_hz)
        else:
            self.name = name or os.fspath(source)
            self._source = os.fspath(source)

    def blocks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Reads it from its beginning: float32 `[samples]` at 16 kHz, not normalised, none of them empty.

        Raises:
          AudioError: as `iter_waveform`.
        """
        if isinstance(self._source, str):
            yield from iter_waveform(self._source, self.name)
            return
        for start in range(0, len(self._source), _BLOCK_SAMPLES):
            yield self._source[start : start + _BLOCK_SAMPLES]


def _checked(waveform: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    if not waveform.size:
        raise AudioError(f"{name} must hold sound, and holds no sample.")
    if waveform.ndim != 1:
        raise AudioError(
            f"{name} must have the shape [samples], of one channel, and has {list(waveform.shape)}; mix its channels."
        )
    if waveform.dtype == np.int16:
        return to_float(waveform)
    if waveform.dtype.kind != "f":
        raise AudioError(
            f"{name} must hold float32 with full scale 1, or int16, and holds {waveform.dtype}; convert it first."
        )
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name} must hold numbers only, and holds NaN or infinity; make it again.")
    return waveform.astype(np.float32)
