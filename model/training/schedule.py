"""What changes with the step: the learning rate, and the temperature of the Gumbel softmax."""

from __future__ import annotations

from model.training.settings import TrainingSettings


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Returns the rate of an update, counted from 1: linear up to the peak, constant, then down to a share of the peak.

    Source: fairseq's `tri_stage`, whose fall is exponential, and `polynomial_decay`, whose fall is linear.
    """
    done = step / settings.steps
    rise = done / settings.warmup_share if settings.warmup_share > 0 else 1.0
    if rise < 1.0:
        return settings.peak_learning_rate * rise
    falling_share = 1.0 - settings.warmup_share - settings.hold_share
    if falling_share <= 0:
        return settings.peak_learning_rate
    fallen = min(max((done - settings.warmup_share - settings.hold_share) / falling_share, 0.0), 1.0)
    last = settings.final_learning_rate_scale
    if settings.decay == "linear":
        return settings.peak_learning_rate * (1.0 - fallen * (1.0 - last))
    # An exponential never reaches 0.
    return settings.peak_learning_rate * max(last, 1e-9) ** fallen


def gumbel_temperature(settings: TrainingSettings, step: int) -> float:
    """Returns the temperature of an update, counted from 1. Source: fairseq's `latent_temp`."""
    fallen = settings.gumbel_temperature_start * settings.gumbel_temperature_decay ** (step - 1)
    return max(fallen, settings.gumbel_temperature_end)
