"""Sound: reading and checking files, samples as numbers, normalisation. No TensorFlow.

`model.waveforms` reads what is too long to be held at once. The twin of `normalise` inside a TensorFlow graph is
`model.normalisation.normalise_waveforms`.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from model.containers import AudioError, check_whole
from model.flac import read_confirmed
from model.sound_opening import decoding, handle_of, name_of, open_sound

__all__ = [
    "MP3_SLACK_FRAMES",
    "SAMPLE_RATE_HZ",
    "UNKNOWN_FRAMES",
    "VARIANCE_EPSILON",
    "AudioError",
    "Sound",
    "check_header",
    "check_rate",
    "mono_of",
    "normalise",
    "read_any_pcm16",
    "read_pcm16",
    "to_float",
]

SAMPLE_RATE_HZ = 16_000
# Added to the variance of a waveform: Hugging Face's feature extractor; fairseq has 1e-5, which quiet audio shows.
VARIANCE_EPSILON = 1e-7

_FULL_SCALE = 32768.0
_MIN_RATE_HZ, _MAX_RATE_HZ = 4_000, 384_000
# What libsndfile says of a FLAC whose header does not tell its length.
UNKNOWN_FRAMES = (1 << 63) - 1
# The length in an MP3's header counts whole frames of 1152 samples, and encoders disagree about the first and the last.
MP3_SLACK_FRAMES = 4 * 1152

# What `read_any_pcm16` reads. libsndfile knows more, but not whether those are whole.
_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
# What `read_pcm16` reads.
_EXACT_FORMATS = ("FLAC", "WAV", "WAVEX")
_MAX_CHANNELS = 16
# A recording in which so much is beyond full scale is in the wrong units, and would become noise.
_MAX_SATURATED_FRACTION = 0.1
# Read as the integers that they are; all else as float32.
_EXACT: dict[str, Any] = {"PCM_16": "int16", "PCM_24": "int32", "PCM_S8": "int32"}


class Sound(NamedTuple):
    """Sound as records hold it, and what it was before.

    Attributes:
      samples: int16 `[samples]`, mono, at 16 kHz.
      original_rate_hz: The rate of the file.
      original_channels: The channels of the file.
      saturated_samples: How many samples were beyond full scale and are at its edge now.
    """

    samples: np.ndarray[Any, Any]
    original_rate_hz: int
    original_channels: int
    saturated_samples: int


def read_pcm16(
    source: str | os.PathLike[str] | bytes, name: str = "", max_samples: int | None = None
) -> tuple[np.ndarray[Any, Any], int]:
    """Reads a file of 16-bit sound exactly.

    A FLAC is checked against the number of samples and the MD5 of them that its header holds, as `flac --test` does.

    Args:
      source: A FLAC or a WAV of one channel: its path, or its content.
      name: What messages call it; the path, where nothing is given.
      max_samples: Longer sound is refused before it is decoded: an hour of silence is a small FLAC. None: no limit.

    Returns:
      int16 `[samples]`, and the sample rate in Hz.

    Raises:
      AudioError: the file is no such sound, is damaged, is too long, or has several channels.
    """
    import soundfile

    name = name or name_of(source)
    with open_sound(source, name) as stream:
        if (confirmed := read_confirmed(stream, max_samples)) is not None:
            return confirmed
        stream.seek(0)
        with decoding(name), soundfile.SoundFile(handle_of(stream), closefd=False) as file:
            frames, rate_hz, channels, subtype = file.frames, file.samplerate, file.channels, file.subtype
            if file.format not in _EXACT_FORMATS:
                raise AudioError(f"{name} must be FLAC or WAV, and is {file.format}; convert it first.")
            if channels != 1:
                raise AudioError(f"{name} must have one channel, and has {channels}; mix it down first.")
            if subtype != "PCM_16":
                raise AudioError(f"{name} must have 16-bit samples, and has {subtype}; convert it first.")
            _check_length_is_known(name, frames)
            if max_samples is not None and frames > max_samples:
                raise AudioError(f"{name} must have {max_samples} samples at most, and has {frames}; cut it.")
            samples = file.read(dtype="int16")
        check_whole(name, file.format, stream, samples)
    return samples, rate_hz


def read_any_pcm16(source: str | os.PathLike[str] | bytes, name: str = "", max_samples: int | None = None) -> Sound:
    """Reads WAV, FLAC, OGG or MP3 of any rate and number of channels, as records hold sound.

    16-bit mono sound at 16 kHz comes through bit by bit. All else is decoded as float32, its channels averaged,
    resampled (soxr, HQ), rounded, and held at the edges of 16 bits where it is beyond them. A FLAC is checked against
    its MD5; a WAV, an OGG and an MP3 must be as long as they say.

    Args:
      source: The path of the file, or its content.
      name: What messages call it; the path, where nothing is given.
      max_samples: Longer sound, counted at 16 kHz, is refused, if possible before it is decoded; never is more decoded
        than this. None: no limit.

    Raises:
      AudioError: it is no such sound, is damaged, cut off, empty or too long, holds numbers that are none, or has a
        rate below 4 kHz or above 384 kHz or more than 16 channels.
    """
    import soundfile

    name = name or name_of(source)
    with open_sound(source, name) as stream:
        with decoding(name), soundfile.SoundFile(handle_of(stream), closefd=False) as file:
            check_header(name, file, max_samples)
            frames, rate_hz, channels, kind = file.frames, file.samplerate, file.channels, file.format
            samples = file.read(frames, dtype=_EXACT.get(file.subtype, "float32"), always_2d=True)
        if not len(samples):
            raise AudioError(f"{name} must hold sound, and holds no sample.")
        if len(samples) < frames - (MP3_SLACK_FRAMES if kind == "MP3" else 0):
            raise AudioError(f"{name} promises {frames} samples in its header and holds {len(samples)}; copy it again.")
        check_whole(name, kind, stream, samples)
    if samples.dtype == np.int16 and rate_hz == SAMPLE_RATE_HZ and channels == 1:
        return Sound(samples[:, 0], rate_hz, channels, 0)
    mono, saturated = _to_pcm16(name, _at_model_rate(mono_of(samples), rate_hz))
    return Sound(mono, rate_hz, channels, saturated)


def to_float(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns int16 samples as float32 in [−1, 1)."""
    return samples.astype(np.float32) / np.float32(_FULL_SCALE)


def check_rate(name: str, rate_hz: float) -> None:
    """Refuses a rate that no recording of speech has.

    Raises:
      AudioError: it is below 4 kHz or above 384 kHz.
    """
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        raise AudioError(
            f"{name} must have a rate of {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz, and has {rate_hz} Hz; record it again, or"
            " mend its header."
        )


def normalise(waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns `(x − mean) / sqrt(variance + 1e-7)` of a waveform `[samples]`, as float32."""
    values = waveform.astype(np.float32)
    mean = values.mean(dtype=np.float64)
    variance = np.mean(np.square(values - mean), dtype=np.float64)
    return ((values - mean) / np.sqrt(variance + VARIANCE_EPSILON)).astype(np.float32)


def check_header(name: str, file: Any, max_samples: int | None = None) -> None:
    """Checks what the header of an open `soundfile.SoundFile` says: all that `read_any_pcm16` asks before it decodes.

    Args:
      name: What messages call it.
      file: The file.
      max_samples: As in `read_any_pcm16`.

    Raises:
      AudioError: the file is of another format, rate or number of channels, too long, or does not say how long it is.
    """
    _check_kind(name, file)
    _check_length(name, file.frames, file.samplerate, max_samples)


def _check_kind(name: str, file: Any) -> None:
    if file.format not in _FORMATS:
        raise AudioError(f"{name} must be WAV, FLAC, OGG or MP3, and is {file.format}; convert it first.")
    check_rate(name, file.samplerate)
    if not 1 <= file.channels <= _MAX_CHANNELS:
        raise AudioError(f"{name} must have {_MAX_CHANNELS} channels at most, and has {file.channels}; mix it down.")


def _check_length_is_known(name: str, frames: int) -> None:
    if frames == UNKNOWN_FRAMES:
        raise AudioError(
            f"{name} must say in its header how long it is, and does not: it was written into a pipe; write it again,"
            " to a file."
        )


def _check_length(name: str, frames: int, rate_hz: int, max_samples: int | None) -> None:
    _check_length_is_known(name, frames)
    # As soxr rounds, one sample more or less.
    samples = frames * SAMPLE_RATE_HZ // rate_hz
    if max_samples is not None and samples > max_samples:
        raise AudioError(
            f"{name} must be {max_samples / SAMPLE_RATE_HZ:g} s long at most, and is {frames / rate_hz:.1f} s long;"
            " cut it."
        )


def mono_of(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the mean of the channels of `[frames, channels]` as float32, full scale being 1."""
    # Numbers too large for float32 become infinite here, and are refused where it matters.
    with np.errstate(over="ignore", invalid="ignore"):
        mono = samples.mean(axis=1, dtype=np.float32)
    if samples.dtype.kind == "i":
        mono /= np.float32(-float(np.iinfo(samples.dtype).min))
    return mono


def _at_model_rate(waveform: np.ndarray[Any, Any], rate_hz: int) -> np.ndarray[Any, Any]:
    if rate_hz == SAMPLE_RATE_HZ:
        return waveform
    import soxr

    return soxr.resample(waveform, rate_hz, SAMPLE_RATE_HZ, quality="HQ")


def _to_pcm16(name: str, waveform: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """Returns int16 samples, and how many were beyond full scale; those are held at its edge and do not wrap round."""
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name} must hold numbers only, and holds NaN or infinity; write it again.")
    if not len(waveform):
        raise AudioError(f"{name} must hold sound, and is too short for one sample at {SAMPLE_RATE_HZ} Hz.")
    saturated = int(np.count_nonzero(np.abs(waveform) > 1))
    if saturated > _MAX_SATURATED_FRACTION * len(waveform):
        raise AudioError(
            f"{name} must have samples in [-1, 1], and {100 * saturated / len(waveform):.0f} % are beyond; scale it."
        )
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(waveform * np.float32(_FULL_SCALE)), limits.min, limits.max).astype(np.int16), saturated
