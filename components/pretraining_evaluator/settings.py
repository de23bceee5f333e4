"""What a person may choose about the evaluation of a pre-trained model and its gate."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from model.settings import require


@dataclasses.dataclass(frozen=True)
class PretrainingEvaluationSettings:
    """What is measured, and how hard the task is.

    How much is masked, and among how many frames the right one is to be found, decides the loss: two models can be
    compared where both are the same, so they stand here and are not those of a model's own configuration.

    Attributes:
      split: What is measured; a split that was not trained on.
      mask_time_prob: About which share of the frames is masked, overlaps aside.
      mask_time_length: Frames of a masked span.
      mask_time_min_masks: Spans of each utterance at least.
      num_negatives: Frames that a masked one is to be told from.
      batch_samples: Samples in a batch at most, padding included.
      parity_utterances: For so many utterances the exported files are held against the model that was measured.
      num_probes: Utterances that are kept with their hidden states, for the pushers to check a copy by.
      bootstrap_resamples: Draws of the bootstrap.
      seed: Of the masks, the negatives and the bootstrap.
    """

    split: str = "validation"
    mask_time_prob: float = 0.65
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    num_negatives: int = 100
    batch_samples: int = 2_000_000
    parity_utterances: int = 40
    num_probes: int = 8
    bootstrap_resamples: int = 1_000
    seed: int = 20

    def __post_init__(self) -> None:
        require(bool(self.split), "evaluation.split must name a split, such as 'validation'; it is empty.")
        require(0 < self.mask_time_prob < 1, f"evaluation.mask_time_prob must be in (0, 1), not {self.mask_time_prob}.")
        for name in ("mask_time_length", "num_negatives", "parity_utterances", "num_probes"):
            require(getattr(self, name) >= 1, f"evaluation.{name} must be at least 1, not {getattr(self, name)}.")
        require(
            self.mask_time_min_masks >= 0,
            f"evaluation.mask_time_min_masks must be at least 0, not {self.mask_time_min_masks}.",
        )
        require(
            self.num_probes <= self.parity_utterances,
            "evaluation.num_probes must be evaluation.parity_utterances at most, of which they are a part:"
            f" {self.parity_utterances}, not {self.num_probes}.",
        )
        require(self.batch_samples >= 400, f"evaluation.batch_samples must be at least 400, not {self.batch_samples}.")
        require(
            self.bootstrap_resamples >= 100,
            f"evaluation.bootstrap_resamples must be at least 100, not {self.bootstrap_resamples}.",
        )
        require(0 <= self.seed < 2**31, f"evaluation.seed must be in [0, 2³¹), not {self.seed}.")


@dataclasses.dataclass(frozen=True)
class PretrainingGateSettings:
    """What a pre-trained model must reach to be released.

    Attributes:
      max_contrastive_loss: Ceiling of the contrastive loss for each masked frame, in nats; None for no ceiling. Who
        guesses among a frame and its n negatives has ln(n + 1): 4.6 for 100.
      min_code_perplexity: Floor of the effective number of codes in use, summed over the groups. A model that gives
        every frame one code has a perplexity of 1 for each group, and nothing to tell apart.
      non_inferiority_margin: How much worse than the latest blessed model it may be, in nats: the upper bound of the
        one-sided 95 % interval of the difference must be within it. None for no comparison.
      max_export_difference: How far hidden states of the SavedModel and of the ONNX file may be from the model's.
      min_utterances: Utterances that the split must have.
      allow_data_anomalies: Whether a model may pass although ExampleValidator found anomalies.
      first_run: What to do where there is no blessed model to compare with: `accept` what passes all other checks, or
        leave it to a person's `review`, as must be without `max_contrastive_loss`.
      require_approval: Whether what passes all checks is still left to a person, who approves or rejects it.
    """

    max_contrastive_loss: float | None = None
    min_code_perplexity: float = 0.0
    non_inferiority_margin: float | None = None
    max_export_difference: float = 1e-3
    min_utterances: int = 1
    allow_data_anomalies: bool = False
    first_run: Literal["accept", "review"] = "accept"
    require_approval: bool = False

    def __post_init__(self) -> None:
        require(
            self.max_contrastive_loss is not None or self.non_inferiority_margin is not None,
            "gate must hold a threshold, max_contrastive_loss or non_inferiority_margin; without one, every"
            " model would pass.",
        )
        require(
            self.max_contrastive_loss is not None or self.first_run != "accept",
            "gate.first_run must be 'review' where there is no max_contrastive_loss, not 'accept': a first model has"
            " nothing to be compared with, and every one would pass.",
        )
        for name in ("max_contrastive_loss", "non_inferiority_margin"):
            value = getattr(self, name)
            fits = value is None or (value >= 0 and math.isfinite(value))
            require(fits, f"gate.{name} must be 0 nats or more, or None, not {value}.")
        require(
            self.min_code_perplexity >= 0,
            f"gate.min_code_perplexity must be 0 or more, not {self.min_code_perplexity}.",
        )
        require(
            self.max_export_difference > 0,
            f"gate.max_export_difference must be above 0, not {self.max_export_difference}.",
        )
        require(self.min_utterances >= 1, f"gate.min_utterances must be at least 1, not {self.min_utterances}.")
        require(
            self.first_run in ("accept", "review"),
            f"gate.first_run must be 'accept' or 'review', not {self.first_run!r}.",
        )
