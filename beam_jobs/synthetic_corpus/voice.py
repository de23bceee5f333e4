"""espeak-ng through its C interface."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from typing import Any

import numpy as np

from beam_jobs.synthetic_corpus.speakers import Speaker
from model.errors import UsageError, W2v2Error

# From espeak-ng's `speak_lib.h`.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_OK = 0
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_CONTINUE = 0

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class VoiceError(W2v2Error):
    """espeak-ng refused something that it should be able to do. Exit code 1."""


class Voice:
    """Speaks text; what it says first is the same whatever was spoken before in this process.

    Raises:
      UsageError: the wheel `espeakng-loader` is not installed.
      VoiceError: the library does not start.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise UsageError(
                "The synthetic corpus needs the package espeakng-loader, which is not installed; install"
                " wav2vec2-tfx[synthetic], or name a corpus of your own with --corpus."
            ) from error
        self._library: Any = _library_of_its_own(espeakng_loader.get_library_path())
        self._library.espeak_SetSynthCallback.argtypes = [_CALLBACK]
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self.rate_hz: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _INITIALIZE_DONT_EXIT
        )
        if self.rate_hz <= 0:
            raise VoiceError(f"espeak-ng must start, and answered {self.rate_hz}; install espeakng-loader again.")
        self._parts: list[np.ndarray[Any, Any]] = []
        # Kept as an attribute: ctypes frees a callback that nobody holds.
        self._callback = _CALLBACK(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._speaker: Speaker | None = None

    def speak(self, speaker: Speaker, text: str) -> np.ndarray[Any, Any]:
        """Returns the text as `speaker` says it: int16 `[samples]` at `rate_hz`.

        Raises:
          VoiceError: the voice is unknown, or nothing was said.
        """
        if speaker != self._speaker:
            self._become(speaker)
        self._parts = []
        # Lower case: espeak-ng spells some words in capitals letter by letter.
        content = text.lower().encode() + b"\0"
        status = self._library.espeak_Synth(content, len(content), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        if status != _OK or not self._parts:
            raise VoiceError(f"espeak-ng must speak {text!r} as {speaker.voice}, and answered {status}.")
        return np.concatenate(self._parts)

    def _become(self, speaker: Speaker) -> None:
        status = self._library.espeak_SetVoiceByName(speaker.voice.encode())
        if status != _OK:
            raise VoiceError(f"espeak-ng must know the voice {speaker.voice}, and answered {status}.")
        for parameter, value in (
            (_RATE, speaker.words_per_minute),
            (_VOLUME, 100),
            (_PITCH, speaker.pitch),
            (_RANGE, speaker.pitch_range),
            (_WORD_GAP, 0),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._speaker = speaker

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if count > 0 and samples:
            self._parts.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return _CONTINUE


def _library_of_its_own(path: str | os.PathLike[str]) -> Any:
    """Loads a copy of the library: what is said depends on all that was said with the same state, in any voice."""
    with tempfile.TemporaryDirectory(prefix="w2v2-espeak-") as directory:
        # The loader goes by the file, and the file may go when it is loaded.
        return ctypes.CDLL(shutil.copy(path, directory))
