"""What a person may choose about evaluation and its gate."""

from __future__ import annotations

import dataclasses
from typing import Literal

from model.settings import require


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """What is measured.

    Attributes:
      splits: Test splits to measure; empty for all whose names begin with `test`.
      batch_samples: Samples in a batch at most, padding included.
      num_probes: Utterances that are kept with their logits, for the pushers to check a copy by.
      bootstrap_resamples: Draws of the bootstrap.
      seed: Of the bootstrap.
    """

    splits: tuple[str, ...] = ()
    batch_samples: int = 2_000_000
    num_probes: int = 8
    bootstrap_resamples: int = 1_000
    seed: int = 20

    def __post_init__(self) -> None:
        require(self.batch_samples >= 400, f"evaluation.batch_samples must be at least 400, not {self.batch_samples}.")
        require(self.num_probes >= 1, f"evaluation.num_probes must be at least 1, not {self.num_probes}.")
        require(
            self.bootstrap_resamples >= 100,
            f"evaluation.bootstrap_resamples must be at least 100, not {self.bootstrap_resamples}.",
        )


@dataclasses.dataclass(frozen=True)
class GateSettings:
    """What a model must reach to be released.

    Attributes:
      max_wer: Ceiling of the WER of each test split, a fraction; None for no ceiling.
      max_wer_increase: How much worse than the latest blessed model each test split may be, a difference of fractions;
        None for no comparison. It holds for the point estimate.
      max_export_logit_difference: How far the logits of the ONNX file may be from those of the SavedModel.
      min_export_text_agreement: Share of the utterances for which both must give the same text.
      min_utterances: Utterances that each test split must have.
      allow_data_anomalies: Whether a model may pass although ExampleValidator found anomalies.
      first_run: What to do where there is no blessed model to compare with: `accept` what passes all other checks, or
        leave it to a person's `review`.
      require_approval: Whether what passes all checks is still left to a person, who approves or rejects it.
    """

    max_wer: float | None = None
    max_wer_increase: float | None = None
    max_export_logit_difference: float = 1e-3
    min_export_text_agreement: float = 1.0
    min_utterances: int = 1
    allow_data_anomalies: bool = False
    first_run: Literal["accept", "review"] = "accept"
    require_approval: bool = False

    def __post_init__(self) -> None:
        require(
            self.max_wer is not None or self.max_wer_increase is not None,
            "gate must hold a threshold, max_wer or max_wer_increase; without one, every model would pass.",
        )
        require(
            self.max_wer is None or 0 <= self.max_wer <= 10,
            f"gate.max_wer must be a fraction, 0.1 for 10 %, not {self.max_wer}.",
        )
        require(
            self.max_wer_increase is None or 0 <= self.max_wer_increase <= 10,
            f"gate.max_wer_increase must be a difference of fractions, 0.005 for half a point, not"
            f" {self.max_wer_increase}.",
        )
        require(
            self.max_export_logit_difference > 0,
            f"gate.max_export_logit_difference must be above 0, not {self.max_export_logit_difference}.",
        )
        require(
            0 <= self.min_export_text_agreement <= 1,
            f"gate.min_export_text_agreement must be in [0, 1], not {self.min_export_text_agreement}.",
        )
        require(self.min_utterances >= 1, f"gate.min_utterances must be at least 1, not {self.min_utterances}.")
        require(
            self.first_run in ("accept", "review"),
            f"gate.first_run must be 'accept' or 'review', not {self.first_run!r}.",
        )
