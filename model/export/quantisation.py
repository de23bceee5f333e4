"""Which parts of a model bear int8: found by measurement on speech, so that texts stay what they are.

Quantised all through, a recogniser hears nearly the same; where two letters score nearly alike, it may hear the other.
How often, only speech can tell. So the parts whose rounding the logits feel most, for the work that int8 saves there,
stay in float32, as few as it takes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from model import progress
from model.config import Wav2Vec2Config
from model.export.onnx_graph.network import scoring_model
from model.text import Vocabulary

# The rounding of a part is told by few utterances: each has hundreds of frames with a logit for each letter.
_UTTERANCES_FOR_ROUNDING = 8

_Waveform = np.ndarray[Any, Any]
_Logits = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Quantisation:
    """Which parts of a graph are quantised, and what that changes.

    Attributes:
      in_float32: The parts that stay in float32, in the order of the graph.
      parts: How many there are that can be quantised.
      utterances: How many were heard in float32 and in int8; 0 where nothing was measured, and all is quantised.
      same_texts: How many of them gave the same text.
      same_texts_all_int8: How many did with every part in int8.
      empty_texts: How many gave no text in float32; that int8 gives none of them, either, says little.
      least_agreement: Which share of the texts had to be the same.
    """

    in_float32: tuple[str, ...] = ()
    parts: int = 0
    utterances: int = 0
    same_texts: int = 0
    same_texts_all_int8: int = 0
    empty_texts: int = 0
    least_agreement: float = 0.0

    def to_metadata(self) -> dict[str, str]:
        """Returns it as the metadata of an ONNX file hold it."""
        return {
            "in_float32": json.dumps(self.in_float32),
            "int8_parts": str(self.parts),
            "int8_utterances": str(self.utterances),
            "int8_same_texts": str(self.same_texts),
            "int8_same_texts_all_int8": str(self.same_texts_all_int8),
            "int8_empty_texts": str(self.empty_texts),
            "int8_least_agreement": str(self.least_agreement),
        }

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Quantisation:
        """Reads it from the metadata of an ONNX file in int8 that this project wrote."""
        import onnx

        told = {entry.key: entry.value for entry in onnx.load(os.fspath(path)).metadata_props}
        return cls(
            tuple(json.loads(told["in_float32"])),
            *(int(told[f"int8_{name}"]) for name in _COUNTS),
            least_agreement=float(told["int8_least_agreement"]),
        )

    @property
    def told(self) -> str:
        """What stayed in float32 and why, in sentences for people."""
        if not self.utterances:
            return f"All {self.parts} parts are in int8; what that changes was not measured, as no speech was heard."
        heard = f"{self.utterances} {'utterance' if self.utterances == 1 else 'utterances'}"
        asked = f"and {100 * self.least_agreement:.1f} % must"
        empty = f" {self.empty_texts} of these texts are empty, which says little." if self.empty_texts else ""
        if not self.in_float32:
            return (
                f"All {self.parts} parts are in int8: {self.same_texts} of {heard} get the text of float32,"
                f" {asked}.{empty}"
            )
        if len(self.in_float32) == self.parts:
            return (
                f"Nothing is in int8, and the file is as large as that in float32: with all {self.parts} parts in int8,"
                f" {self.same_texts_all_int8} of {heard} get the text of float32, {asked}, and no smaller choice was"
                f" enough.{empty}"
            )
        return (
            f"{len(self.in_float32)} of {self.parts} parts stay in float32: with all in int8,"
            f" {self.same_texts_all_int8} of {heard} get the text of float32, {asked}; so {self.same_texts} do."
            f"{empty} In float32: {', '.join(self.in_float32)}."
        )


_COUNTS = ("parts", "utterances", "same_texts", "same_texts_all_int8", "empty_texts")


class _Listener:
    """Hears utterances in float32 or partly in int8, and reports how many it has heard of how many.

    Args:
      config: The architecture.
      weights: By name.
      opset: The version of ONNX's operators.
      parts: All parts that can be quantised.
    """

    def __init__(
        self, config: Wav2Vec2Config, weights: Mapping[str, np.ndarray[Any, Any]], opset: int, parts: Sequence[str]
    ) -> None:
        self._config, self._weights, self._opset, self._parts = config, weights, opset, parts
        self._done = self._total = 0

    def expect(self, utterances: int) -> None:
        """Takes so many more to be heard than have been said so far."""
        self._total += utterances

    def finish(self) -> None:
        """Says that no more has to be heard, however much was expected."""
        progress.report(self._done, self._done, "utterances", "int8: chosen")

    def logits(self, in_float32: Collection[str], heard: Sequence[_Waveform], text: str) -> list[_Logits]:
        """Returns the logits of waveforms, float32 `[frames, vocab]` each.

        Args:
          in_float32: The parts that stay in float32.
          heard: float32 `[samples]` each.
          text: What the progress calls it.
        """
        import onnxruntime

        kept = frozenset(in_float32)
        precision = "float32" if kept.issuperset(self._parts) else "int8"
        model = scoring_model(self._config, self._weights, precision, self._opset, {}, kept)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found = []
        for waveform in heard:
            values = waveform[np.newaxis].astype(np.float32)
            found.append(np.asarray(session.run(None, {"input_values": values})[0])[0])
            self._done += 1
            progress.report(self._done, self._total, "utterances", f"int8: {text}")
        return found


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
    parts = list(parts_of(config))
    if not waveforms:
        return Quantisation(parts=len(parts))
    listener = _Listener(config, weights, opset, parts)
    number = len(waveforms)
    listener.expect(2 * number)
    exact = listener.logits(parts, waveforms, "everything in float32")
    texts = [_text(logits, vocabulary) for logits in exact]

    def agreeing(in_float32: Sequence[str]) -> int:
        what = f"{len(in_float32)} of {len(parts)} parts in float32" if in_float32 else "everything in int8"
        found = listener.logits(in_float32, waveforms, what)
        return sum(_text(logits, vocabulary) == text for logits, text in zip(found, texts, strict=True))

    in_int8 = agreeing(())

    def quantisation(in_float32: Sequence[str], same: int) -> Quantisation:
        kept = tuple(part for part in parts if part in in_float32)
        return Quantisation(kept, len(parts), number, same, in_int8, texts.count(""), least_agreement)

    # 0.55 of 100 is 55, and not 55.00000000000001.
    enough = math.ceil(round(least_agreement * number, 6))
    if in_int8 >= enough:
        listener.finish()
        return quantisation((), in_int8)
    few = waveforms[:_UTTERANCES_FOR_ROUNDING]
    listener.expect(len(parts) * len(few) + math.ceil(math.log2(len(parts))) * number)
    ordered = _by_rounding(config, exact, lambda part: listener.logits(set(parts) - {part}, few, f"{part} alone"))
    # The fewest parts, counted from the front, that are enough; all of them always are.
    low, high, best = 1, len(ordered), quantisation(parts, number)
    while low < high:
        middle = (low + high) // 2
        same = agreeing(ordered[:middle])
        if same >= enough:
            high, best = middle, quantisation(ordered[:middle], same)
        else:
            low = middle + 1
    listener.finish()
    return best


def _by_rounding(
    config: Wav2Vec2Config, exact: Sequence[_Logits], logits_with: Callable[[str], list[_Logits]]
) -> list[str]:
    """Returns the parts, those first whose rounding moves the logits most for the work that int8 saves there.

    Args:
      config: The architecture.
      exact: What the first utterances give in float32.
      logits_with: Returns what they give with one part in int8.
    """
    parts = parts_of(config)
    rounding = {}
    for part, work in parts.items():
        squares = [np.square(one - other).sum() for one, other in zip(logits_with(part), exact, strict=False)]
        rounding[part] = float(np.sum(squares)) / work
    return sorted(parts, key=lambda part: rounding[part], reverse=True)


def _text(logits: _Logits, vocabulary: Vocabulary) -> str:
    return vocabulary.decode_greedy(logits.argmax(axis=-1))
