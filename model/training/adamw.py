"""AdamW for gradients that are summed over replicas, and clipped, already."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class AdamW(tf.Module):
    """Adam with decoupled weight decay (Kingma and Ba 2014; Loshchilov and Hutter 2017), to PyTorch's arithmetic.

    Keras' optimizers clip the gradients of each replica before they add them up; global clipping must come after. Here
    both are the caller's, so that what is applied is the same on every replica.

    Only kernels are decayed: variables with two dimensions or more, where a dimension of 1 counts for none, so that the
    magnitudes of a weight norm are left alone, as are biases, norms and the masking vector. The Trainer of transformers
    spares biases and norms likewise; fairseq decays every parameter, but its recipes of fine-tuning decay by 0.

    It works eagerly, in a graph, compiled by XLA, and in `strategy.run`; the moments must be made in the scope of the
    strategy that the variables were made in. In `strategy.run`, a `MirroredStrategy` on other devices than GPUs lets no
    function that is compiled inside update variables: compile there what gives the gradients, and call this outside.

    Args:
      variables: The Keras variables to update, all of them float32.
      weight_decay: Share of a kernel that an update at learning rate 1 takes away.
      beta_1: How slowly the mean of gradients changes.
      beta_2: How slowly the mean of their squares changes.
      epsilon: Added to the root of the corrected mean of squares, as PyTorch does it.

    Attributes:
      first_moments: The means of gradients, by path of the variable.
      second_moments: The means of their squares, by path of the variable.
    """

    def __init__(
        self,
        variables: Sequence[Any],
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.98,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(name="adamw")
        self.weight_decay = weight_decay
        # The kernel takes 1 − β of the rounded β; so must the correction, or the two would not cancel.
        self.beta_1, self.beta_2 = float(np.float32(beta_1)), float(np.float32(beta_2))
        self.epsilon = epsilon
        self.first_moments, self.second_moments = (
            {
                variable.path: tf.Variable(tf.zeros(variable.shape, tf.float32), trainable=False, name=name)
                for variable in variables
            }
            for name in ("first_moment", "second_moment")
        )
        assert len(self.first_moments) == len(variables), "the paths of variables differ"

    def apply(self, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any, update_number: Any) -> None:
        """Updates variables, in a replica context, or where there is no strategy.

        Args:
          gradients: float32, one for each variable and shaped like it, the same on all replicas; None leaves the
            variable as it is.
          variables: Some of the variables of the constructor, or all.
          learning_rate: A scalar.
          update_number: An integer scalar, counted from 1: which update of these variables it is. Variables that are
            trained from later on have a count of their own, and are given in a call of their own.
        """
        number = tf.cast(update_number, tf.float32)
        # 1 − βⁿ without the loss of digits that the difference has for a β near to 1.
        correction_1 = -tf.math.expm1(number * math.log(self.beta_1))
        root_2 = tf.sqrt(-tf.math.expm1(number * math.log(self.beta_2)))
        learning_rate = tf.cast(learning_rate, tf.float32)
        # m̂ / (√v̂ + ε) is m / (√v + ε √c₂) · √c₂ / c₁.
        rate, epsilon = learning_rate * root_2 / correction_1, self.epsilon * root_2
        kept = 1.0 - learning_rate * self.weight_decay
        updates = [
            (variable.value, gradient, kept if self.weight_decay and _is_kernel(variable.shape) else None)
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        ]
        moments = [
            (self.first_moments[variable.path], self.second_moments[variable.path])
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        ]

        def update_all(strategy: Any, updates: Any, rate: Any, epsilon: Any) -> None:
            for (variable, gradient, kept), (first, second) in zip(updates, moments, strict=True):
                strategy.extended.update(
                    variable, self._update, args=(gradient, first, second, kept, rate, epsilon), group=False
                )

        tf.__internal__.distribute.interim.maybe_merge_call(
            update_all, tf.distribute.get_strategy(), updates, rate, epsilon
        )

    def _update(
        self, variable: Any, gradient: Any, first: Any, second: Any, kept: Any, rate: Any, epsilon: Any
    ) -> None:
        """Updates one variable of one replica."""
        if kept is not None:
            variable.assign(variable * kept)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            # The correction is in the rate.
            beta1_power=0.0,
            beta2_power=0.0,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


def _is_kernel(shape: Sequence[int]) -> bool:
    return sum(size != 1 for size in shape) >= 2
