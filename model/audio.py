"""Sound: reading and checking files, samples as numbers, normalisation. No TensorFlow.

The twin of `normalise` inside a TensorFlow graph is `model.normalisation.normalise_waveforms`.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import DataError

SAMPLE_RATE_HZ = 16_000
# Added to the variance of a waveform: Hugging Face's feature extractor; fairseq has 1e-5, which quiet audio shows.
VARIANCE_EPSILON = 1e-7

_FULL_SCALE = 32768.0
_LFS_POINTER = b"version https://git-lfs"
_STREAMINFO_BYTES = 34
_FLAC_MAGIC = b"fLaC"
_NO_MD5 = b"\0" * 16


class AudioError(DataError):
    """A file of sound cannot be read, or is not what its header says. Exit code 3."""


def read_pcm16(path: str | os.PathLike[str]) -> tuple[np.ndarray[Any, Any], int]:
    """Reads a file of 16-bit sound exactly.

    A FLAC is checked against the number of samples and the MD5 of them that its header holds, as `flac --test` does.

    Args:
      path: A file that libsndfile reads, of one channel.

    Returns:
      int16 `[samples]`, and the sample rate in Hz.

    Raises:
      AudioError: the file is no such sound, is damaged, or has several channels.
    """
    import soundfile

    content = _read(path)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate_hz, channels, subtype = file.samplerate, file.channels, file.subtype
            if channels != 1:
                raise AudioError(f"{path} must have one channel, and has {channels}; mix it down first.")
            if subtype != "PCM_16":
                raise AudioError(f"{path} must have 16-bit samples, and has {subtype}; convert it first.")
            samples = file.read(dtype="int16")
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        raise AudioError(f"{path} must be a file of sound that can be decoded: {_one_line(error)}") from error
    if content.startswith(_FLAC_MAGIC):
        _check_flac(path, content, samples)
    return samples, rate_hz


def read_waveform(path: str | os.PathLike[str]) -> np.ndarray[Any, Any]:
    """Reads any file of sound that libsndfile knows, as the model wants to hear it.

    Args:
      path: WAV, FLAC, OGG, MP3 and others, of any rate and number of channels.

    Returns:
      float32 `[samples]` at 16 kHz, in [−1, 1], channels averaged; not normalised.

    Raises:
      AudioError: the file is no sound, or is damaged or empty.
    """
    import soundfile

    content = _read(path)
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        raise AudioError(f"{path} must be a file of sound that can be decoded: {_one_line(error)}") from error
    if not len(samples):
        raise AudioError(f"{path} must hold sound, and holds no sample.")
    mono = samples.mean(axis=1)
    if rate_hz != SAMPLE_RATE_HZ:
        import soxr

        mono = soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ)
    return np.ascontiguousarray(mono, np.float32)


def to_float(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns int16 samples as float32 in [−1, 1)."""
    return samples.astype(np.float32) / np.float32(_FULL_SCALE)


def normalise(waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns `(x − mean) / sqrt(variance + 1e-7)` of a waveform `[samples]`, as float32."""
    values = waveform.astype(np.float32)
    mean = values.mean(dtype=np.float64)
    variance = np.mean(np.square(values - mean), dtype=np.float64)
    return ((values - mean) / np.sqrt(variance + VARIANCE_EPSILON)).astype(np.float32)


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{path} must be a file that can be read: {error.strerror or error}.") from error
    if not content:
        raise AudioError(f"{path} must hold sound, and is an empty file.")
    if content.startswith(_LFS_POINTER):
        raise AudioError(f"{path} is a Git LFS pointer in place of sound; run `git lfs pull` where it came from.")
    return content


def _check_flac(path: str | os.PathLike[str], content: bytes, samples: np.ndarray[Any, Any]) -> None:
    """Compares decoded samples with STREAMINFO, the first block of metadata, RFC 9639 §8.2."""
    info = content[8 : 8 + _STREAMINFO_BYTES]
    if len(info) < _STREAMINFO_BYTES:
        raise AudioError(f"{path} must have a whole FLAC header; it is cut off.")
    # 36 bits, in the low half of byte 13 and in bytes 14 to 17.
    promised = int.from_bytes(info[13:18], "big") & ((1 << 36) - 1)
    if promised not in (0, len(samples)):
        raise AudioError(f"{path} promises {promised} samples in its header and holds {len(samples)}; copy it again.")
    md5 = info[18:34]
    if md5 not in (_NO_MD5, hashlib.md5(samples.astype("<i2").tobytes(), usedforsecurity=False).digest()):
        raise AudioError(f"{path} holds other sound than the MD5 in its header says; copy it again.")


def _one_line(error: Exception) -> str:
    # libsndfile reads from memory here, and names the memory in place of the file.
    text = re.sub(r"Error opening <[^>]*>: ", "", " ".join(str(error).split()))
    return text.rstrip(".") + "."
