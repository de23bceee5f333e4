"""Wav2Vec2 with a CTC head: from a waveform to the scores of letters per frame."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from model import settings
from model.backbone import Wav2Vec2Backbone
from model.config import Wav2Vec2Config


class Wav2Vec2CTC(keras.Model):
    """Wav2Vec2 (Baevski et al. 2020) with a linear head for connectionist temporal classification.

    **A padded utterance gets the logits that it gets alone**: with `num_samples`, the statistics of the group norm,
    the attention and the positional convolution see valid samples only.

    Example:
      >>> model = Wav2Vec2CTC(Wav2Vec2Config(num_hidden_layers=2))
      >>> logits, num_frames = model(waveforms, num_samples)

    Args:
      config: The architecture.
      padding: `"masked"`, or `"unmasked"` to let padding count as sound, which is how the tooling of the original
        checkpoints treated it.
    """

    def __init__(
        self, config: Wav2Vec2Config, padding: Literal["masked", "unmasked"] = "masked", **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "wav2vec2_ctc", **kwargs})
        settings.require(padding in ("masked", "unmasked"), f"padding must be 'masked' or 'unmasked', not {padding!r}.")
        # === Layers ===
        self.backbone = Wav2Vec2Backbone(config, name="wav2vec2", dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(config.final_dropout, dtype=self.dtype_policy)
        self.lm_head = keras.layers.Dense(
            config.vocab_size,
            kernel_initializer=keras.initializers.RandomNormal(  # pyright: ignore[reportArgumentType]
                stddev=config.initializer_range
            ),
            name="lm_head",
            dtype=self.dtype_policy,
        )
        # === Config ===
        self.config = config
        self.padding = padding
        self.build((None, None))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates all variables; the input is `[batch, samples]`."""
        if self.built:
            return
        self.backbone.build(input_shape)
        self.lm_head.build((None, None, self.config.hidden_size))
        self.built = True

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
          channel_mask: bool `[batch, hidden_size]`, channels that SpecAugment sets to 0; None for none.

        Returns:
          logits: float32 `[batch, frames, vocab_size]`; what stands in padded frames means nothing.
          num_frames: int32 `[batch]`, the valid frames of each.
        """
        samples = ops.shape(waveforms)[1]
        if num_samples is None:
            num_samples = ops.full((ops.shape(waveforms)[0],), samples, dtype="int32")
            valid_samples = None
        else:
            num_samples = ops.cast(num_samples, "int32")
            valid_samples = num_samples if self.padding == "masked" else None
        hidden = self.backbone(
            waveforms, valid_samples, training=training, time_mask=time_mask, channel_mask=channel_mask
        )
        logits = self.lm_head(self.dropout(hidden, training=training))
        return ops.cast(logits, "float32"), ops.cast(self.config.num_frames(num_samples), "int32")

    def named_weights(self) -> dict[str, Any]:
        """Returns the model's parameters, by their path below the model's name; random state is none of them."""
        return {variable.path.partition("/")[2]: variable for variable in self.weights}

    def reseed(self, seed: int) -> None:
        """Sets the random state of every dropout and of LayerDrop, each to its own function of `seed`."""
        states = [variable for variable in self.variables if "seed_generator_state" in variable.path]
        for index, state in enumerate(states):
            state.assign(np.array([(seed * 1_000_003 + index) % 2**32, 0], dtype=np.uint32))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values."""
        return {"config": settings.to_mapping(self.config), "padding": self.padding, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Wav2Vec2CTC:
        """Builds the model from what `get_config` returned."""
        del custom_objects
        return cls(**{**config, "config": settings.from_mapping(Wav2Vec2Config, config["config"])})
