"""The product quantizer of pre-training: from a frame's features to one vector of each codebook."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.dense import Dense


class Quantized(NamedTuple):
    """What the quantizer made of frames.

    Attributes:
      vectors: `[batch, frames, codevector_dim]`, the chosen vectors of all groups, side by side.
      perplexity: float32 scalar, summed over the groups: the effective number of codes in use, at most all.
      code_ids: int32 `[batch, frames, groups]`, which code of each group was chosen.
      marginal_sum: float32 `[groups, codes]`, the distributions over the codes, summed over the frames that count: the
        scores' softmax in training, what was chosen otherwise.
      num_counted: float32 scalar, the frames that count. Replicas add up both sums and give them to `perplexity_of`,
        for the perplexity of all of them together.
    """

    vectors: Any
    perplexity: Any
    code_ids: Any
    marginal_sum: Any
    num_counted: Any


class VectorQuantizer(keras.layers.Layer):
    """Chooses one code vector for each group, by Gumbel softmax in training and by the best score otherwise.

    In training the choice is hard, and gradients flow as if it were soft. Source: Jang et al. 2016, «Categorical
    Reparameterization with Gumbel-Softmax»; Baevski et al. 2020, §2, «Quantization module».

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        codes = config.num_codevector_groups * config.num_codevectors_per_group
        self.weight_proj = Dense(
            codes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),  # pyright: ignore[reportArgumentType]
            name="weight_proj",
            dtype=self.dtype_policy,
        )
        self.gumbel_seed = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates `codevectors` `[1, groups · codes, codevector_dim / groups]` and builds the scores' dense layer."""
        config = self.config
        self.codevectors = self.add_weight(
            name="codevectors",
            shape=(
                1,
                config.num_codevector_groups * config.num_codevectors_per_group,
                config.codevector_dim // config.num_codevector_groups,
            ),
            initializer=keras.initializers.RandomUniform(0.0, 1.0),
        )
        self.weight_proj.build(input_shape)
        super().build(input_shape)

    def call(
        self,
        features: Any,
        frame_mask: Any = None,
        training: bool = False,
        temperature: Any = 2.0,
        uniform_noise: Any = None,
    ) -> Quantized:
        """Quantizes features.

        Args:
          features: `[batch, frames, conv_dim[-1]]`, after the norm of the feature projection.
          frame_mask: bool `[batch, frames]`, the frames that the perplexity counts; None for all.
          training: Whether the choice is drawn.
          temperature: That of the Gumbel softmax, a number or a scalar; it has a meaning in training only.
          uniform_noise: float32 `[batch, frames, groups, codes]` between 0 and 1, both excluded: what the choice is
            drawn with in training, for who wants to draw the same again. None to draw it here.
        """
        config = self.config
        groups, codes = config.num_codevector_groups, config.num_codevectors_per_group
        shape = ops.shape(features)
        scores = ops.cast(self.weight_proj(features), "float32")
        scores = ops.reshape(scores, (shape[0], shape[1], groups, codes))
        if training:
            if uniform_noise is None:
                uniform_noise = keras.random.uniform(
                    ops.shape(scores), 1e-7, 1.0 - 1e-7, dtype="float32", seed=self.gumbel_seed
                )
            gumbel = -ops.log(-ops.log(uniform_noise))
            soft = ops.softmax((scores + gumbel) / temperature, axis=-1)
            code_ids = ops.argmax(soft, axis=-1)
            # In this order the value is that of the choice to the last bit.
            choice = ops.one_hot(code_ids, codes, dtype="float32") + (soft - ops.stop_gradient(soft))
            distribution = ops.softmax(scores, axis=-1)
        else:
            code_ids = ops.argmax(scores, axis=-1)
            choice = distribution = ops.one_hot(code_ids, codes, dtype="float32")
        vectors = ops.reshape(ops.cast(self.codevectors, "float32"), (groups, codes, config.codevector_dim // groups))
        chosen = ops.einsum("btgv,gvd->btgd", choice, vectors)
        chosen = ops.reshape(chosen, (shape[0], shape[1], config.codevector_dim))
        if frame_mask is None:
            frame_mask = ops.ones((shape[0], shape[1]), dtype="bool")
        counted = ops.cast(frame_mask, "float32")
        marginal_sum = ops.sum(distribution * counted[:, :, None, None], axis=(0, 1))
        num_counted = ops.sum(counted)
        return Quantized(
            vectors=ops.cast(chosen, self.compute_dtype),
            perplexity=perplexity_of(marginal_sum, num_counted),
            code_ids=ops.cast(code_ids, "int32"),
            marginal_sum=marginal_sum,
            num_counted=num_counted,
        )


def perplexity_of(marginal_sum: Any, num_counted: Any) -> Any:
    """Returns the exponential of the entropy of the mean distribution, summed over the groups, a float32 scalar.

    Args:
      marginal_sum: float32 `[groups, codes]`, distributions summed over frames, as `Quantized` has it.
      num_counted: float32 scalar, how many frames were summed.
    """
    marginal = marginal_sum / ops.maximum(num_counted, 1.0)
    # x log x is 0 at 0.
    entropy = -ops.sum(marginal * ops.log(ops.where(marginal > 0, marginal, 1.0)), axis=-1)
    return ops.sum(ops.exp(entropy))
