"""The tri-stage schedule of the learning rate: rise, hold, fall."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from model.training.settings import TrainingSettings


class TriStageSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to the peak, constant, then exponential down to a share of the peak. Source: fairseq, tri_stage.

    Args:
      settings: Steps, peak and shares.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__()
        self.settings = settings

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate, float32, of a step counted from 0."""
        chosen = self.settings
        done = (tf.cast(step, tf.float32) + 1.0) / float(chosen.steps)
        rise = done / max(chosen.warmup_share, 1e-9)
        falling_share = max(1.0 - chosen.warmup_share - chosen.hold_share, 1e-9)
        fallen = tf.clip_by_value((done - chosen.warmup_share - chosen.hold_share) / falling_share, 0.0, 1.0)
        fall = tf.pow(max(chosen.final_learning_rate_scale, 1e-9), fallen)
        return chosen.peak_learning_rate * tf.minimum(tf.minimum(rise, 1.0), fall)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's argument."""
        return {"settings": self.settings}
