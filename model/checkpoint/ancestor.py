"""Checkpoints of gsoc-wav2vec2, the TensorFlow work that this package succeeds: its `config.json`, its `tf_model.h5`.

Source: vasudevgupta7/gsoc-wav2vec2, `src/wav2vec2/config.py`, `modeling.py`, `encoder.py`, `feature_extractor.py`, and
Keras 2's HDF5 weights, which put each variable under the name of the layer that the model holds. The axes are
TensorFlow's, as ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from model.checkpoint.readers.byte_file import shown
from model.errors import CheckpointError

# Names that no published config.json has.
_MARKERS = frozenset(
    {
        "num_heads",
        "num_layers",
        "filter_sizes",
        "kernal_sizes",
        "strides",
        "attention_norm_type",
        "feature_extractor_norm_type",
        "is_robust",
        "is_gelu_approx",
        "survival_prob",
        "pad_id",
    }
)

# Its fields in the order of its own class, with the defaults of that class.
_DEFAULTS: Mapping[str, Any] = {
    "vocab_size": 32,
    "dropout": 0.1,
    "hidden_size": 768,
    "num_heads": 12,
    "num_layers": 12,
    "intermediate_size": 3072,
    "is_gelu_approx": False,
    "layer_norm_eps": 1e-5,
    "survival_prob": 1.0,
    "pad_id": 0,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "filter_sizes": (512, 512, 512, 512, 512, 512, 512),
    "kernal_sizes": (10, 3, 3, 3, 3, 2, 2),
    "strides": (5, 2, 2, 2, 2, 2, 2),
    "conv_bias": False,
    "apply_spec_augment": True,
    "mask_time_prob": 0.05,
    "mask_time_length": 10,
    "attention_norm_type": "postnorm",
    "feature_extractor_norm_type": "group",
    "is_robust": False,
}

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "attention_norm_type": ("prenorm", "postnorm"),
    "feature_extractor_norm_type": ("group", "layer"),
}
_POSITIVE = ("vocab_size", "hidden_size", "num_heads", "num_layers", "intermediate_size", "mask_time_length")
_POSITIVE_AT_POSITIONS = ("num_conv_pos_embeddings", "num_conv_pos_embedding_groups")
_SHARES = ("dropout", "survival_prob", "mask_time_prob")
_FLAGS = ("is_gelu_approx", "conv_bias", "apply_spec_augment", "is_robust")
_LAYER_LISTS = ("filter_sizes", "kernal_sizes", "strides")

_MAX_INTEGER = 1_000_000

# Our variable paths below `wav2vec2/`, and the names that the ancestor gives the same variables.
_RENAMED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"feature_extractor/conv_(\d+)/(kernel|bias)"), r"feature_extractor/conv_layers/\1/conv/\2"),
    (re.compile(r"feature_extractor/norm_(\d+)/(gamma|beta)"), r"feature_extractor/conv_layers/\1/layer_norm/\2"),
    (re.compile(r"(feature_projection/layer_norm/(?:gamma|beta))"), r"\1"),
    (re.compile(r"(feature_projection/projection/(?:kernel|bias))"), r"\1"),
    (re.compile(r"encoder/pos_conv_embed/(weight_g|weight_v|bias)"), r"encoder/pos_conv_embed/conv/\1"),
    (re.compile(r"(encoder/layer_norm/(?:gamma|beta))"), r"\1"),
    (
        re.compile(
            r"encoder/layer_(\d+)/("
            r"attention/(?:q_proj|k_proj|v_proj|out_proj)/(?:kernel|bias)"
            r"|feed_forward/(?:intermediate_dense|output_dense)/(?:kernel|bias)"
            r"|(?:layer_norm|final_layer_norm)/(?:gamma|beta))"
        ),
        r"encoder/layers/\1/\2",
    ),
    (re.compile(r"(masked_spec_embed)"), r"\1"),
)
_HEAD = re.compile(r"lm_head/(?:kernel|bias)")
# The layers that its model without a head holds itself; Keras puts each one's variables under the layer's name.
_LAYER_OF_BACKBONE = re.compile(r"feature_extractor/conv_layers/\d+|feature_projection|encoder")


def is_ancestor_config(value: Mapping[str, Any]) -> bool:
    """Tells whether a `config.json` has the ancestor's field names rather than the published ones."""
    return "model_type" not in value and any(name in _MARKERS for name in value)


def ancestor_fields(value: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the published `config.json` fields that the ancestor's own `config.json` implies.

    A field that is missing has the ancestor's default. Its one `dropout` stands for five; `survival_prob` is the
    probability that stochastic depth keeps a layer, which is 1 − LayerDrop.

        >>> fields = ancestor_fields({"num_heads": 16, "hidden_size": 1024}, "config.json")
        >>> fields["num_attention_heads"], fields["num_hidden_layers"]
        (16, 12)

    Args:
      value: The content of its `config.json`.
      where: The file, for messages.

    Raises:
      CheckpointError: a field is unknown, has an impossible value, or contradicts another.
    """
    unknown = sorted(name for name in value if name not in _DEFAULTS)
    if unknown:
        raise CheckpointError(
            f"{where} must hold the fields of gsoc-wav2vec2 alone, and also holds"
            f" {', '.join(map(shown, unknown[:5]))}; rename or remove what is strange."
        )
    config = {**_DEFAULTS, **value}
    _check(config, where)
    dropout = float(config["dropout"])
    activation = "gelu_new" if config["is_gelu_approx"] else "gelu"
    return {
        "model_type": "wav2vec2",
        "vocab_size": config["vocab_size"],
        "pad_token_id": config["pad_id"],
        "hidden_size": config["hidden_size"],
        "num_hidden_layers": config["num_layers"],
        "num_attention_heads": config["num_heads"],
        "intermediate_size": config["intermediate_size"],
        "hidden_act": activation,
        "layer_norm_eps": float(config["layer_norm_eps"]),
        "do_stable_layer_norm": config["attention_norm_type"] == "prenorm",
        "conv_dim": list(config["filter_sizes"]),
        "conv_kernel": list(config["kernal_sizes"]),
        "conv_stride": list(config["strides"]),
        "conv_bias": config["conv_bias"],
        "feat_extract_norm": config["feature_extractor_norm_type"],
        "feat_extract_activation": activation,
        "num_conv_pos_embeddings": config["num_conv_pos_embeddings"],
        "num_conv_pos_embedding_groups": config["num_conv_pos_embedding_groups"],
        "hidden_dropout": dropout,
        "activation_dropout": dropout,
        "attention_dropout": dropout,
        "feat_proj_dropout": dropout,
        "final_dropout": dropout,
        "layerdrop": round(1.0 - float(config["survival_prob"]), 12),
        "apply_spec_augment": config["apply_spec_augment"],
        "mask_time_prob": float(config["mask_time_prob"]),
        "mask_time_length": config["mask_time_length"],
        "mask_feature_prob": 0.0,
    }


def ancestor_variable_name(variable: str, has_head: bool) -> str:
    """Returns the name of the dataset in `tf_model.h5` that holds one of our variables.

        >>> ancestor_variable_name("wav2vec2/encoder/layer_3/attention/q_proj/kernel", has_head=True)
        'wav2vec2/wav2vec2-ctc/wav2vec2/encoder/layers/3/attention/q_proj/kernel:0'

    Args:
      variable: The path of the variable, as in `model.checkpoint.table`.
      has_head: Whether the file is of its `Wav2Vec2ForCTC` rather than its `Wav2Vec2Model`.

    Raises:
      CheckpointError: the ancestor has no such variable.
    """
    if has_head and _HEAD.fullmatch(variable):
        return f"lm_head/wav2vec2-ctc/{variable}:0"
    root, _, path = variable.partition("/")
    renamed = next((pattern.sub(name, path) for pattern, name in _RENAMED if pattern.fullmatch(path)), None)
    if root != "wav2vec2" or renamed is None:
        raise CheckpointError(
            f"A checkpoint of gsoc-wav2vec2 {'with' if has_head else 'without'} a head has no variable for"
            f" {variable!r}; convert a checkpoint of PyTorch instead."
        )
    if has_head:
        return f"wav2vec2/wav2vec2-ctc/wav2vec2/{renamed}:0"
    layer = _LAYER_OF_BACKBONE.match(renamed)
    # A variable of the model itself, and of none of its layers, lies in a group that Keras names so.
    group = layer.group() if layer else "top_level_model_weights"
    return f"{group}/wav2vec2/{renamed}:0"


def _check(config: Mapping[str, Any], where: str) -> None:
    def require(fits: bool, name: str, rule: str) -> None:
        if not fits:
            raise CheckpointError(f"{name} of {where} must be {rule}, not {shown(config[name])}; correct the file.")

    for name in (*_POSITIVE, *_POSITIVE_AT_POSITIONS):
        require(_is_integer(config[name], minimum=1), name, "a whole number ≥ 1")
    require(_is_integer(config["pad_id"], minimum=0), "pad_id", "a whole number ≥ 0")
    for name in _SHARES:
        require(_is_number(config[name]) and 0 <= config[name] <= 1, name, "a number from 0 to 1")
    require(_is_number(config["layer_norm_eps"]) and config["layer_norm_eps"] > 0, "layer_norm_eps", "a number > 0")
    for name in _FLAGS:
        require(isinstance(config[name], bool), name, "true or false")
    for name, choices in _CHOICES.items():
        require(config[name] in choices, name, f"one of {', '.join(choices)}")
    for name in _LAYER_LISTS:
        numbers = config[name]
        is_list = isinstance(numbers, (list, tuple)) and len(numbers) >= 1
        require(is_list and all(_is_integer(number, minimum=1) for number in numbers), name, "a list of numbers ≥ 1")
    if len({len(config[name]) for name in _LAYER_LISTS}) != 1:
        raise CheckpointError(
            f"filter_sizes, kernal_sizes and strides of {where} must name the same number of layers, not"
            f" {', '.join(str(len(config[name])) for name in _LAYER_LISTS)}; correct the file."
        )
    # Its robust models, and only those, have layer norm in each convolution and are told which frames are padding.
    if config["is_robust"] != (config["feature_extractor_norm_type"] == "layer"):
        raise CheckpointError(
            f"is_robust of {where} must be true with feature_extractor_norm_type 'layer' and false with 'group'; it is"
            f" {config['is_robust']} with {config['feature_extractor_norm_type']!r}: correct the wrong one."
        )


def _is_integer(value: Any, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= _MAX_INTEGER


def _is_number(value: Any) -> bool:
    # The bounds are for infinities, and for whole numbers that are too large for a float; NaN is in no bounds.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_MAX_INTEGER <= value <= _MAX_INTEGER
