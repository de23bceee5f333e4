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
      shape: The shape of the variable.
      optional: Whether a checkpoint may lack it; the variable is then set to zeros, and the report says so.
    """

    variable: str
    sources: tuple[str, ...]
    axes: Axes
    shape: tuple[int, ...]
    optional: bool = False

    @property
    def source_shape(self) -> tuple[int, ...]:
        """The shape that the tensor has in the checkpoint."""
        return self.shape if self.axes == "same" else tuple(reversed(self.shape))


def to_ours(axes: Axes, tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a checkpoint's tensor with the axes of the model's variable."""
    return _TO_OURS[axes](tensor)


def to_published(axes: Axes, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a variable's value with the axes of the checkpoint: each change is its own inverse."""
    return np.ascontiguousarray(_TO_OURS[axes](value))


def rows(config: Wav2Vec2Config, head: Head = "ctc", layout: SourceLayout = "huggingface") -> list[Row]:
    """Returns the table of an architecture with a head: a row for each variable, and for nothing else."""
    return [_row(parameter, config, head, layout) for parameter in _parameters(config, head)]


def is_of_backbone(variable: str) -> bool:
    """Whether a variable belongs to the backbone, and not to what stands on it."""
    return variable.startswith(_BACKBONE)


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


_BACKBONE = "wav2vec2/"

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
    """A variable, its axes and shape, and its name in the two PyTorch layouts, below the model in the checkpoint.

    `$weight_g` and `$weight_v` stand for the two spellings of weight norm.
    """

    variable: str
    axes: Axes
    shape: tuple[int, ...]
    huggingface: str
    fairseq: str


class _Module(NamedTuple):
    """A module with a weight and a bias, the sizes of the weight, and the module's name in each place.

    The sizes of a norm are its channels; those of a dense layer `(in, out)`; of a convolution `(kernel, in, out)`.
    """

    kind: Literal["dense", "norm", "conv"]
    sizes: tuple[int, ...]
    variable: str
    huggingface: str
    fairseq: str

    def parameters(self, bias: bool = True) -> Iterator[_Parameter]:
        """The module's weight and, unless there is none, its bias."""
        weight, bias_name = ("gamma", "beta") if self.kind == "norm" else ("kernel", "bias")
        axes: Axes = "same" if self.kind == "norm" else self.kind
        here, there, fairseq = self.variable, self.huggingface, self.fairseq
        yield _Parameter(f"{here}/{weight}", axes, self.sizes, f"{there}.weight", f"{fairseq}.weight")
        if bias:
            yield _Parameter(f"{here}/{bias_name}", "same", self.sizes[-1:], f"{there}.bias", f"{fairseq}.bias")


def _encoder_layer(config: Wav2Vec2Config) -> Iterator[_Module]:
    width, inner = config.hidden_size, config.intermediate_size
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        yield _Module("dense", (width, width), f"attention/{name}", f"attention.{name}", f"self_attn.{name}")
    yield _Module("norm", (width,), "layer_norm", "layer_norm", "self_attn_layer_norm")
    inner_layers = (("intermediate_dense", (width, inner), "fc1"), ("output_dense", (inner, width), "fc2"))
    for name, sizes, fairseq in inner_layers:
        yield _Module("dense", sizes, f"feed_forward/{name}", f"feed_forward.{name}", fairseq)
    yield _Module("norm", (width,), "final_layer_norm", "final_layer_norm", "final_layer_norm")
    if config.has_attention_adapters:
        # fairseq has no attention adapters of this form: its names here are those of transformers.
        narrow = config.adapter_attn_dim or 0
        yield _Module("norm", (width,), "adapter_layer/norm", *["adapter_layer.norm"] * 2)
        yield _Module("dense", (width, narrow), "adapter_layer/linear_1", *["adapter_layer.linear_1"] * 2)
        yield _Module("dense", (narrow, width), "adapter_layer/linear_2", *["adapter_layer.linear_2"] * 2)


def _head(config: Wav2Vec2Config, head: Head) -> Iterator[_Parameter]:
    if head == "ctc":
        yield from _Module("dense", (config.output_size, config.vocab_size), "lm_head", "lm_head", "proj").parameters()
    elif head == "pretraining":
        codes = config.num_codevector_groups * config.num_codevectors_per_group
        codevectors = (1, codes, config.codevector_dim // config.num_codevector_groups)
        yield _Parameter("quantizer/codevectors", "same", codevectors, "quantizer.codevectors", "quantizer.vars")
        for sizes, variable, huggingface, fairseq in (
            ((config.conv_dim[-1], codes), "quantizer/weight_proj", *["quantizer.weight_proj"] * 2),
            ((config.output_size, config.proj_codevector_dim), "project_hid", "project_hid", "final_proj"),
            ((config.codevector_dim, config.proj_codevector_dim), "project_q", *["project_q"] * 2),
        ):
            yield from _Module("dense", sizes, variable, huggingface, fairseq).parameters()


def _parameters(config: Wav2Vec2Config, head: Head) -> Iterator[_Parameter]:
    for parameter in _backbone(config):
        yield parameter._replace(variable=f"{_BACKBONE}{parameter.variable}")
    yield from _head(config, head)


def _backbone(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    width, features = config.hidden_size, config.conv_dim[-1]
    yield _Parameter("masked_spec_embed", "same", (width,), "masked_spec_embed", "mask_emb")
    channels = (1, *config.conv_dim)
    for index, kernel in enumerate(config.conv_kernel):
        there = f"feature_extractor.conv_layers.{index}"
        sizes = (kernel, channels[index], channels[index + 1])
        convolution = _Module("conv", sizes, f"feature_extractor/conv_{index}", f"{there}.conv", f"{there}.0")
        yield from convolution.parameters(bias=config.conv_bias)
        if config.feat_extract_norm == "layer" or index == 0:
            # fairseq wraps the layer norm between two transpositions, and the group norm in nothing.
            place = "2.1" if config.feat_extract_norm == "layer" else "2"
            name = f"feature_extractor/norm_{index}"
            yield from _Module("norm", sizes[-1:], name, f"{there}.layer_norm", f"{there}.{place}").parameters()
    here, there = "feature_projection", "feature_projection"
    if config.feat_proj_layer_norm:
        norm = _Module("norm", (features,), f"{here}/layer_norm", f"{there}.layer_norm", "layer_norm")
        yield from norm.parameters()
    projection = _Module("dense", (features, width), f"{here}/projection", f"{there}.projection", "post_extract_proj")
    yield from projection.parameters()
    yield from _positional_convolution(config)
    yield from _Module("norm", (width,), "encoder/layer_norm", "encoder.layer_norm", "encoder.layer_norm").parameters()
    for index in range(config.num_hidden_layers):
        there = f"encoder.layers.{index}"
        for kind, sizes, variable, huggingface, fairseq in _encoder_layer(config):
            yield from _Module(
                kind, sizes, f"encoder/layer_{index}/{variable}", f"{there}.{huggingface}", f"{there}.{fairseq}"
            ).parameters()
    if config.add_adapter:
        yield from _convolutional_adapter(config)


def _positional_convolution(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    here, there, fairseq = "encoder/pos_conv_embed", "encoder.pos_conv_embed", "encoder.pos_conv.0"
    kernel, width = config.num_conv_pos_embeddings, config.hidden_size
    shape = (kernel, width // config.num_conv_pos_embedding_groups, width)
    if config.conv_pos_batch_norm:
        norm = _Module("norm", (width,), f"{here}/batch_norm", f"{there}.batch_norm", fairseq)
        yield from norm.parameters()
        for ours, theirs in (("moving_mean", "running_mean"), ("moving_variance", "running_var")):
            names = f"{norm.huggingface}.{theirs}", f"{norm.fairseq}.{theirs}"
            yield _Parameter(f"{norm.variable}/{ours}", "same", (width,), *names)
        yield _Parameter(f"{here}/kernel", "conv", shape, f"{there}.conv.weight", "encoder.pos_conv.1.weight")
        yield _Parameter(f"{here}/bias", "same", (width,), f"{there}.conv.bias", "encoder.pos_conv.1.bias")
        return
    for name, sizes in (("weight_g", (kernel, 1, 1)), ("weight_v", shape)):
        yield _Parameter(f"{here}/{name}", "conv", sizes, f"{there}.conv.${name}", f"{fairseq}.${name}")
    yield _Parameter(f"{here}/bias", "same", (width,), f"{there}.conv.bias", f"{fairseq}.bias")


def _convolutional_adapter(config: Wav2Vec2Config) -> Iterator[_Parameter]:
    # fairseq has no such adapter: its names here are those of transformers.
    width = config.output_size
    modules = [
        _Module(
            "conv",
            (config.adapter_kernel_size, width, 2 * width),
            f"adapter/conv_{index}",
            *[f"adapter.layers.{index}.conv"] * 2,
        )
        for index in range(config.num_adapter_layers)
    ]
    if width != config.hidden_size:
        modules += [
            _Module("dense", (config.hidden_size, width), "adapter/proj", *["adapter.proj"] * 2),
            _Module("norm", (width,), "adapter/proj_layer_norm", *["adapter.proj_layer_norm"] * 2),
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
    variable, axes, shape = parameter.variable, parameter.axes, parameter.shape
    # transformers' conversions of 2021 lost the masking vector of fine-tuned models: wav2vec2-base-960h, for one, has
    # none, though its config.json masks.
    may_have_lost_it = layout == "huggingface" and head != "pretraining"
    optional = variable.endswith("masked_spec_embed") and (may_have_lost_it or not config.has_mask_vector)
    if layout == "ancestor":
        return Row(variable, (ancestor_variable_name(variable, head == "ctc"),), "same", shape, optional)
    on_backbone = is_of_backbone(variable)
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
    return Row(variable, names, axes, shape, optional)
