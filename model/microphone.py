"""Sound from a microphone: in Colab by the browser's, elsewhere by that of this machine."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from model.errors import UsageError
from model.settings import require
from model.waveforms import resampled

MAX_SECONDS = 60.0

# Asks for the microphone, and gives what it heard as a JSON object: rate_hz, and pcm, int16 in base64. Browsers record
# into formats that libsndfile does not know, so the samples themselves are taken from the audio graph.
_IN_BROWSER = """
(async () => {
  if (!navigator.mediaDevices) return JSON.stringify({error: 'the page may not ask for one'});
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: true});
  } catch (error) {
    return JSON.stringify({error: `the browser says ${error.name}`});
  }
  const context = new AudioContext();
  await context.resume();
  const source = context.createMediaStreamSource(stream);
  const tap = context.createScriptProcessor(4096, 1, 1);
  const wanted = Math.round(SECONDS * context.sampleRate);
  const blocks = [];
  let heard = 0;
  await new Promise((resolve) => {
    tap.onaudioprocess = (event) => {
      blocks.push(event.inputBuffer.getChannelData(0).slice());
      heard += blocks[blocks.length - 1].length;
      if (heard >= wanted) resolve();
    };
    setTimeout(resolve, 1000 * SECONDS + 5000);
    source.connect(tap);
    tap.connect(context.destination);
  });
  tap.disconnect();
  stream.getTracks().forEach((track) => track.stop());
  const pcm = new Int16Array(Math.min(heard, wanted));
  let place = 0;
  for (const block of blocks) {
    for (const value of block) {
      if (place < pcm.length) pcm[place++] = Math.max(-1, Math.min(1, value)) * 32767;
    }
  }
  const bytes = new Uint8Array(pcm.buffer);
  let text = '';
  for (let start = 0; start < bytes.length; start += 32768) {
    text += String.fromCharCode(...bytes.subarray(start, start + 32768));
  }
  const rate_hz = context.sampleRate;
  await context.close();
  return JSON.stringify({rate_hz, pcm: btoa(text)});
})()
"""


class NoMicrophoneError(UsageError):
    """There is no microphone, or it may not be used. Exit code 2."""


def record(seconds: float, evaluate_javascript: Callable[[str], Any] | None = None) -> np.ndarray[Any, Any]:
    """Records from a microphone.

    Args:
      seconds: How long.
      evaluate_javascript: Evaluates an expression in the browser, waits for its promise and returns the value:
        `google.colab.output.eval_js` in Colab. None for the microphone of this machine, by the package sounddevice.

    Returns:
      float32 `[samples]` at 16 kHz, full scale being 1.

    Raises:
      NoMicrophoneError: there is none.
      ConfigurationError: the time is not above 0 and at most a minute.
    """
    require(0 < seconds <= MAX_SECONDS, f"seconds must be above 0 and at most {MAX_SECONDS:g}, not {seconds}.")
    if evaluate_javascript is None:
        return _record_here(seconds)
    return _samples_of(evaluate_javascript(_IN_BROWSER.replace("SECONDS", repr(float(seconds)))))


def _samples_of(answer: Any) -> np.ndarray[Any, Any]:
    """Returns the samples of what the browser has answered."""
    try:
        told = json.loads(answer)
        if "error" in told:
            raise NoMicrophoneError(f"Recording needs a microphone, and {told['error']}; use a file of sound instead.")
        pcm = np.frombuffer(base64.b64decode(told["pcm"], validate=True), "<i2")
        rate_hz = float(told["rate_hz"])
    except (TypeError, ValueError, KeyError, binascii.Error) as error:
        raise NoMicrophoneError(
            f"Recording needs a browser that gives samples, and this one gave something else ({error}); use a file of"
            " sound instead."
        ) from error
    if not len(pcm):
        raise NoMicrophoneError("Recording needs a microphone that hears, and this one gave no sample; try again.")
    return resampled(pcm.astype(np.float32) / 32768, rate_hz)


def _record_here(seconds: float) -> np.ndarray[Any, Any]:
    # No extra names it, since its wheels have no PortAudio for Linux: who has a microphone installs both.
    try:
        import sounddevice  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise NoMicrophoneError(
            "Recording needs the package sounddevice and PortAudio, and here is none of them"
            f" ({type(error).__name__}); install them, or use a file of sound instead."
        ) from error
    try:
        rate_hz = float(sounddevice.query_devices(kind="input")["default_samplerate"])
        heard = sounddevice.rec(int(seconds * rate_hz), samplerate=rate_hz, channels=1, dtype="float32", blocking=True)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NoMicrophoneError(
            f"Recording needs a microphone, and this machine has none ({error}); use a file of sound instead."
        ) from error
    return resampled(np.asarray(heard)[:, 0], rate_hz)
