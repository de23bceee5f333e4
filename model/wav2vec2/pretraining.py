"""Wav2Vec2 with the heads of self-supervised pre-training: the quantizer and the two projections that meet."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import keras
from keras import ops

from model import settings
from model.config import Head, Wav2Vec2Config
from model.layers.dense import Dense
from model.layers.vector_quantizer import VectorQuantizer
from model.wav2vec2.base import Wav2Vec2Base


class PreTrainingOutput(NamedTuple):
    """What pre-training compares.

    Attributes:
      projected_states: float32 `[batch, frames, proj_codevector_dim]`, from the encoder, which saw masked frames.
      projected_quantized_states: float32, the same shape, from the quantizer, which saw every frame.
      codevector_perplexity: float32 scalar, the effective number of codes in use, summed over the groups.
      code_ids: int32 `[batch, frames, groups]`, the codes that stand behind `projected_quantized_states`.
      marginal_sum: float32 `[groups, codes]`, what the perplexity is taken of: see `Quantized`.
      num_counted: float32 scalar, the frames that the perplexity counts.
      features_mean_square: float32 `[batch]`, the mean square of what the convolutions gave, over the valid frames of
        each utterance: fairseq's `features_pen` penalises it.
      num_frames: int32 `[batch]`, the valid frames of each utterance.
    """

    projected_states: Any
    projected_quantized_states: Any
    codevector_perplexity: Any
    code_ids: Any
    marginal_sum: Any
    num_counted: Any
    features_mean_square: Any
    num_frames: Any


class Wav2Vec2PreTraining(Wav2Vec2Base):
    """Wav2Vec2 (Baevski et al. 2020) as it is pre-trained: what stands at a masked frame is to be told from others.

    Args:
      config: The architecture; it must have no convolutional adapter, which changes the number of frames.
      padding: As in `Wav2Vec2Base`.
    """

    head: ClassVar[Head] = "pretraining"

    def __init__(
        self, config: Wav2Vec2Config, padding: Literal["masked", "unmasked"] = "masked", **kwargs: Any
    ) -> None:
        settings.require(
            not config.add_adapter and config.model_type == "wav2vec2",
            "The heads of pre-training must stand on a wav2vec2 model without add_adapter; there is model_type"
            f" {config.model_type!r}, add_adapter={config.add_adapter}.",
        )
        super().__init__(config, padding, **{"name": "wav2vec2_pretraining", **kwargs})
        self.dropout_features = keras.layers.Dropout(
            config.feat_quantizer_dropout, name="dropout_features", dtype=self.dtype_policy
        )
        self.quantizer = VectorQuantizer(config, name="quantizer", dtype=self.dtype_policy)
        self.project_hid, self.project_q = (
            Dense(config.proj_codevector_dim, name=name, dtype=self.dtype_policy)
            for name in ("project_hid", "project_q")
        )
        self.build((None, None))

    def build_head(self) -> None:
        """Creates the variables of the quantizer and of both projections."""
        self.quantizer.build((None, None, self.config.conv_dim[-1]))
        self.project_hid.build((None, None, self.config.hidden_size))
        self.project_q.build((None, None, self.config.codevector_dim))

    def call(
        self,
        waveforms: Any,
        num_samples: Any = None,
        training: bool = False,
        time_mask: Any = None,
        channel_mask: Any = None,
        temperature: Any = 2.0,
        uniform_noise: Any = None,
    ) -> PreTrainingOutput:
        """Gives the two sides of the contrastive task.

        Args:
          waveforms: As in `Wav2Vec2CTC`.
          num_samples: As in `Wav2Vec2CTC`.
          training: Whether dropout and LayerDrop act, and codes are drawn.
          time_mask: bool `[batch, frames]`, the frames that the encoder does not see; the perplexity counts them
            alone. None for none: it then counts the valid frames.
          channel_mask: As in `Wav2Vec2CTC`.
          temperature: That of the Gumbel softmax.
          uniform_noise: What codes are drawn with in training, as in `VectorQuantizer`; None to draw it here.
        """
        output, num_samples = self.encode(
            waveforms, num_samples, training=training, time_mask=time_mask, channel_mask=channel_mask
        )
        num_frames = ops.cast(self.config.num_frames(num_samples), "int32")
        valid = ops.arange(ops.shape(output.features)[1])[None, :] < num_frames[:, None]
        quantized = self.quantizer(
            self.dropout_features(output.features, training=training),
            valid if time_mask is None else time_mask,
            training=training,
            temperature=temperature,
            uniform_noise=uniform_noise,
        )
        squares = ops.mean(ops.square(ops.cast(output.raw_features, "float32")), axis=-1)
        return PreTrainingOutput(
            projected_states=ops.cast(self.project_hid(output.hidden), "float32"),
            projected_quantized_states=ops.cast(self.project_q(quantized.vectors), "float32"),
            codevector_perplexity=quantized.perplexity,
            code_ids=quantized.code_ids,
            marginal_sum=quantized.marginal_sum,
            num_counted=quantized.num_counted,
            features_mean_square=ops.sum(ops.where(valid, squares, 0.0), axis=1)
            / ops.cast(ops.maximum(num_frames, 1), "float32"),
            num_frames=num_frames,
        )
