"""The architecture of a Wav2Vec2 model, in the fields of the published `config.json`."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from model import settings
from model.errors import CheckpointError, ConfigurationError

# Every activation without parameters that transformers knows by name.
Activation = Literal[
    "gelu",
    "gelu_10",
    "gelu_accurate",
    "gelu_fast",
    "gelu_new",
    "gelu_python",
    "gelu_python_tanh",
    "gelu_pytorch_tanh",
    "hardswish",
    "laplace",
    "leaky_relu",
    "linear",
    "mish",
    "quick_gelu",
    "relu",
    "relu2",
    "relu6",
    "sigmoid",
    "silu",
    "sqrtsoftplus",
    "swish",
    "tanh",
]
ModelType = Literal["wav2vec2", "hubert"]
# More than any model has, so that a false description can ask for no work without end.
_MAX_LAYERS = 1_000
_MAX_SIZE = 1_000_000

# What stands on the backbone: nothing, the quantizer and projections of pre-training, or a CTC head.
Head = Literal["none", "pretraining", "ctc"]

_ARCHITECTURES: Mapping[tuple[str, Head], str] = {
    ("wav2vec2", "none"): "Wav2Vec2Model",
    ("wav2vec2", "pretraining"): "Wav2Vec2ForPreTraining",
    ("wav2vec2", "ctc"): "Wav2Vec2ForCTC",
    ("hubert", "none"): "HubertModel",
    ("hubert", "ctc"): "HubertForCTC",
}


@dataclasses.dataclass(frozen=True)
class Wav2Vec2Config:
    """Architecture and regularisation of Wav2Vec2, named as in the `config.json` of published checkpoints.

    The defaults are those of `facebook/wav2vec2-base-960h`. HuBERT is the same architecture, trained in another way:
    `model_type` tells them apart, and `feat_proj_layer_norm` and `conv_pos_batch_norm` are fields of HuBERT only.
    Source: Baevski et al. 2020, «wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations»;
    Hsu et al. 2021, «HuBERT»; the field names are those of Hugging Face transformers.

    Raises:
      ConfigurationError: values do not fit each other, such as a hidden size that the heads do not divide.
    """

    model_type: ModelType = "wav2vec2"
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
    feat_proj_layer_norm: bool = True
    conv_pos_batch_norm: bool = False

    add_adapter: bool = False
    adapter_kernel_size: int = 3
    adapter_stride: int = 2
    num_adapter_layers: int = 3
    output_hidden_size: int | None = None
    adapter_attn_dim: int | None = None

    num_codevectors_per_group: int = 320
    num_codevector_groups: int = 2
    codevector_dim: int = 256
    proj_codevector_dim: int = 256
    num_negatives: int = 100
    contrastive_logits_temperature: float = 0.1
    diversity_loss_weight: float = 0.1
    feat_quantizer_dropout: float = 0.0

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
        for name in ("num_hidden_layers", "num_adapter_layers"):
            value = getattr(self, name)
            settings.require(value <= _MAX_LAYERS, f"{name} must be at most {_MAX_LAYERS}, not {value}.")
        settings.require(
            len(self.conv_dim) <= _MAX_LAYERS,
            f"conv_dim must name at most {_MAX_LAYERS} layers, and names {len(self.conv_dim)}.",
        )
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "num_conv_pos_embeddings",
            "num_conv_pos_embedding_groups",
            "adapter_kernel_size",
            "adapter_stride",
            "num_adapter_layers",
            "num_codevectors_per_group",
            "num_codevector_groups",
            "codevector_dim",
            "proj_codevector_dim",
            "mask_time_length",
            "mask_feature_length",
        ):
            value = getattr(self, name)
            settings.require(value >= 1, f"{name} must be at least 1, not {value}.")
            settings.require(value <= _MAX_SIZE, f"{name} must be at most {_MAX_SIZE}, not {value}.")
        for name in ("num_negatives", "mask_time_min_masks", "mask_feature_min_masks"):
            settings.require(getattr(self, name) >= 0, f"{name} must be at least 0, not {getattr(self, name)}.")
        for name in ("layer_norm_eps", "contrastive_logits_temperature"):
            value = getattr(self, name)
            settings.require(0 < value < math.inf, f"{name} must be a number above 0, not {value}.")
        for name in ("initializer_range", "diversity_loss_weight"):
            value = getattr(self, name)
            settings.require(0 <= value < math.inf, f"{name} must be a number, at least 0, not {value}.")
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            settings.require(
                self.hidden_size % getattr(self, name) == 0,
                f"hidden_size must be a multiple of {name}, and {self.hidden_size} is none of {getattr(self, name)}.",
            )
        settings.require(
            self.codevector_dim % self.num_codevector_groups == 0,
            "codevector_dim must be a multiple of num_codevector_groups, and"
            f" {self.codevector_dim} is none of {self.num_codevector_groups}.",
        )
        for name in ("output_hidden_size", "adapter_attn_dim"):
            value = getattr(self, name)
            settings.require(
                value is None or 1 <= value <= _MAX_SIZE, f"{name} must be 1 to {_MAX_SIZE}, or null, not {value}."
            )
        settings.require(
            self.add_adapter or self.output_hidden_size in (None, self.hidden_size),
            f"output_hidden_size must be hidden_size, {self.hidden_size}, where there is no adapter to change it; it is"
            f" {self.output_hidden_size}.",
        )
        settings.require(
            self.model_type == "wav2vec2" or not self.add_adapter,
            "add_adapter must be left out with model_type 'hubert', which has no convolutional adapter.",
        )
        settings.require(
            self.model_type == "hubert" or (self.feat_proj_layer_norm and not self.conv_pos_batch_norm),
            "feat_proj_layer_norm=false and conv_pos_batch_norm=true must be left to model_type 'hubert'.",
        )
        for name in ("conv_dim", "conv_kernel", "conv_stride"):
            numbers = getattr(self, name)
            settings.require(
                min(numbers) >= 1 and max(numbers) <= _MAX_SIZE,
                f"{name} must hold numbers from 1 to {_MAX_SIZE}, not {numbers}.",
            )
        for name in (
            "hidden_dropout",
            "activation_dropout",
            "attention_dropout",
            "feat_proj_dropout",
            "final_dropout",
            "feat_quantizer_dropout",
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
          CheckpointError: it describes another kind of model, or impossible values.
        """
        model_type = value.get("model_type", "wav2vec2")
        if model_type not in typing.get_args(ModelType):
            raise CheckpointError(f"config.json must have model_type 'wav2vec2' or 'hubert', not {model_type!r}.")
        # transformers writes it into every config.json; without a convolutional adapter it says nothing.
        says_nothing = () if value.get("add_adapter") else ("output_hidden_size",)
        known = {field.name for field in dataclasses.fields(cls)}.difference(says_nothing)
        nullable = {"output_hidden_size", "adapter_attn_dim"}
        fields = {
            name: item for name, item in value.items() if name in known and (item is not None or name in nullable)
        }
        try:
            return settings.from_mapping(cls, fields, "config.json")
        except ConfigurationError as error:
            raise CheckpointError(str(error)) from error
        except OverflowError as error:
            # A whole number beyond what a float can hold.
            raise CheckpointError(f"config.json must hold numbers of a sensible size: {error}.") from error

    @classmethod
    def from_file(cls, path: str | Path) -> Wav2Vec2Config:
        """Reads a `config.json`.

        Raises:
          CheckpointError: the file is missing or is no such configuration.
        """
        try:
            value = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} must be a model's config.json: {error}.") from error
        if not isinstance(value, dict):
            raise CheckpointError(f"{path} must hold a JSON object, not {type(value).__name__}.")
        return cls.from_published(value)

    def to_published(self, head: Head = "ctc") -> dict[str, Any]:
        """Returns the content of a `config.json` that transformers, and `from_published`, read.

        Args:
          head: What stands on the backbone; it decides what `architectures` names.
        """
        return {"architectures": [_ARCHITECTURES[self.model_type, head]], **settings.to_mapping(self)}

    @property
    def has_attention_adapters(self) -> bool:
        """Whether every layer has an attention adapter; the published post-norm layers have none, whatever is asked."""
        return self.adapter_attn_dim is not None and self.do_stable_layer_norm

    @property
    def has_mask_vector(self) -> bool:
        """Whether the published model has the learned vector of masked frames; without masking it has none."""
        return self.mask_time_prob > 0 or self.mask_feature_prob > 0

    @property
    def output_size(self) -> int:
        """The width of what the backbone gives: the encoder's, or that of the adapter on it."""
        return (self.output_hidden_size or self.hidden_size) if self.add_adapter else self.hidden_size

    @property
    def samples_per_frame(self) -> int:
        """The total stride of the feature encoder, in samples."""
        stride = 1
        for layer_stride in self.conv_stride:
            stride *= layer_stride
        return stride

    @property
    def min_samples(self) -> int:
        """The shortest utterance that gives a frame, in samples: 400 in the published models."""
        samples = 1
        for _ in range(self.num_adapter_layers if self.add_adapter else 0):
            samples = max((samples - 1) * self.adapter_stride + self.adapter_kernel_size - 2, 1)
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def num_frames(self, num_samples: Any, layers: int | None = None) -> Any:
        """Returns the number of the encoder's frames, or of those after the first `layers` convolutions.

        Args:
          num_samples: An int, or an integer array or tensor of any shape; values below `min_samples` give 0 or less.
          layers: How many of the convolutions to count.
        """
        length = num_samples
        for kernel, stride in list(zip(self.conv_kernel, self.conv_stride, strict=True))[:layers]:
            length = (length - kernel) // stride + 1
        return length

    def num_output_frames(self, num_samples: Any) -> Any:
        """Returns the number of frames that the backbone gives: the encoder's, or those after the adapter.

        Args:
          num_samples: As in `num_frames`.
        """
        length = self.num_frames(num_samples)
        for _ in range(self.num_adapter_layers if self.add_adapter else 0):
            length = self.num_adapter_frames(length)
        return length

    def num_adapter_frames(self, num_frames: Any) -> Any:
        """Returns the number of frames after one convolution of the adapter, which pads by one frame on both sides."""
        return (num_frames + 2 - self.adapter_kernel_size) // self.adapter_stride + 1
