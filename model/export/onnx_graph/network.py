"""Whole ONNX models: the one that Hugging Face's tools take, and the one that onnx-asr takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from model.audio import VARIANCE_EPSILON
from model.config import Wav2Vec2Config
from model.export.onnx_graph.adapter import add_adapter
from model.export.onnx_graph.builder import OnnxBuilder
from model.export.onnx_graph.encoder import add_encoder, add_projection
from model.export.onnx_graph.feature_encoder import add_feature_encoder
from model.export.onnx_graph.lengths import encoder_frames, output_frames, valid_frames
from model.export.onnx_graph.products import Precision, Products
from model.export.servable import HIDDEN_STATES, LOGITS

Weights = Mapping[str, np.ndarray[Any, Any]]

# The logarithm of a probability that is none; finite, since those of several frames are added up.
_IMPOSSIBLE = -1e4
_HEAD = "lm_head"


def scoring_model(
    config: Wav2Vec2Config,
    weights: Weights,
    precision: Precision,
    opset: int,
    metadata: Mapping[str, str],
    in_float32: Collection[str] = (),
) -> Any:
    """Builds the model that optimum, transformers.js and `w2v2 transcribe` take.

    Args:
      config: The architecture.
      weights: By the names of `Wav2Vec2Base.named_weights`; with those of `lm_head` it gives logits, without them the
        hidden states of a backbone.
      precision: Of the matrix products.
      opset: The version of ONNX's operators.
      metadata: What the file says of itself.
      in_float32: Parts whose products stay in float32, as `model.export.quantisation` names them.

    Returns:
      An `onnx.ModelProto`: `input_values` float32 `[batch, samples]`, normalised → `logits` float32
      `[batch, frames, vocab_size]`, or `last_hidden_state` float32 `[batch, frames, output_size]`.
    """
    graph = OnnxBuilder("wav2vec2", opset)
    # The head is a thousandth of the work, and the letters are told apart by it.
    products = Products(graph, weights, precision, {*in_float32, _HEAD})
    waveforms = graph.input("input_values", np.float32, ["batch", "samples"])
    hidden = _add_backbone(products, config, waveforms, None)
    if products.has("lm_head/kernel"):
        graph.output(_logits(products, hidden), LOGITS, np.float32, ["batch", "frames", config.vocab_size])
    else:
        graph.output(hidden, HIDDEN_STATES, np.float32, ["batch", "frames", config.output_size])
    return graph.finish(metadata)


def recognising_model(
    config: Wav2Vec2Config,
    weights: Weights,
    precision: Precision,
    opset: int,
    metadata: Mapping[str, str],
    do_normalize: bool,
    blank_id: int,
) -> Any:
    """Builds the model that onnx-asr takes: sound in, with lengths, and logarithms of probabilities out.

    A padded utterance gets what it gets alone; frames behind its end say blank.

    Args:
      config: The architecture.
      weights: By the names of `Wav2Vec2Base.named_weights`.
      precision: Of the matrix products.
      opset: The version of ONNX's operators.
      metadata: What the file says of itself.
      do_normalize: Whether sound is brought to mean 0 and variance 1 before the model sees it.
      blank_id: The token of the CTC blank.

    Returns:
      An `onnx.ModelProto`: `input_values` float32 `[batch, samples]` at 16 kHz, and `input_lengths` int64 `[batch]` →
      `logprobs` float32 `[batch, frames, vocab_size]`.
    """
    graph = OnnxBuilder("wav2vec2_ctc", opset)
    products = Products(graph, weights, precision, {_HEAD})
    sound = graph.input("input_values", np.float32, ["batch", "samples"])
    lengths = graph.input("input_lengths", np.int64, ["batch"])
    with graph.scope("normalisation"):
        sound, lengths = _padded_to_a_frame(graph, config, sound), _within(graph, lengths, sound)
        waveforms = _normalised(graph, sound, lengths, do_normalize)
    logits = _logits(products, _add_backbone(products, config, waveforms, lengths))
    logprobs = graph.add("LogSoftmax", logits, axis=-1)
    num_frames = graph.add("Shape", logprobs, start=1, end=2)
    valid = valid_frames(graph, output_frames(graph, lengths, config), num_frames)
    blank = np.full((1, 1, config.vocab_size), _IMPOSSIBLE, np.float32)
    blank[0, 0, blank_id] = 0.0
    logprobs = graph.add("Where", graph.add("Unsqueeze", valid, graph.integers(2)), logprobs, graph.constant(blank))
    graph.output(logprobs, "logprobs", np.float32, ["batch", "frames", config.vocab_size])
    return graph.finish(metadata)


def _add_backbone(products: Products, config: Wav2Vec2Config, waveforms: str, num_samples: str | None) -> str:
    graph = products.graph
    with graph.scope("feature_extractor"):
        frames = add_feature_encoder(products, config, waveforms, num_samples)
    with graph.scope("feature_projection"):
        hidden = add_projection(products, config, frames)
    num_frames = valid = None
    with graph.scope("encoder"):
        if num_samples is not None:
            num_frames = encoder_frames(graph, num_samples, config)
            valid = valid_frames(graph, num_frames, graph.add("Shape", hidden, start=1, end=2))
        hidden = add_encoder(products, config, hidden, valid)
    if config.add_adapter:
        with graph.scope("adapter"):
            hidden = add_adapter(products, config, hidden, num_frames)
    return hidden


def _logits(products: Products, hidden: str) -> str:
    with products.graph.scope(_HEAD):
        return products.dense(hidden, _HEAD)


def _padded_to_a_frame(graph: OnnxBuilder, config: Wav2Vec2Config, sound: str) -> str:
    samples = graph.add("Shape", sound, start=1, end=2)
    missing = graph.add("Max", graph.add("Sub", graph.integers(config.min_samples), samples), graph.integers(0))
    return graph.add("Pad", sound, graph.add("Concat", graph.integers(0, 0, 0), missing, axis=0))


def _within(graph: OnnxBuilder, lengths: str, sound: str) -> str:
    longest = graph.add("Shape", sound, start=1, end=2)
    return graph.add("Min", graph.add("Max", lengths, graph.integers(0)), longest)


def _normalised(graph: OnnxBuilder, sound: str, lengths: str, do_normalize: bool) -> str:
    valid = graph.cast(valid_frames(graph, lengths, graph.add("Shape", sound, start=1, end=2)), np.float32)
    sound = graph.add("Mul", sound, valid)
    if not do_normalize:
        return sound
    count = graph.cast(graph.add("Max", lengths, graph.integers(1)), np.float32)
    count = graph.add("Unsqueeze", count, graph.integers(1))
    over_samples = graph.integers(1)
    mean = graph.add("Div", graph.add("ReduceSum", sound, over_samples, keepdims=1), count)
    centred = graph.add("Mul", graph.add("Sub", sound, mean), valid)
    squares = graph.add("Mul", centred, centred)
    variance = graph.add("Div", graph.add("ReduceSum", squares, over_samples, keepdims=1), count)
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant(VARIANCE_EPSILON, np.float32)))
    return graph.add("Div", centred, deviation)
