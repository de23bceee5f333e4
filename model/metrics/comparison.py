"""Two systems on the same utterances: the paired bootstrap of the difference (Bisani and Ney 2004)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from model.metrics.bootstrap import Bootstrap, Interval, Resampled
from model.metrics.counts import Counts

# A two-sided test at 5 % with power 80 %: 1.960 + 0.842 standard errors.
_DETECTABLE = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much a system differs from a baseline on the same utterances; above 0, the system is worse.

    Attributes:
      value: Error rate, or loss, of the system minus that of the baseline.
      interval: 95 % interval of it, from the paired bootstrap.
      probability_of_improvement: Share of the draws in which the system is better.
      smallest_detectable: A true difference of this size would be told from 0 in 80 % of such test sets.
      standard_error: Of the value.
      upper_bound: Upper end of the one-sided 95 % interval: only one in twenty test sets would make a difference that
        is truly larger look like this one.
      blocks: How many speakers, or utterances, were drawn each time.
    """

    value: float
    interval: Interval
    probability_of_improvement: float
    smallest_detectable: float
    standard_error: float
    upper_bound: float
    blocks: int


def paired_difference(
    counts: Sequence[Counts], baseline: Sequence[Counts], speakers: Sequence[str], resamples: int, seed: int
) -> Difference:
    """Compares two systems by their errors.

    Args:
      counts: Of each utterance, for the system.
      baseline: Of the same utterances in the same order, for the baseline.
      speakers: Who spoke each; drawn as in `Bootstrap.ratios`.
      resamples: How often to draw.
      seed: Of the draws.
    """
    changes = [one.errors - other.errors for one, other in zip(counts, baseline, strict=True)]
    return paired_ratio_difference(changes, [one.reference for one in counts], speakers, resamples, seed)


def paired_ratio_difference(
    changes: Sequence[float], weights: Sequence[float], speakers: Sequence[str], resamples: int, seed: int
) -> Difference:
    """Compares two systems by what each utterance changes from the one to the other.

    Args:
      changes: Of each utterance: its value for the system minus that for the baseline.
      weights: Of each utterance, the same for both.
      speakers: Who spoke each; drawn as in `Bootstrap.ratios`.
      resamples: How often to draw.
      seed: Of the draws.
    """
    table, column = np.asarray(changes, np.float64)[:, None], np.asarray(weights, np.float64)
    drawn = Bootstrap(resamples, seed).ratios(table, column, speakers)
    total = float(column.sum())
    return difference_of(float(table.sum()) / total if total else float("nan"), drawn)


def difference_of(value: float, drawn: Resampled, ratio: int = 0) -> Difference:
    """Returns what draws of a difference tell.

    Args:
      value: The difference itself.
      drawn: What the bootstrap gave.
      ratio: Which of its ratios is the difference.
    """
    spread = drawn.standard_error(ratio)
    better = float(np.mean(drawn.ratios[:, ratio] < 0)) if len(drawn.ratios) else float("nan")
    return Difference(
        value=value,
        interval=drawn.interval(ratio),
        probability_of_improvement=better,
        smallest_detectable=_DETECTABLE * spread,
        standard_error=spread,
        upper_bound=drawn.quantile(0.95, ratio),
        blocks=drawn.blocks,
    )
