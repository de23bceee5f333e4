"""fairseq's settings of a model as fields of the published `config.json`.

Source: fairseq's `Wav2Vec2Config` and `HubertConfig`, for the names and defaults, and the models of the same files for
what the settings do; Hugging Face transformers' `Wav2Vec2Config` and `HubertConfig`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from model.checkpoint.fairseq_settings import FairseqSettings, parse_conv_layers
from model.checkpoint.readers.byte_file import shown
from model.errors import CheckpointError

_EXTRACTOR_MODES: Mapping[str, str] = {"default": "group", "layer_norm": "layer"}
# fairseq's gelu_fast is its older name of gelu_accurate, the approximation with tanh.
_ACTIVATIONS: Mapping[str, str] = {
    "relu": "relu",
    "relu_squared": "relu2",
    "gelu": "gelu",
    "gelu_fast": "gelu_accurate",
    "gelu_accurate": "gelu_accurate",
    "tanh": "tanh",
    "linear": "linear",
    "swish": "swish",
}

# What fairseq can build and the published architecture cannot: the setting, fairseq's default, and what it would be.
_NOT_PUBLISHED: tuple[tuple[str, Any, str], ...] = (
    ("layer_type", "transformer", "another kind of encoder layer"),
    ("attn_type", "", "another kind of attention"),
    ("pos_enc_type", "abs", "relative positions"),
    ("relative_position_embedding", False, "relative positions"),
    ("quantize_input", False, "a quantizer at the encoder's input"),
    ("pos_conv_depth", 1, "a stack of positional convolutions"),
    ("crop_seq_to_multiple", 1, "cropped features"),
)
# The same of the heads of pre-training, which fine-tuning takes away.
_NOT_PUBLISHED_HEADS: tuple[tuple[str, Any, str], ...] = (
    ("target_glu", False, "a gated layer at the targets"),
    ("quantizer_depth", 1, "a quantizer of several layers"),
)


def refuse_the_unpublished(model: FairseqSettings, name: str, is_fine_tuned: bool) -> None:
    """Checks that the published architecture has what the settings ask for.

    Raises:
      CheckpointError: it has not.
    """
    for setting, neutral, what in _NOT_PUBLISHED + (() if is_fine_tuned else _NOT_PUBLISHED_HEADS):
        value = model.get(setting)
        if value is not None and value != neutral:
            raise not_published(setting, value, what, model.where)
    if model.flag("conv_pos_batch_norm", False) and name != "hubert":
        raise not_published("conv_pos_batch_norm", True, "batch norm at the positions", model.where)


def not_published(setting: str, value: Any, what: str, where: str) -> CheckpointError:
    """Returns the refusal of a setting that the published architecture has no field for."""
    return CheckpointError(
        f"{where} asks for {setting}={shown(value)}, {what}, which the published architecture of Wav2Vec2 and HuBERT"
        " has not; choose a checkpoint without it."
    )


def _chosen(model: FairseqSettings, setting: str, default: str, names: Mapping[str, str]) -> str:
    value = model.text(setting, default)
    if value not in names:
        raise CheckpointError(
            f"The setting {setting} of {model.where} must be one of {', '.join(names)}, not {shown(value)}; choose a"
            " checkpoint without it."
        )
    return names[value]


def architecture_fields(model: FairseqSettings, name: str, tensors: Iterable[str]) -> dict[str, Any]:
    """Returns the fields that describe the network.

    Args:
      model: The settings of the pre-trained model.
      name: `wav2vec2` or `hubert`.
      tensors: The names of the tensors.

    Raises:
      CheckpointError: a setting is impossible, or the network has no projection to the encoder.
    """
    # The default of fairseq since 2021; before, `args` always held the setting.
    text = model.text("conv_feature_layers", "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]")
    layers = parse_conv_layers(text, model.where)
    hidden_size = model.integer("encoder_embed_dim", 768)
    if layers[-1][0] == hidden_size and not any(tensor.endswith("post_extract_proj.weight") for tensor in tensors):
        raise not_published("encoder_embed_dim", hidden_size, "as many as the last convolution's channels", model.where)
    fields: dict[str, Any] = {
        "hidden_size": hidden_size,
        "num_hidden_layers": model.integer("encoder_layers", 12),
        "num_attention_heads": model.integer("encoder_attention_heads", 12),
        "intermediate_size": model.integer("encoder_ffn_embed_dim", 3072),
        "hidden_act": _chosen(model, "activation_fn", "gelu", _ACTIVATIONS),
        "do_stable_layer_norm": model.flag("layer_norm_first", False),
        "conv_dim": [layer[0] for layer in layers],
        "conv_kernel": [layer[1] for layer in layers],
        "conv_stride": [layer[2] for layer in layers],
        "conv_bias": model.flag("conv_bias", False),
        "feat_extract_norm": _chosen(model, "extractor_mode", "default", _EXTRACTOR_MODES),
        "num_conv_pos_embeddings": model.integer("conv_pos", 128),
        "num_conv_pos_embedding_groups": model.integer("conv_pos_groups", 16),
        # These are no settings of fairseq: it has them so.
        "feat_extract_activation": "gelu",
        "layer_norm_eps": 1e-5,
        "initializer_range": 0.02,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    if name == "hubert":
        fields["feat_proj_layer_norm"] = True
        fields["conv_pos_batch_norm"] = model.flag("conv_pos_batch_norm", False)
    return fields


def regularisation_fields(model: FairseqSettings, head: FairseqSettings | None) -> dict[str, Any]:
    """Returns the fields of dropout and masking.

    Args:
      model: The settings of the pre-trained model, overridden by those of fine-tuning.
      head: The settings of fine-tuning, if it was fine-tuned.

    Raises:
      CheckpointError: a setting is impossible.
    """
    return {
        "hidden_dropout": model.number("dropout", 0.1),
        "attention_dropout": model.number("attention_dropout", 0.1),
        "activation_dropout": model.number("activation_dropout", 0.0),
        "feat_proj_dropout": model.number("dropout_input", 0.0),
        "final_dropout": head.number("final_dropout", 0.0) if head else 0.0,
        "layerdrop": model.number("encoder_layerdrop", 0.0),
        # Pre-training always masks; fine-tuning only when told.
        "apply_spec_augment": head.flag("apply_mask", False) if head else True,
        "mask_time_prob": model.number("mask_prob", 0.65),
        "mask_time_length": model.integer("mask_length", 10),
        "mask_time_min_masks": 2,
        "mask_feature_prob": model.number("mask_channel_prob", 0.0),
        "mask_feature_length": model.integer("mask_channel_length", 10),
        "mask_feature_min_masks": 0,
    }


def quantizer_fields(model: FairseqSettings) -> dict[str, Any]:
    """Returns the fields of pre-training's quantizer and contrastive loss.

    Raises:
      CheckpointError: a setting is impossible.
    """
    final_dim = model.integer("final_dim", 0, minimum=0) or model.integer("encoder_embed_dim", 768)
    return {
        "num_codevectors_per_group": model.integer("latent_vars", 320),
        "num_codevector_groups": model.integer("latent_groups", 2),
        # As fairseq's code has it; its help text speaks of final_dim / latent_groups.
        "codevector_dim": model.integer("latent_dim", 0, minimum=0) or final_dim,
        "proj_codevector_dim": final_dim,
        "num_negatives": model.integer("num_negatives", 100, minimum=0),
        "contrastive_logits_temperature": model.number("logit_temp", 0.1),
        "feat_quantizer_dropout": model.number("dropout_features", 0.0),
    }
