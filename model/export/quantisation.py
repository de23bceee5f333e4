"""Which parts of a model bear int8: found by measurement on speech, so that texts stay what they are.

Quantised all through, a recogniser hears nearly the same; where two letters score nearly alike, it may hear the other.
How often, only speech can tell. So the parts whose rounding the logits feel most, for the work that int8 saves there,
stay in float32, as few as it takes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from model.audio import normalise, to_float
from model.config import Wav2Vec2Config
from model.examples import read_utterances
from model.export.onnx_graph.network import scoring_model
from model.text import Vocabulary

# The rounding of a part is told by few utterances: each has hundreds of frames with a logit for each letter.
_UTTERANCES_FOR_ROUNDING = 8

_Waveform = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Quantisation:
    """Which parts of a graph are quantised.

    Attributes:
      in_float32: The parts that stay in float32, in the order of the graph.
      utterances: How many were heard in float32 and in int8; 0 where nothing was measured, and all is quantised.
      same_texts: How many of them gave the same text.
    """

    in_float32: tuple[str, ...] = ()
    utterances: int = 0
    same_texts: int = 0


def parts_of(config: Wav2Vec2Config) -> dict[str, float]:
    """Returns the parts that can be quantised, with their work: multiplications for each frame of the encoder."""
    parts: dict[str, float] = {}
    strides = config.conv_stride
    for index in range(1, len(config.conv_dim)):
        frames = math.prod(strides[index + 1 :])
        work = config.conv_kernel[index] * config.conv_dim[index - 1] * config.conv_dim[index] * frames
        parts[f"feature_extractor/conv_{index}"] = float(work)
    hidden = config.hidden_size
    parts["feature_projection"] = float(config.conv_dim[-1] * hidden)
    for index in range(config.num_hidden_layers):
        layer = f"encoder/layer_{index}"
        parts[f"{layer}/attention"] = 4.0 * hidden**2
        parts[f"{layer}/feed_forward"] = 2.0 * hidden * config.intermediate_size
        if config.has_attention_adapters:
            parts[f"{layer}/adapter_layer"] = 2.0 * hidden * (config.adapter_attn_dim or 0)
    return parts


def read_speech(files: Iterable[str], count: int, do_normalize: bool, min_samples: int) -> list[_Waveform]:
    """Returns utterances as the model takes them.

    Args:
      files: TFRecord files of utterance records.
      count: How many at most; the first ones, whose order in the files comes from hashes of their ids.
      do_normalize: Whether each is brought to mean 0 and variance 1.
      min_samples: Shorter ones, which give no frame, are passed over.

    Raises:
      DataError: a file is damaged, or holds no utterances.
    """
    waveforms = (to_float(utterance.samples) for utterance in read_utterances(sorted(files)))
    long_enough = (waveform for waveform in waveforms if len(waveform) >= min_samples)
    return [
        (normalise(waveform) if do_normalize else waveform).astype(np.float32)
        for waveform in itertools.islice(long_enough, count)
    ]


def choose_quantisation(
    config: Wav2Vec2Config,
    weights: Mapping[str, np.ndarray[Any, Any]],
    waveforms: Sequence[_Waveform],
    vocabulary: Vocabulary,
    least_agreement: float,
    opset: int,
) -> Quantisation:
    """Finds how much can be quantised.

    Args:
      config: The architecture.
      weights: By the names of `Wav2Vec2Base.named_weights`, with a CTC head.
      waveforms: float32 `[samples]` each, speech that the model was not trained on, normalised as the model wants it.
        None: all parts are quantised.
      vocabulary: The tokens.
      least_agreement: Which share of the texts must be those of float32.
      opset: The version of ONNX's operators.

    Returns:
      The parts that stay in float32. If the share is not reached, then with all of them: nothing is quantised then.
    """
    if not waveforms:
        return Quantisation()
    parts = list(parts_of(config))

    def logits_of(in_float32: Iterable[str], heard: Sequence[_Waveform]) -> list[np.ndarray[Any, Any]]:
        kept = frozenset(in_float32)
        precision = "float32" if kept.issuperset(parts) else "int8"
        return _run(scoring_model(config, weights, precision, opset, {}, kept), heard)

    exact = logits_of(parts, waveforms)
    texts = [_text(logits, vocabulary) for logits in exact]

    def agreeing(in_float32: Sequence[str]) -> int:
        found = logits_of(in_float32, waveforms)
        return sum(_text(logits, vocabulary) == text for logits, text in zip(found, texts, strict=True))

    def quantisation(in_float32: Sequence[str], same: int) -> Quantisation:
        return Quantisation(tuple(part for part in parts if part in in_float32), len(waveforms), same)

    enough = math.ceil(least_agreement * len(waveforms))
    same = agreeing(())
    if same >= enough:
        return quantisation((), same)
    ordered = _by_rounding(config, waveforms[:_UTTERANCES_FOR_ROUNDING], exact, logits_of)
    # The fewest parts, counted from the front, that are enough; all of them always are.
    low, high, best = 1, len(ordered), quantisation(parts, len(waveforms))
    while low < high:
        middle = (low + high) // 2
        same = agreeing(ordered[:middle])
        if same >= enough:
            high, best = middle, quantisation(ordered[:middle], same)
        else:
            low = middle + 1
    return best


def _by_rounding(
    config: Wav2Vec2Config,
    waveforms: Sequence[_Waveform],
    exact: Sequence[np.ndarray[Any, Any]],
    logits_of: Callable[[Iterable[str], Sequence[_Waveform]], list[np.ndarray[Any, Any]]],
) -> list[str]:
    """Returns the parts, those first whose rounding moves the logits most for the work that int8 saves there."""
    parts = parts_of(config)
    rounding = {}
    for part, work in parts.items():
        found = logits_of(parts.keys() - {part}, waveforms)
        squares = [np.square(one - other).sum() for one, other in zip(found, exact, strict=False)]
        rounding[part] = float(np.sum(squares)) / work
    return sorted(parts, key=lambda part: rounding[part], reverse=True)


def _text(logits: np.ndarray[Any, Any], vocabulary: Vocabulary) -> str:
    return vocabulary.decode_greedy(logits.argmax(axis=-1))


def _run(model: Any, waveforms: Sequence[_Waveform]) -> list[np.ndarray[Any, Any]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [
        np.asarray(session.run(None, {"input_values": waveform[np.newaxis].astype(np.float32)})[0])[0]
        for waveform in waveforms
    ]
