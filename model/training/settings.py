"""What a person may choose about training."""

from __future__ import annotations

import dataclasses

from model import settings


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Settings of fine-tuning.

    The regularisation (dropout, LayerDrop, SpecAugment) belongs to the architecture's `config.json`, as in published
    checkpoints; a field here that is not None takes its place.

    Attributes:
      steps: Updates of the weights.
      batch_samples: Samples in a batch at most, padding included; a longer utterance is a batch of its own.
      peak_learning_rate: The highest rate of the schedule.
      warmup_share: Share of the steps in which the rate rises from 0 to its peak.
      hold_share: Share of the steps at the peak; in the rest the rate falls exponentially.
      final_learning_rate_scale: The last rate, as a share of the peak.
      weight_decay: Of AdamW, on kernels only.
      adam_beta_2: Of AdamW.
      max_gradient_norm: Gradients are scaled down to this global norm.
      freeze_feature_encoder: Whether the convolutions stay as they are, as in the published recipes.
      max_samples: Longer utterances are left out of training, counted and reported; they are never cut.
      evaluate_every_steps: How often loss and WER of the validation split are measured.
      validation_utterances: How many utterances of the validation split are measured, at most.
      seed: Of shuffling, masks and dropout.
      num_buckets: Buckets of length, and so shapes of batches, at most.
      mask_time_prob: Takes the place of the checkpoint's value.
      mask_feature_prob: Takes the place of the checkpoint's value.
      dropout: Takes the place of every dropout of the checkpoint's configuration.
      layerdrop: Takes the place of the checkpoint's value.
    """

    steps: int
    batch_samples: int = 640_000
    peak_learning_rate: float = 5e-4
    warmup_share: float = 0.1
    hold_share: float = 0.4
    final_learning_rate_scale: float = 0.05
    weight_decay: float = 0.01
    adam_beta_2: float = 0.98
    max_gradient_norm: float = 1.0
    freeze_feature_encoder: bool = True
    max_samples: int = 560_000
    evaluate_every_steps: int = 100
    validation_utterances: int = 200
    seed: int = 20
    num_buckets: int = 8
    mask_time_prob: float | None = None
    mask_feature_prob: float | None = None
    dropout: float | None = None
    layerdrop: float | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch_samples", "evaluate_every_steps", "validation_utterances", "max_samples"):
            settings.require(getattr(self, name) >= 1, f"train.{name} must be at least 1, not {getattr(self, name)}.")
        settings.require(
            self.peak_learning_rate > 0, f"train.peak_learning_rate must be above 0, not {self.peak_learning_rate}."
        )
        for name in ("warmup_share", "hold_share", "final_learning_rate_scale"):
            settings.require(
                0 <= getattr(self, name) <= 1, f"train.{name} must be in [0, 1], not {getattr(self, name)}."
            )
        settings.require(
            self.warmup_share + self.hold_share <= 1,
            "train.warmup_share and train.hold_share must be 1 together at most, not"
            f" {self.warmup_share + self.hold_share}.",
        )
        settings.require(
            self.max_gradient_norm > 0, f"train.max_gradient_norm must be above 0, not {self.max_gradient_norm}."
        )
        settings.require(self.weight_decay >= 0, f"train.weight_decay must be 0 or more, not {self.weight_decay}.")
        settings.require(0 < self.adam_beta_2 < 1, f"train.adam_beta_2 must be in (0, 1), not {self.adam_beta_2}.")
        settings.require(0 <= self.seed < 2**31, f"train.seed must be in [0, 2³¹), not {self.seed}.")
        settings.require(1 <= self.num_buckets <= 8, f"train.num_buckets must be 1 to 8, not {self.num_buckets}.")
        for name in ("mask_time_prob", "mask_feature_prob", "dropout", "layerdrop"):
            value = getattr(self, name)
            settings.require(value is None or 0 <= value < 1, f"train.{name} must be in [0, 1), not {value}.")
