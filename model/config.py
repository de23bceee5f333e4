"""The architecture of a Wav2Vec2 model, in the fields of the published `config.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from model import settings
from model.errors import CheckpointError, ConfigurationError

Activation = Literal["gelu", "gelu_new", "relu", "silu", "swish"]

# What a published config.json may ask for, and this version cannot build: silence would give wrong logits.
_UNSUPPORTED = {"add_adapter": (False, None), "adapter_attn_dim": (None,)}


@dataclasses.dataclass(frozen=True)
class Wav2Vec2Config:
    """Architecture and regularisation of Wav2Vec2, named as in the `config.json` of published checkpoints.

    The defaults are those of `facebook/wav2vec2-base-960h`. Source: Baevski et al. 2020, «wav2vec 2.0: A Framework for
    Self-Supervised Learning of Speech Representations»; the field names are those of Hugging Face transformers.

    Raises:
      ConfigurationError: values do not fit each other, such as a hidden size that the heads do not divide.
    """

    vocab_size: int = 32
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: Activation = "gelu"
    layer_norm_eps: float = 1e-5
    do_stable_layer_norm: bool = False

    conv_dim: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    feat_extract_norm: Literal["group", "layer"] = "group"
    feat_extract_activation: Activation = "gelu"
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16

    hidden_dropout: float = 0.1
    activation_dropout: float = 0.1
    attention_dropout: float = 0.1
    feat_proj_dropout: float = 0.1
    final_dropout: float = 0.1
    layerdrop: float = 0.1
    initializer_range: float = 0.02

    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0

    pad_token_id: int = 0

    def __post_init__(self) -> None:
        lengths = {len(self.conv_dim), len(self.conv_kernel), len(self.conv_stride)}
        settings.require(
            len(lengths) == 1 and lengths != {0},
            "conv_dim, conv_kernel and conv_stride must name the same number of layers, at least one; they name"
            f" {len(self.conv_dim)}, {len(self.conv_kernel)} and {len(self.conv_stride)}.",
        )
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "num_conv_pos_embeddings",
            "num_conv_pos_embedding_groups",
        ):
            settings.require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            settings.require(
                self.hidden_size % getattr(self, name) == 0,
                f"hidden_size must be a multiple of {name}, and {self.hidden_size} is none of {getattr(self, name)}.",
            )
        for name in ("conv_dim", "conv_kernel", "conv_stride"):
            settings.require(min(getattr(self, name)) >= 1, f"{name} must hold numbers ≥ 1, not {getattr(self, name)}.")
        for name in (
            "hidden_dropout",
            "activation_dropout",
            "attention_dropout",
            "feat_proj_dropout",
            "final_dropout",
            "layerdrop",
            "mask_time_prob",
            "mask_feature_prob",
        ):
            settings.require(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), not {getattr(self, name)}.")
        settings.require(
            0 <= self.pad_token_id < self.vocab_size,
            f"pad_token_id, the CTC blank, must be below vocab_size {self.vocab_size}, not {self.pad_token_id}.",
        )

    @classmethod
    def from_published(cls, value: Mapping[str, Any]) -> Wav2Vec2Config:
        """Takes the fields that describe the model from a published `config.json`, and leaves the others.

        Raises:
          CheckpointError: it describes another kind of model, an extension that this version cannot build, or
            impossible values.
        """
        model_type = value.get("model_type", "wav2vec2")
        if model_type != "wav2vec2":
            raise CheckpointError(f"config.json must have model_type 'wav2vec2', not {model_type!r}.")
        for name, neutral in _UNSUPPORTED.items():
            if value.get(name) not in neutral:
                raise CheckpointError(
                    f"config.json asks for {name}={value[name]!r}, and this version of wav2vec2-tfx cannot build that;"
                    " choose a checkpoint without it."
                )
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            return settings.from_mapping(cls, {name: value[name] for name in value if name in known}, "config.json")
        except ConfigurationError as error:
            raise CheckpointError(str(error)) from error

    @classmethod
    def from_file(cls, path: str | Path) -> Wav2Vec2Config:
        """Reads a `config.json`.

        Raises:
          CheckpointError: the file is missing or is no such configuration.
        """
        try:
            value = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} must be a model's config.json: {error}.") from error
        if not isinstance(value, dict):
            raise CheckpointError(f"{path} must hold a JSON object, not {type(value).__name__}.")
        return cls.from_published(value)

    def to_published(self) -> dict[str, Any]:
        """Returns the content of a `config.json` that transformers, and `from_published`, read."""
        return {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"], **settings.to_mapping(self)}

    @property
    def samples_per_frame(self) -> int:
        """The total stride of the feature encoder, in samples."""
        stride = 1
        for layer_stride in self.conv_stride:
            stride *= layer_stride
        return stride

    @property
    def min_samples(self) -> int:
        """The shortest utterance that gives a frame, in samples."""
        samples = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def num_frames(self, num_samples: Any, layers: int | None = None) -> Any:
        """Returns the number of frames after the first `layers` convolutions (all of them by default).

        Args:
          num_samples: An int, or an integer array or tensor of any shape; values below `min_samples` give 0 or less.
          layers: How many of the convolutions to count.
        """
        length = num_samples
        for kernel, stride in list(zip(self.conv_kernel, self.conv_stride, strict=True))[:layers]:
            length = (length - kernel) // stride + 1
        return length
