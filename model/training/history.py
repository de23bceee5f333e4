"""What is remembered of a training: measurements, and curves with a point every few steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What was measured after a step.

    Attributes:
      step: Updates done.
      training_loss: Mean loss since the last measurement, in nats: per label, per utterance or per masked frame.
      validation: What was measured of the validation split, by name: `loss`, and `wer`, a fraction, or
        `contrastive_loss`, `accuracy` and `perplexity`.
    """

    step: int
    training_loss: float
    validation: Mapping[str, float]

    def words(self) -> str:
        """Returns what matters most, in words."""
        if "wer" in self.validation:
            return f"validation WER {100 * self.validation['wer']:.1f} %"
        return (
            f"validation loss {self.validation['contrastive_loss']:.2f},"
            f" {self.validation['perplexity']:.0f} codes in use"
        )


@dataclasses.dataclass
class Curves:
    """A point every few steps.

    Attributes:
      step: The last step of each point.
      loss: The mean loss of its steps.
      learning_rate: The rate of its last step.
      gradient_norm: The mean norm of its steps, before it is limited.
      padding_share: The share of padding in the samples of its steps.
      waiting: Sums of the steps since the last point.
    """

    step: list[int] = dataclasses.field(default_factory=list)
    loss: list[float] = dataclasses.field(default_factory=list)
    learning_rate: list[float] = dataclasses.field(default_factory=list)
    gradient_norm: list[float] = dataclasses.field(default_factory=list)
    padding_share: list[float] = dataclasses.field(default_factory=list)
    waiting: dict[str, float] = dataclasses.field(default_factory=dict)

    def add(self, step: int, counts: Mapping[str, float], learning_rate: float, every: int) -> bool:
        """Adds the counts of a step; returns whether that completed a point."""
        for name in ("loss", "weight", "gradient_norm", "samples", "computed_samples"):
            self.waiting[name] = self.waiting.get(name, 0.0) + counts[name]
        if step % every:
            return False
        sums = self.waiting
        self.step.append(step)
        self.loss.append(sums["loss"] / max(sums["weight"], 1.0))
        self.learning_rate.append(learning_rate)
        self.gradient_norm.append(sums["gradient_norm"] / every)
        self.padding_share.append(1.0 - sums["samples"] / sums["computed_samples"])
        self.waiting = {}
        return True

    def to_mapping(self) -> dict[str, Any]:
        """Returns the curves as plain values, without what waits."""
        value = dataclasses.asdict(self)
        del value["waiting"]
        return value
