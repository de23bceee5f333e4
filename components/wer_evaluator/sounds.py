"""Sounds in which nobody speaks: a recogniser must hear no word in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from model.audio import SAMPLE_RATE_HZ, to_float

_MIN_SECONDS, _MAX_SECONDS = 1.0, 10.0
# Root mean square, as a share of full scale: from a quiet room to loud traffic.
_MIN_LEVEL_DB, _MAX_LEVEL_DB = -50.0, -20.0
_MAINS_HZ = 50.0
_HARMONICS = 5

_Array = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Speechless:
    """A sound in which nobody speaks.

    Attributes:
      name: Such as `silence 1` or `white noise 2`.
      kind: `silence`, or `noise`.
      waveform: float32 `[samples]` at 16 kHz, in steps of 16-bit sound.
    """

    name: str
    kind: Literal["silence", "noise"]
    waveform: _Array

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.waveform) / SAMPLE_RATE_HZ


def speechless_sounds(num_silences: int, num_noises: int, seed: int) -> list[Speechless]:
    """Returns silences, then noises: white, pink and hum in turn, of random lengths and levels.

    Args:
      num_silences: How many have no signal at all.
      num_noises: How many have one.
      seed: Of lengths, levels and noise; the same seed gives the same sounds.
    """
    random = np.random.default_rng(seed)
    sounds = [
        Speechless(f"silence {number + 1}", "silence", np.zeros(_length(random), np.float32))
        for number in range(num_silences)
    ]
    makers = tuple(_MAKERS.items())
    for number in range(num_noises):
        name, make = makers[number % len(makers)]
        noise = make(random, _length(random))
        level = 10 ** (random.uniform(_MIN_LEVEL_DB, _MAX_LEVEL_DB) / 20)
        scaled = noise * (level / np.sqrt(np.mean(noise**2)))
        samples = np.clip(np.round(scaled * 32768), -32768, 32767).astype(np.int16)
        sounds.append(Speechless(f"{name} {number // len(makers) + 1}", "noise", to_float(samples)))
    return sounds


def _length(random: np.random.Generator) -> int:
    return int(random.uniform(_MIN_SECONDS, _MAX_SECONDS) * SAMPLE_RATE_HZ)


def _white(random: np.random.Generator, length: int) -> _Array:
    return random.standard_normal(length)


def _pink(random: np.random.Generator, length: int) -> _Array:
    """Returns noise whose power falls by 3 dB an octave."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum, length)


def _hum(random: np.random.Generator, length: int) -> _Array:
    """Returns the hum of the mains with its harmonics, above a little white noise."""
    times = np.arange(length) / SAMPLE_RATE_HZ
    phases = random.uniform(0, 2 * np.pi, _HARMONICS)
    tones = [np.sin(2 * np.pi * _MAINS_HZ * n * times + phases[n - 1]) / n for n in range(1, _HARMONICS + 1)]
    return np.sum(tones, axis=0) + 0.01 * random.standard_normal(length)


_MAKERS: dict[str, Callable[[np.random.Generator, int], _Array]] = {
    "white noise": _white,
    "pink noise": _pink,
    "hum": _hum,
}
