"""What a person may choose about training."""

from __future__ import annotations

import dataclasses
from typing import Literal

from model import settings

Task = Literal["ctc", "pretraining"]
Strategy = Literal["auto", "cpu", "gpu", "mirrored", "multi_worker", "tpu"]

_AT_LEAST_ONE = (
    "steps",
    "batch_samples",
    "rows_multiple",
    "accumulate_batches",
    "evaluate_every_steps",
    "validation_utterances",
    "max_samples",
    "average_best",
    "keep_checkpoints",
)
_SHARES = ("warmup_share", "hold_share", "final_learning_rate_scale")
_PROBABILITIES = (
    "mask_time_prob",
    "mask_feature_prob",
    "dropout",
    "activation_dropout",
    "attention_dropout",
    "final_dropout",
    "layerdrop",
)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Settings of training, of both its tasks: `ctc`, fine-tuning, and `pretraining`, without transcripts.

    The regularisation (dropout, LayerDrop, masks) belongs to the architecture's `config.json`, as in published
    checkpoints; a field here that is not None takes its place.

    Attributes:
      steps: Updates of the weights.
      task: What is learned: transcripts, or which code stands at a masked frame.
      batch_samples: Samples in a batch at most, padding included, on all devices together; a longer utterance is a
        batch of its own.
      rows_multiple: A batch of more utterances than this has a multiple of it, so that so many devices part it evenly;
        otherwise rows without an utterance are added.
      accumulate_batches: Batches whose gradients are summed for one update.
      loss_per: What the loss of a batch is divided by: its labels, or its utterances (fairseq's `sentence_avg`). It has
        no meaning in pre-training, whose loss is divided by the masked frames.
      peak_learning_rate: The highest rate of the schedule.
      warmup_share: Share of the steps in which the rate rises from 0 to its peak.
      hold_share: Share of the steps at the peak; in the rest the rate falls.
      decay: How it falls: `exponential`, or `linear`.
      final_learning_rate_scale: The last rate, as a share of the peak.
      weight_decay: Of AdamW, on kernels only.
      adam_beta_1: Of AdamW.
      adam_beta_2: Of AdamW.
      adam_epsilon: Of AdamW.
      max_gradient_norm: Gradients are scaled down to this global norm; None for no limit.
      freeze_feature_encoder: Whether the convolutions stay as they are, as in the published recipes of fine-tuning.
      feature_gradient_scale: Factor on the gradients of the convolutions; 0.1 in the published pre-training.
      head_only_steps: In so many steps at the beginning only the CTC head learns.
      precision: `mixed_bfloat16` computes in bfloat16 and keeps the weights in float32.
      strategy: On what devices; `auto` takes a TPU where `tpu` or the environment names one, several workers where
        TF_CONFIG does, else all GPUs, else the CPU.
      tpu: The name or the address of a TPU; None for what the environment says.
      compilation: Whether XLA compiles the step, once for each bucket; `auto` leaves that to the devices: always on a
        TPU, not on a CPU, where it is slower, and on a GPU.
      average_best: So many of the best weights are averaged at the end, and the average is kept where it is no worse.
      patience: Training ends early after so many measurements without a better one; None for never.
      checkpoint_every_seconds: How often a state is saved from which a killed run goes on, besides at each measurement.
      keep_checkpoints: So many saved states are kept, the newest.
      max_samples: Longer utterances are left out of training, counted and reported; they are never cut.
      evaluate_every_steps: How often the validation split is measured.
      validation_utterances: How many utterances of the validation split are measured, at most.
      seed: Of shuffling, masks, negatives, dropout and LayerDrop.
      num_buckets: Buckets of length, and so shapes of batches, at most.
      mask_time_prob: Takes the place of the checkpoint's value.
      mask_time_length: Takes the place of the checkpoint's value.
      mask_feature_prob: Takes the place of the checkpoint's value.
      mask_feature_length: Takes the place of the checkpoint's value.
      dropout: Takes the place of every dropout of the checkpoint's configuration that has no field here, but for that
        of the quantizer.
      activation_dropout: Takes the place of the checkpoint's value.
      attention_dropout: Takes the place of the checkpoint's value.
      final_dropout: Takes the place of the checkpoint's value.
      layerdrop: Takes the place of the checkpoint's value.
      gumbel_temperature_start: Of pre-training: the temperature of the first step.
      gumbel_temperature_end: The lowest temperature.
      gumbel_temperature_decay: Factor on the temperature at each step.
      feature_penalty: Weight of the mean square of the features, in the loss of pre-training; 10 in the published one.
    """

    steps: int
    task: Task = "ctc"
    batch_samples: int = 640_000
    rows_multiple: int = 1
    accumulate_batches: int = 1
    loss_per: Literal["label", "utterance"] = "label"
    peak_learning_rate: float = 5e-4
    warmup_share: float = 0.1
    hold_share: float = 0.4
    decay: Literal["exponential", "linear"] = "exponential"
    final_learning_rate_scale: float = 0.05
    weight_decay: float = 0.01
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.98
    adam_epsilon: float = 1e-8
    max_gradient_norm: float | None = 1.0
    freeze_feature_encoder: bool = True
    feature_gradient_scale: float = 1.0
    head_only_steps: int = 0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Strategy = "auto"
    tpu: str | None = None
    compilation: Literal["auto", "graph", "xla"] = "auto"
    average_best: int = 1
    patience: int | None = None
    checkpoint_every_seconds: float = 300.0
    keep_checkpoints: int = 3
    max_samples: int = 560_000
    evaluate_every_steps: int = 100
    validation_utterances: int = 200
    seed: int = 20
    num_buckets: int = 8
    mask_time_prob: float | None = None
    mask_time_length: int | None = None
    mask_feature_prob: float | None = None
    mask_feature_length: int | None = None
    dropout: float | None = None
    activation_dropout: float | None = None
    attention_dropout: float | None = None
    final_dropout: float | None = None
    layerdrop: float | None = None
    gumbel_temperature_start: float = 2.0
    gumbel_temperature_end: float = 0.5
    gumbel_temperature_decay: float = 0.999995
    feature_penalty: float = 0.0

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            settings.require(getattr(self, name) >= 1, f"train.{name} must be at least 1, not {getattr(self, name)}.")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            settings.require(
                value in choices, f"train.{name} must be one of {', '.join(map(repr, choices))}, not {value!r}."
            )
        for name in ("peak_learning_rate", "adam_epsilon", "gumbel_temperature_start", "gumbel_temperature_end"):
            settings.require(getattr(self, name) > 0, f"train.{name} must be above 0, not {getattr(self, name)}.")
        for name in _SHARES:
            settings.require(
                0 <= getattr(self, name) <= 1, f"train.{name} must be in [0, 1], not {getattr(self, name)}."
            )
        settings.require(
            self.warmup_share + self.hold_share <= 1,
            "train.warmup_share and train.hold_share must be 1 together at most, not"
            f" {self.warmup_share + self.hold_share}.",
        )
        settings.require(
            self.max_gradient_norm is None or self.max_gradient_norm > 0,
            f"train.max_gradient_norm must be above 0, or None, not {self.max_gradient_norm}.",
        )
        for name in ("weight_decay", "feature_gradient_scale", "feature_penalty", "checkpoint_every_seconds"):
            settings.require(getattr(self, name) >= 0, f"train.{name} must be 0 or more, not {getattr(self, name)}.")
        for name in ("adam_beta_1", "adam_beta_2"):
            settings.require(0 < getattr(self, name) < 1, f"train.{name} must be in (0, 1), not {getattr(self, name)}.")
        settings.require(
            0 <= self.head_only_steps <= self.steps,
            f"train.head_only_steps must be 0 to train.steps, {self.steps}, not {self.head_only_steps}.",
        )
        settings.require(
            self.head_only_steps == 0 or self.task == "ctc",
            f"train.head_only_steps must be 0 in pre-training, which has no CTC head, not {self.head_only_steps}.",
        )
        settings.require(
            self.patience is None or self.patience >= 1,
            f"train.patience must be at least 1, or None, not {self.patience}.",
        )
        settings.require(0 <= self.seed < 2**31, f"train.seed must be in [0, 2³¹), not {self.seed}.")
        settings.require(1 <= self.num_buckets <= 8, f"train.num_buckets must be 1 to 8, not {self.num_buckets}.")
        for name in _PROBABILITIES:
            value = getattr(self, name)
            settings.require(value is None or 0 <= value < 1, f"train.{name} must be in [0, 1), not {value}.")
        for name in ("mask_time_length", "mask_feature_length"):
            value = getattr(self, name)
            settings.require(value is None or value >= 1, f"train.{name} must be at least 1, or None, not {value}.")
        settings.require(
            0 < self.gumbel_temperature_decay <= 1,
            f"train.gumbel_temperature_decay must be in (0, 1], not {self.gumbel_temperature_decay}.",
        )
        settings.require(
            self.tpu is None or self.strategy in ("auto", "tpu"),
            f"train.tpu must be left out with train.strategy {self.strategy!r}, which uses no TPU.",
        )


_CHOICES = {
    "task": ("ctc", "pretraining"),
    "loss_per": ("label", "utterance"),
    "decay": ("exponential", "linear"),
    "precision": ("float32", "mixed_bfloat16"),
    "strategy": ("auto", "cpu", "gpu", "mirrored", "multi_worker", "tpu"),
    "compilation": ("auto", "graph", "xla"),
}
