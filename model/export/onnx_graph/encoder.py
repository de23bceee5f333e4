"""The feature projection and the transformer in ONNX."""

from __future__ import annotations

import numpy as np

from model.config import Wav2Vec2Config
from model.export.onnx_graph.activations import add_activation
from model.export.onnx_graph.products import Products

_PATH = "wav2vec2/encoder"
# Added to the scores of padded frames: their softmax weight is exactly 0.
_MASKED_SCORE = -1e9
_BATCH_NORM_EPSILON = 1e-5
# PyTorch's default epsilon, whatever `layer_norm_eps` says.
_ADAPTER_EPSILON = 1e-5
_HEADS_FIRST, _HEADS_FIRST_CHANNELS_NEXT = [0, 2, 1, 3], [0, 2, 3, 1]


def add_projection(products: Products, config: Wav2Vec2Config, frames: str) -> str:
    """Adds `FeatureProjection`; the width becomes `hidden_size`."""
    path = "wav2vec2/feature_projection"
    if config.feat_proj_layer_norm:
        frames = products.layer_norm(frames, f"{path}/layer_norm", config.layer_norm_eps)
    return products.dense(frames, f"{path}/projection")


def add_encoder(products: Products, config: Wav2Vec2Config, hidden: str, valid: str | None) -> str:
    """Adds `Encoder`.

    Args:
      products: The weights, and the graph.
      config: The architecture.
      hidden: float32 `[batch, frames, hidden_size]`.
      valid: bool `[batch, frames]`; None where all are valid.

    Returns:
      float32, in the shape of `hidden`.
    """
    graph = products.graph
    key_bias = None
    if valid is not None:
        hidden = _masked(products, hidden, valid)
        scores = graph.add("Where", valid, graph.constant(0.0, np.float32), graph.constant(_MASKED_SCORE, np.float32))
        key_bias = graph.add("Unsqueeze", scores, graph.integers(1, 2))
    with graph.scope("pos_conv_embed"):
        hidden = graph.add("Add", hidden, _positional_convolution(products, config, hidden, valid))
    if not config.do_stable_layer_norm:
        hidden = products.layer_norm(hidden, f"{_PATH}/layer_norm", config.layer_norm_eps)
    for index in range(config.num_hidden_layers):
        with graph.scope(f"layer_{index}"):
            hidden = _layer(products, config, f"{_PATH}/layer_{index}", hidden, key_bias)
    if config.do_stable_layer_norm:
        hidden = products.layer_norm(hidden, f"{_PATH}/layer_norm", config.layer_norm_eps)
    return hidden


def _masked(products: Products, hidden: str, valid: str) -> str:
    graph = products.graph
    of_frames = graph.add("Unsqueeze", valid, graph.integers(2))
    return graph.add("Where", of_frames, hidden, graph.constant(0.0, np.float32))


def _positional_convolution(products: Products, config: Wav2Vec2Config, hidden: str, valid: str | None) -> str:
    graph, path = products.graph, f"{_PATH}/pos_conv_embed"
    if config.conv_pos_batch_norm:
        gamma, beta, mean, variance = (
            products.weight(f"{path}/batch_norm/{name}").astype(np.float64)
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        gain = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        hidden = graph.add("Mul", hidden, graph.constant(gain, np.float32))
        hidden = graph.add("Add", hidden, graph.constant(beta - gain * mean, np.float32))
        if valid is not None:
            hidden = _masked(products, hidden, valid)
        kernel = products.weight(f"{path}/kernel")
    else:
        v = products.weight(f"{path}/weight_v").astype(np.float64)
        norm = np.sqrt(np.square(v).sum(axis=(1, 2), keepdims=True))
        kernel = (products.weight(f"{path}/weight_g") * v / norm).astype(np.float32)
    size = config.num_conv_pos_embeddings
    embedding = graph.add(
        "Conv",
        graph.add("Transpose", hidden, perm=[0, 2, 1]),
        graph.constant(kernel.transpose(2, 1, 0)),
        graph.constant(products.weight(f"{path}/bias")),
        group=config.num_conv_pos_embedding_groups,
        # PyTorch pads by half on both sides, and drops the last frame of an even kernel.
        pads=[size // 2, size // 2 - 1 + size % 2],
        kernel_shape=[size],
    )
    activated = add_activation(graph, config.feat_extract_activation, embedding)
    return graph.add("Transpose", activated, perm=[0, 2, 1])


def _layer(products: Products, config: Wav2Vec2Config, path: str, hidden: str, key_bias: str | None) -> str:
    graph, epsilon = products.graph, config.layer_norm_eps

    def sum_of(residual: str, update: str) -> str:
        # A sum and the layer norm behind it are one step in onnxruntime, if it knows that the shapes are equal.
        for tensor in (residual, update):
            graph.say_shape(tensor, np.float32, ["batch", "encoder_frames", config.hidden_size])
        return graph.add("Add", residual, update)

    if not config.do_stable_layer_norm:
        attended = sum_of(hidden, _attention(products, config, f"{path}/attention", hidden, key_bias))
        hidden = products.layer_norm(attended, f"{path}/layer_norm", epsilon)
        fed = sum_of(hidden, _feed_forward(products, config, f"{path}/feed_forward", hidden))
        return products.layer_norm(fed, f"{path}/final_layer_norm", epsilon)
    normalised = products.layer_norm(hidden, f"{path}/layer_norm", epsilon)
    hidden = sum_of(hidden, _attention(products, config, f"{path}/attention", normalised, key_bias))
    normalised = products.layer_norm(hidden, f"{path}/final_layer_norm", epsilon)
    hidden = sum_of(hidden, _feed_forward(products, config, f"{path}/feed_forward", normalised))
    if config.has_attention_adapters:
        hidden = sum_of(hidden, _attention_adapter(products, f"{path}/adapter_layer", hidden))
    return hidden


def _attention(products: Products, config: Wav2Vec2Config, path: str, hidden: str, key_bias: str | None) -> str:
    graph, heads = products.graph, config.num_attention_heads
    size = config.hidden_size // heads
    scale = np.float32(size**-0.5)
    kernel, bias = {}, {}
    for name in ("q", "k", "v", "out"):
        kernel[name] = products.weight(f"{path}/{name}_proj/kernel")
        bias[name] = products.weight(f"{path}/{name}_proj/bias")
    with graph.scope("attention"):
        query = products.product(hidden, kernel["q"] * scale, bias["q"] * scale)
        # A bias of the keys adds the same to all scores of a frame, which the softmax takes away.
        key = products.product(hidden, kernel["k"])
        # The weights of a frame add up to 1, so a bias of the values passes through them, into the output's.
        value = products.product(hidden, kernel["v"])
        bias_of_output = bias["out"] + (bias["v"].astype(np.float64) @ kernel["out"]).astype(np.float32)
        by_head = graph.integers(0, 0, heads, size)
        query, value = (
            graph.add("Transpose", graph.add("Reshape", tensor, by_head), perm=_HEADS_FIRST)
            for tensor in (query, value)
        )
        key = graph.add("Transpose", graph.add("Reshape", key, by_head), perm=_HEADS_FIRST_CHANNELS_NEXT)
        scores = graph.add("MatMul", query, key)
        if key_bias is not None:
            scores = graph.add("Add", scores, key_bias)
        context = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
        context = graph.add("Transpose", context, perm=_HEADS_FIRST)
        context = graph.add("Reshape", context, graph.integers(0, 0, config.hidden_size))
        return products.product(context, kernel["out"], bias_of_output)


def _feed_forward(products: Products, config: Wav2Vec2Config, path: str, hidden: str) -> str:
    with products.graph.scope("feed_forward"):
        inner = products.dense(hidden, f"{path}/intermediate_dense")
        return products.dense(add_activation(products.graph, config.hidden_act, inner), f"{path}/output_dense")


def _attention_adapter(products: Products, path: str, hidden: str) -> str:
    with products.graph.scope("adapter_layer"):
        inner = products.dense(products.layer_norm(hidden, f"{path}/norm", _ADAPTER_EPSILON), f"{path}/linear_1")
        return products.dense(products.graph.add("Relu", inner), f"{path}/linear_2")
