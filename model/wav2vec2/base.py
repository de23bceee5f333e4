"""What the three Keras models share: the backbone, its padding, names of weights, random state."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from model import settings
from model.config import Head, Wav2Vec2Config
from model.errors import DataError
from model.wav2vec2.backbone import BackboneOutput, Wav2Vec2Backbone


class Wav2Vec2Base(keras.Model):
    """A backbone with a head on it. Abstract; its subclasses are `Wav2Vec2CTC`, `…PreTraining` and `…Headless`.

    **A padded utterance gets what it gets alone**: with `num_samples`, the statistics of the group norm, the attention
    and the positional convolution see valid samples only.

    Args:
      config: The architecture.
      padding: `"masked"`, or `"unmasked"` to let padding count as sound, which is how the tooling of the original
        checkpoints treated it.

    Attributes:
      head: What stands on the backbone.
    """

    head: ClassVar[Head]

    def __init__(
        self, config: Wav2Vec2Config, padding: Literal["masked", "unmasked"] = "masked", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        settings.require(padding in ("masked", "unmasked"), f"padding must be 'masked' or 'unmasked', not {padding!r}.")
        self.backbone = Wav2Vec2Backbone(config, name="wav2vec2", dtype=self.dtype_policy)
        self.config = config
        self.padding = padding

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates all variables; the input is `[batch, samples]`. Constructors of subclasses call it."""
        if self.built:
            return
        self.backbone.build(input_shape)
        self.build_head()
        self.built = True

    def build_head(self) -> None:
        """Creates the variables of the head; where there is none, nothing."""

    def __call__(self, waveforms: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the model; see `call`.

        Raises:
          DataError: the waveforms are too short to give a frame. Where their length is known only at run time, they
            give no frames.
        """
        # Here and not in `call`, whose errors Keras wraps in many lines.
        length = waveforms.shape[1]
        if isinstance(length, int) and length < self.config.min_samples:
            raise DataError(
                f"An utterance must have {self.config.min_samples} samples or more to give a frame, and these have"
                f" {length}; leave it out, or pad it."
            )
        return super().__call__(waveforms, *args, **kwargs)

    def encode(self, waveforms: Any, num_samples: Any, **options: Any) -> tuple[BackboneOutput, Any]:
        """Calls the backbone, with masks or without as `padding` says.

        Args:
          waveforms: `[batch, samples]`.
          num_samples: int32 `[batch]`, or None where all samples are valid.
          options: `training`, `time_mask` and `channel_mask` of `Wav2Vec2Backbone`.

        Returns:
          The result of `Wav2Vec2Backbone`, and the valid samples of each utterance, int32 `[batch]`.
        """
        valid_samples = None
        if num_samples is None:
            num_samples = ops.full((ops.shape(waveforms)[0],), ops.shape(waveforms)[1], dtype="int32")
        else:
            num_samples = ops.cast(num_samples, "int32")
            valid_samples = num_samples if self.padding == "masked" else None
        return self.backbone(waveforms, valid_samples, **options), num_samples

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
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Wav2Vec2Base:
        """Builds the model from what `get_config` returned."""
        del custom_objects
        return cls(**{**config, "config": settings.from_mapping(Wav2Vec2Config, config["config"])})
