"""Which tensor of a published checkpoint becomes which variable of the model, as one table for each source layout.

Sources: the state dicts of Hugging Face transformers' Wav2Vec2 and HuBERT models; those of fairseq's `wav2vec2.py`,
`wav2vec2_asr.py` and `hubert.py`; the weights of the GSoC'21 project, which this one succeeds, as FACTS of its
`tf_model.h5`. PyTorch 2.1 renamed the two tensors of weight norm; both spellings occur in published files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from model.checkpoint.ancestor import ancestor_variable_name
from model.config import Head, Wav2Vec2Config

SourceLayout = Literal["huggingface", "fairseq", "ancestor"]
Axes = Literal["same", "dense", "conv"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One variable and the tensor that it is set from.

    Attributes:
      variable: The path of the variable in the model, below the model's own name.
      sources: The names that the tensor has in checkpoints of the layout; a checkpoint holds one of them. The first is
        the one to write.
      axes: How the axes change: `same`; `dense` `[out, in]` → `[in, out]`; `conv` `[out, in, kernel]` →
        `[kernel, in, out]`.
      optional: Whether a checkpoint may lack it; the variable is then set to zeros, and the report says so.
    """

    variable: str
    sources: tuple[str, ...]
    axes: Axes
    optional: bool = False


def to_ours(axes: Axes, tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a checkpoint's tensor with the axes of the model's variable."""
    return _TO_OURS[axes](tensor)


def to_published(axes: Axes, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a variable's value with the axes of the checkpoint: each change is its own inverse."""
    return np.ascontiguousarray(_TO_OURS[axes](value))


def source_shape(axes: Axes, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape that a variable of `shape` has in the checkpoint."""
    return shape if axes == "same" else tuple(reversed(shape))


def rows(config: Wav2Vec2Config, head: Head = "ctc", layout: SourceLayout = "huggingface") -> list[Row]:
    """Returns the table of an architecture with a head: a row for each variable, and for nothing else."""
    return [_row(parameter, config, head, layout) for parameter in _parameters(config, head)]


def may_be_left_out(name: str, config: Wav2Vec2Config, layout: SourceLayout) -> bool:
    """Whether a checkpoint may hold this tensor although the model has no use for it.

    These are the heads of pre-training, which a fine-tuned model leaves behind, HuBERT's cluster embeddings, the
    counter of batches of a batch norm, and the masking vector of a model that masks nothing.
    """
    if layout == "ancestor":
        return False
    bare = name.removeprefix("w2v_encoder.w2v_model.") if layout == "fairseq" else name
    if not config.has_mask_vector and bare.endswith(("masked_spec_embed", "mask_emb")):
        return True
    return bare.startswith(_LEFT_OUT_PREFIXES[layout]) or bare.endswith(".num_batches_tracked")


_LEFT_OUT_PREFIXES: dict[SourceLayout, tuple[str, ...]] = {
    "huggingface": ("quantizer.", "project_q.", "project_hid."),
    "fairseq": ("quantizer.", "project_q.", "final_proj.", "label_embs_concat"),
}

_TO_OURS: dict[Axes, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "same": lambda tensor: tensor,
    "dense": lambda tensor: np.transpose(tensor, (1, 0)),
    "conv": lambda tensor: np.transpose(tensor, (2, 1, 0)),
}


class _Parameter(NamedTuple):
    """A variable, its axes, and its name in the two PyTorch layouts, below the model in the checkpoint.

    `$weight_g` and `$weight_v` stand for the two spellings of weight norm.
    """

    variable: str
    axes: Axes
    huggingface: str
    fairseq: str


class _Module(NamedTuple):
    """A module with a weight and a bias, and its name in each place."""

    kind: Literal["dense", "norm", "conv"]
    variable: str
    huggingface: str
    fairseq: str

    def parameters(self, bias: bool = True) -> Iterator[_Parameter]:
        """The module's weight and, unless there is none, its bias."""
        weight_name, bias_name = ("gamma", "beta") if self.kind == "norm" else ("kernel", "bias")
        axes: Axes = "same" if self.kind == "norm" else self.kind
        yield _Parameter(
            f"{self.variable}/{weight_name}", axes, f"{self.huggingface}.weight", f"{self.fairseq}.weight"
        )
        if bias:
            yield _Parameter(f"{self.variable}/{bias_name}", "same", f"{self.huggingface}.bias", f"{self.fairseq}.bias")


_ENCODER_LAYER = (
    *(_Module("dense", f"attention/{n}", f"attention.{n}", f"self_attn.{n}") for n in ("q_proj", "k_proj", "v_proj")),
    _Module("dense", "attention/out_proj", "attention.out_proj", "self_attn.out_proj"),
    _Module("norm", "layer_norm", "layer_norm", "self_attn_layer_norm"),
    _Module("dense", "feed_forward/intermediate_dense", "feed_forward.intermediate_dense", "fc1"),
    _Module("dense", "feed_forward/output_dense", "feed_forward.output_dense", "fc2"),
    _Module("norm", "final_layer_norm", "final_layer_norm", "final_layer_norm"),
)

# fairseq has no attention adapters of this form: its names here are those of transformers.
_ATTENTION_ADAPTER = (
    _Module("norm", "adapter_layer/norm", "adapter_layer.norm", "adapter_layer.norm"),
    _Module("dense", "adapter_layer/linear_1", "adapter_layer.linear_1", "adapter_layer.linear_1"),
    _Module("dense", "adapter_layer/linear_2", "adapter_layer.linear_2", "adapter_layer.linear_2"),
)

_HEADS: dict[Head, tuple[_Parameter, ...]] = {
    "none": (),
    "ctc": tuple(_Module("dense", "lm_head", "lm_head", "proj").parameters()),
    "pretraining": (
        _Parameter("quantizer/codevectors", "same", "quantizer.codevectors", "quantizer.vars"),
        *_Module("dense", "quantizer/weight_proj", "quantizer.weight_proj", "quantizer.weight_proj").parameters(),
        *_Module("dense", "project_hid", "project_hid", "final_proj").parameters(),
        *_Module("dense", "project_q", "project_q", "project_q").parameters(),
    ),
}


def _parameters(config: Wav2Vec2Config, head: Head) -> Iterator[_Parameter]:
    for parameter in _backbone(config):
        yield parameter._replace(variable=f"wav2vec2/{parameter.variable}")
    yield from _HEADS[head]


def _backbone(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    yield _Parameter("masked_spec_embed", "same", "masked_spec_embed", "mask_emb")
    for index in range(len(config.conv_dim)):
        there = f"feature_extractor.conv_layers.{index}"
        convolution = _Module("conv", f"feature_extractor/conv_{index}", f"{there}.conv", f"{there}.0")
        yield from convolution.parameters(bias=config.conv_bias)
        if config.feat_extract_norm == "layer" or index == 0:
            # fairseq wraps the layer norm between two transpositions, and the group norm in nothing.
            place = "2.1" if config.feat_extract_norm == "layer" else "2"
            name = f"feature_extractor/norm_{index}"
            yield from _Module("norm", name, f"{there}.layer_norm", f"{there}.{place}").parameters()
    if config.feat_proj_layer_norm:
        yield from _Module(
            "norm", "feature_projection/layer_norm", "feature_projection.layer_norm", "layer_norm"
        ).parameters()
    yield from _Module(
        "dense", "feature_projection/projection", "feature_projection.projection", "post_extract_proj"
    ).parameters()
    yield from _positional_convolution(config)
    yield from _Module("norm", "encoder/layer_norm", "encoder.layer_norm", "encoder.layer_norm").parameters()
    modules = _ENCODER_LAYER + (_ATTENTION_ADAPTER if config.has_attention_adapters else ())
    for index in range(config.num_hidden_layers):
        for kind, variable, huggingface, fairseq in modules:
            there = f"encoder.layers.{index}"
            yield from _Module(
                kind, f"encoder/layer_{index}/{variable}", f"{there}.{huggingface}", f"{there}.{fairseq}"
            ).parameters()
    if config.add_adapter:
        yield from _convolutional_adapter(config)


def _positional_convolution(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    here, there, fairseq = "encoder/pos_conv_embed", "encoder.pos_conv_embed", "encoder.pos_conv.0"
    if config.conv_pos_batch_norm:
        yield from _Module("norm", f"{here}/batch_norm", f"{there}.batch_norm", fairseq).parameters()
        for ours, theirs in (("moving_mean", "running_mean"), ("moving_variance", "running_var")):
            yield _Parameter(
                f"{here}/batch_norm/{ours}", "same", f"{there}.batch_norm.{theirs}", f"{fairseq}.{theirs}"
            )
        yield _Parameter(f"{here}/kernel", "conv", f"{there}.conv.weight", "encoder.pos_conv.1.weight")
        yield _Parameter(f"{here}/bias", "same", f"{there}.conv.bias", "encoder.pos_conv.1.bias")
        return
    for name in ("weight_g", "weight_v"):
        yield _Parameter(f"{here}/{name}", "conv", f"{there}.conv.${name}", f"{fairseq}.${name}")
    yield _Parameter(f"{here}/bias", "same", f"{there}.conv.bias", f"{fairseq}.bias")


def _convolutional_adapter(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    # fairseq has no such adapter: its names here are those of transformers.
    modules = [
        _Module("conv", f"adapter/conv_{index}", *[f"adapter.layers.{index}.conv"] * 2)
        for index in range(config.num_adapter_layers)
    ]
    if config.output_size != config.hidden_size:
        modules += [
            _Module("dense", "adapter/proj", "adapter.proj", "adapter.proj"),
            _Module("norm", "adapter/proj_layer_norm", "adapter.proj_layer_norm", "adapter.proj_layer_norm"),
        ]
    for module in modules:
        yield from module.parameters()


_SPELLINGS = {
    "$weight_g": ("parametrizations.weight.original0", "weight_g"),
    "$weight_v": ("parametrizations.weight.original1", "weight_v"),
}


def _spellings(name: str) -> tuple[str, ...]:
    for placeholder, spellings in _SPELLINGS.items():
        if name.endswith(placeholder):
            return tuple(name.replace(placeholder, spelling) for spelling in spellings)
    return (name,)


def _row(parameter: _Parameter, config: Wav2Vec2Config, head: Head, layout: SourceLayout) -> Row:
    optional = parameter.variable.endswith("masked_spec_embed") and not config.has_mask_vector
    if layout == "ancestor":
        return Row(parameter.variable, (ancestor_variable_name(parameter.variable, head == "ctc"),), "same", optional)
    on_backbone = parameter.variable.startswith("wav2vec2/")
    if layout == "fairseq":
        # What is fine-tuned wraps what was pre-trained; a head of pre-training stands beside the backbone.
        prefix = ("w2v_encoder.w2v_model." if on_backbone else "w2v_encoder.") if head == "ctc" else ""
        names = _spellings(prefix + parameter.fairseq)
    else:
        # A backbone that was saved alone has no prefix.
        prefixes = (f"{config.model_type}.",) if on_backbone else ("",)
        if head == "none":
            prefixes = ("", *prefixes)
        names = tuple(name for prefix in prefixes for name in _spellings(prefix + parameter.huggingface))
    return Row(parameter.variable, names, parameter.axes, optional)
