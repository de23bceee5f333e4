"""Sound of any length and format as the model wants to hear it, read in blocks: an hour is never held at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.audio import (
    MP3_SLACK_FRAMES,
    SAMPLE_RATE_HZ,
    UNKNOWN_FRAMES,
    check_rate,
    mono_of,
)
from model.containers import AudioError, check_whole
from model.sound_opening import decoding, handle_of, open_sound

# The values of a block as it is decoded, over all channels: 16 s of one channel at 16 kHz.
_BLOCK_VALUES = 1 << 18
# What says of itself how long it is, where libsndfile would read what is there.
_TELLING_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "OGG")


def iter_waveform(path: str | os.PathLike[str], name: str = "") -> Iterator[np.ndarray[Any, Any]]:
    """Reads a file of sound that libsndfile knows, block by block.

    Args:
      path: WAV, FLAC, OGG, MP3 and others, of any number of channels.
      name: What messages call it; the path, where nothing is given.

    Yields:
      float32 `[samples]` at 16 kHz, full scale being 1, channels averaged; not normalised. None is empty.

    Raises:
      AudioError: the file is no sound, is damaged, cut off or empty, holds numbers that are none, or has a rate below
        4 kHz or above 384 kHz. What is cut off shows at its end, after the blocks that are there.
    """
    import soundfile

    name = name or os.fspath(path)
    with open_sound(path, name) as stream:
        with decoding(name), soundfile.SoundFile(handle_of(stream), closefd=False) as file:
            kind, frames, rate_hz = file.format, file.frames, file.samplerate
            check_rate(name, rate_hz)
            read = 0
            for waveform, count in _blocks_at_model_rate(file, name):
                read += count
                if len(waveform):
                    yield waveform
        if not read:
            raise AudioError(f"{name} must hold sound, and holds no sample.")
        if frames != UNKNOWN_FRAMES and read < frames - (MP3_SLACK_FRAMES if kind == "MP3" else 0):
            raise AudioError(f"{name} promises {frames} samples in its header and holds {read}; copy it again.")
        if kind in _TELLING_FORMATS:
            check_whole(name, kind, stream, np.empty(0, np.float32))


def resampled(waveform: np.ndarray[Any, Any], rate_hz: float) -> np.ndarray[Any, Any]:
    """Returns a waveform `[samples]` of any rate at 16 kHz, as float32."""
    if rate_hz == SAMPLE_RATE_HZ:
        return np.asarray(waveform, np.float32)
    import soxr

    return np.asarray(soxr.resample(waveform.astype(np.float32), rate_hz, SAMPLE_RATE_HZ, quality="HQ"), np.float32)


def _blocks_at_model_rate(file: Any, name: str) -> Iterator[tuple[np.ndarray[Any, Any], int]]:
    """Yields blocks at 16 kHz, each with how many samples of the file it took; the last is what was held back."""
    resampler = None
    if file.samplerate != SAMPLE_RATE_HZ:
        import soxr

        resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    while len(samples := file.read(max(1, _BLOCK_VALUES // file.channels), dtype="float32", always_2d=True)):
        waveform = mono_of(samples)
        if not np.isfinite(waveform).all():
            raise AudioError(f"{name} must hold numbers only, and holds NaN or infinity; write it again.")
        yield (waveform if resampler is None else resampler.resample_chunk(waveform)), len(samples)
    if resampler is not None:
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True), 0
