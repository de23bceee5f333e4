"""The product quantizer of pre-training: from a frame's features to one vector of each codebook."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config


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
        self.weight_proj = keras.layers.Dense(
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
        self, features: Any, frame_mask: Any = None, training: bool = False, temperature: Any = 2.0
    ) -> tuple[Any, Any]:
        """Quantizes features.

        Args:
          features: `[batch, frames, conv_dim[-1]]`, after the norm of the feature projection.
          frame_mask: bool `[batch, frames]`, the frames that the perplexity counts; None for all.
          training: Whether the choice is drawn.
          temperature: That of the Gumbel softmax, a number or a scalar; it has a meaning in training only.

        Returns:
          codes: `[batch, frames, codevector_dim]`.
          perplexity: float32 scalar, summed over the groups: the effective number of codes in use, at most all.
        """
        config = self.config
        groups, codes = config.num_codevector_groups, config.num_codevectors_per_group
        shape = ops.shape(features)
        scores = ops.cast(self.weight_proj(features), "float32")
        scores = ops.reshape(scores, (shape[0], shape[1], groups, codes))
        if training:
            uniform = keras.random.uniform(ops.shape(scores), 1e-7, 1.0 - 1e-7, dtype="float32", seed=self.gumbel_seed)
            gumbel = -ops.log(-ops.log(uniform))
            soft = ops.softmax((scores + gumbel) / temperature, axis=-1)
            hard = ops.one_hot(ops.argmax(soft, axis=-1), codes, dtype="float32")
            choice = hard + soft - ops.stop_gradient(soft)
            distribution = ops.softmax(scores, axis=-1)
        else:
            choice = distribution = ops.one_hot(ops.argmax(scores, axis=-1), codes, dtype="float32")
        vectors = ops.reshape(ops.cast(self.codevectors, "float32"), (groups, codes, config.codevector_dim // groups))
        chosen = ops.einsum("btgv,gvd->btgd", choice, vectors)
        chosen = ops.reshape(chosen, (shape[0], shape[1], config.codevector_dim))
        return ops.cast(chosen, self.compute_dtype), _perplexity(distribution, frame_mask)


def _perplexity(distribution: Any, frame_mask: Any) -> Any:
    """The exponential of the entropy of the mean distribution `[batch, frames, groups, codes]`, summed over groups."""
    if frame_mask is None:
        marginal = ops.mean(distribution, axis=(0, 1))
    else:
        weights = ops.cast(frame_mask, "float32")
        marginal = ops.sum(distribution * weights[:, :, None, None], axis=(0, 1)) / ops.maximum(ops.sum(weights), 1.0)
    # x log x is 0 at 0.
    entropy = -ops.sum(marginal * ops.log(ops.where(marginal > 0, marginal, 1.0)), axis=-1)
    return ops.sum(ops.exp(entropy))
