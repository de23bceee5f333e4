"""Wav2Vec2 without a head: from a waveform to one hidden state per frame."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from keras import ops

from model.config import Head, Wav2Vec2Config
from model.wav2vec2.base import Wav2Vec2Base


class Wav2Vec2Headless(Wav2Vec2Base):
    """The backbone alone, for features, or for a head of one's own.

    Args:
      config: The architecture.
      padding: As in `Wav2Vec2Base`.
    """

    head: ClassVar[Head] = "none"

    def __init__(
        self, config: Wav2Vec2Config, padding: Literal["masked", "unmasked"] = "masked", **kwargs: Any
    ) -> None:
        super().__init__(config, padding, **{"name": "wav2vec2_headless", **kwargs})
        self.build((None, None))

    def call(
        self,
        waveforms: Any,
        num_samples: Any = None,
        training: bool = False,
        time_mask: Any = None,
        channel_mask: Any = None,
    ) -> tuple[Any, Any]:
        """Encodes waveforms; the arguments are those of `Wav2Vec2CTC`.

        Returns:
          hidden: float32 `[batch, output frames, output_size]`; what stands in padded frames means nothing.
          num_frames: int32 `[batch]`, the valid frames of each.
        """
        output, num_samples = self.encode(
            waveforms, num_samples, training=training, time_mask=time_mask, channel_mask=channel_mask
        )
        return ops.cast(output.hidden, "float32"), ops.cast(self.config.num_output_frames(num_samples), "int32")
