"""Wav2Vec2 with a CTC head: from a waveform to the scores of letters per frame."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import keras
from keras import ops

from model.config import Head, Wav2Vec2Config
from model.layers.dense import Dense
from model.wav2vec2.base import Wav2Vec2Base


class Wav2Vec2CTC(Wav2Vec2Base):
    """Wav2Vec2 (Baevski et al. 2020) with a linear head for connectionist temporal classification.

    Example:
      >>> model = Wav2Vec2CTC(Wav2Vec2Config(num_hidden_layers=2))
      >>> logits, num_frames = model(waveforms, num_samples)

    Args:
      config: The architecture.
      padding: As in `Wav2Vec2Base`.
    """

    head: ClassVar[Head] = "ctc"

    def __init__(
        self, config: Wav2Vec2Config, padding: Literal["masked", "unmasked"] = "masked", **kwargs: Any
    ) -> None:
        super().__init__(config, padding, **{"name": "wav2vec2_ctc", **kwargs})
        self.dropout = keras.layers.Dropout(config.final_dropout, name="dropout", dtype=self.dtype_policy)
        self.lm_head = Dense(
            config.vocab_size,
            kernel_initializer=keras.initializers.RandomNormal(  # pyright: ignore[reportArgumentType]
                stddev=config.initializer_range
            ),
            name="lm_head",
            dtype=self.dtype_policy,
        )
        self.build((None, None))

    def build_head(self) -> None:
        """Creates the variables of the linear head."""
        self.lm_head.build((None, None, self.config.output_size))

    def call(
        self,
        waveforms: Any,
        num_samples: Any = None,
        training: bool = False,
        time_mask: Any = None,
        channel_mask: Any = None,
    ) -> tuple[Any, Any]:
        """Scores every token for every frame.

        Args:
          waveforms: float32 `[batch, samples]` at 16 kHz, normalised, 0 where padded; at least `config.min_samples`.
          num_samples: int32 `[batch]`, the valid samples of each utterance; None where all are valid.
          training: Whether dropout and LayerDrop act.
          time_mask: bool `[batch, frames]`, frames that SpecAugment replaces by the learned vector; None for none.
            The frames are those of the encoder, which `Wav2Vec2Config.num_frames` counts.
          channel_mask: bool `[batch, hidden_size]`, channels that SpecAugment sets to 0; None for none.

        Returns:
          logits: float32 `[batch, output frames, vocab_size]`; what stands in padded frames means nothing.
          num_frames: int32 `[batch]`, the valid frames of each.
        """
        output, num_samples = self.encode(
            waveforms, num_samples, training=training, time_mask=time_mask, channel_mask=channel_mask
        )
        logits = self.lm_head(self.dropout(output.hidden, training=training))
        return ops.cast(logits, "float32"), ops.cast(self.config.num_output_frames(num_samples), "int32")
