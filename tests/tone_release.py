"""A released recogniser that understands tones: each letter is a tone of its own.

It hears every frame by its own 25 ms of sound, so that what is heard in windows must be, to the last frame, what is
heard in one pass. What is fainter than an eighth of the recording as a whole is not heard: a gain of its own for each
window would show.
"""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.config import Wav2Vec2Config
from model.text import librispeech_vocabulary

RATE_HZ = 16_000
VOCABULARY = librispeech_vocabulary()
_FIRST_LETTER = 4
_KERNEL, _STRIDE = 400, 320
_LOGIT_OF_BLANK = 3.0
_TONE_SAMPLES, _GAP_SAMPLES = 1_280, 640


def _pitch_hz(token: int) -> float:
    return 400.0 + 220.0 * (token - _FIRST_LETTER)


def write_tone_release(directory, do_normalise=True):
    """Writes the ONNX folder; returns its path."""
    times = np.arange(_KERNEL) / RATE_HZ
    letters = range(_FIRST_LETTER, len(VOCABULARY.tokens))
    angles = [2 * np.pi * _pitch_hz(token) * times for token in letters]
    filters = np.array([wave(angle) for wave in (np.cos, np.sin) for angle in angles])[:, None, :] / _KERNEL * 2
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["input_values", "one"], ["channel"]),
            helper.make_node("Conv", ["channel", "filters"], ["waves"], strides=[_STRIDE]),
            helper.make_node("Mul", ["waves", "waves"], ["squares"]),
            helper.make_node("Split", ["squares"], ["cosines", "sines"], axis=1, num_outputs=2),
            helper.make_node("Add", ["cosines", "sines"], ["power"]),
            helper.make_node("Mul", ["power", "scale"], ["scaled"]),
            helper.make_node("Pad", ["scaled", "pads", "zero", "axes"], ["padded"]),
            helper.make_node("Transpose", ["padded"], ["frames_first"], perm=[0, 2, 1]),
            helper.make_node("Add", ["frames_first", "bias"], ["logits"]),
        ],
        "tones",
        [helper.make_tensor_value_info("input_values", TensorProto.FLOAT, ["batch", "samples"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "frames", len(VOCABULARY.tokens)])],
        [
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(filters.astype(np.float32), "filters"),
            numpy_helper.from_array(np.array(24.0, np.float32), "scale"),
            numpy_helper.from_array(np.array([_FIRST_LETTER, 0]), "pads"),
            numpy_helper.from_array(np.array(0.0, np.float32), "zero"),
            numpy_helper.from_array(np.array([1]), "axes"),
            numpy_helper.from_array(
                np.array([_LOGIT_OF_BLANK] + [0.0] * (len(VOCABULARY.tokens) - 1), np.float32), "bias"
            ),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (directory / "onnx").mkdir(parents=True)
    onnx.save(model, str(directory / "onnx" / "model.onnx"))
    files = {
        "config.json": Wav2Vec2Config().to_published(),
        "preprocessor_config.json": {"sampling_rate": RATE_HZ, "do_normalize": do_normalise},
        "vocab.json": VOCABULARY.to_mapping(),
    }
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content))
    return directory


def tones_of(text, rate_hz=RATE_HZ, amplitude=0.3):
    """Says a text: float32 `[samples]`, 120 ms for each letter or space."""
    parts = []
    for token in VOCABULARY.encode(text):
        times = np.arange(_TONE_SAMPLES * rate_hz // RATE_HZ) / rate_hz
        parts += [amplitude * np.sin(2 * np.pi * _pitch_hz(token) * times), np.zeros(_GAP_SAMPLES * rate_hz // RATE_HZ)]
    return np.concatenate(parts).astype(np.float32)


def long_speech(seconds, seed):
    """Returns words of tones with pauses among them, and their text."""
    random = np.random.default_rng(seed)
    parts, words, samples = [], [], 0
    while samples < seconds * RATE_HZ:
        word = "".join(random.choice(list("ABCDEFGH"), random.integers(1, 9)))
        pause = np.zeros(int(random.choice([0.0, 0.013, 0.3, 2.0], p=[0.4, 0.3, 0.25, 0.05]) * RATE_HZ))
        parts += [tones_of(f"{word} "), pause]
        words.append(word)
        samples += len(parts[-2]) + len(pause)
    waveform = np.concatenate(parts) + 1e-4 * random.standard_normal(samples)
    return waveform.astype(np.float32), " ".join(words)
