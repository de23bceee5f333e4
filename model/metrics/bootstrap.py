"""Intervals by the bootstrap over speakers.

Sources: Bisani and Ney 2004, «Bootstrap estimates for confidence intervals in ASR performance evaluation», for drawing
speakers and for the paired comparison; Hesterberg 2015, «What teachers should know about the bootstrap», section 4.4,
for the expanded percentiles.

The percentiles of a plain bootstrap lie too close together where few blocks are drawn: with n blocks its spread is too
small by sqrt((n − 1) / n), and it ignores that the spread itself is estimated. Instead of the quantile α, that of
Φ(sqrt(n / (n − 1)) · t(α, n − 1)) is taken; with 40 speakers the 95 % interval is 5 % wider for it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from model.metrics.counts import Counts

# With fewer blocks than this a bootstrap over them says little, and utterances take their place.
MIN_BLOCKS = 5
# How many drawn numbers are held at once, and kept for the next slice with as many blocks.
_CHUNK = 1 << 22

_Array = np.ndarray[Any, Any]
_NORMAL = NormalDist()


@dataclasses.dataclass(frozen=True)
class Interval:
    """A 95 % interval, from the bootstrap.

    Attributes:
      low: Its lower end.
      high: Its upper end.
      unit: What was drawn: `speaker` or `utterance`.
    """

    low: float
    high: float
    unit: str


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """The ratios that a bootstrap gave.

    Attributes:
      ratios: float64 `[draws, ratios]`, without the draws that had nothing to divide by.
      blocks: How many blocks were drawn each time.
      unit: What a block is: `speaker` or `utterance`.
    """

    ratios: _Array
    blocks: int
    unit: str

    def quantile(self, probability: float, ratio: int = 0) -> float:
        """Returns an expanded percentile of one of the ratios; NaN where no draw had anything to divide by."""
        if not len(self.ratios):
            return math.nan
        return float(np.quantile(self.ratios[:, ratio], _expanded(probability, self.blocks)))

    def interval(self, ratio: int = 0) -> Interval:
        """Returns the 95 % interval of one of the ratios."""
        return Interval(self.quantile(0.025, ratio), self.quantile(0.975, ratio), self.unit)

    def standard_error(self, ratio: int = 0) -> float:
        """Returns the standard error of one of the ratios; NaN where no draw had anything to divide by."""
        if not len(self.ratios):
            return math.nan
        return float(np.std(self.ratios[:, ratio])) * _expansion(self.blocks)


class Bootstrap:
    """Draws blocks with replacement, the same ones for every question about as many blocks.

    What is drawn depends on the number of blocks, the number of draws and the seed alone. So slices with as many blocks
    share their draws, and a slice is given the same interval alone as among others.

    Args:
      resamples: How often to draw.
      seed: Of the draws.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self._resamples = resamples
        self._seed = seed
        self._kept: dict[int, _Array] = {}

    def ratios(self, values: _Array, weights: _Array, speakers: Sequence[str] | _Array) -> Resampled:
        """Draws blocks, and divides the sums of values by the sum of weights.

        Args:
          values: `[utterances, ratios]`, such as the errors of one or two systems.
          weights: `[utterances]`, what they are divided by, such as words.
          speakers: Who spoke each. Speakers are drawn, since what one person says is not independent; with fewer than
            five speakers, utterances are drawn.
        """
        table = np.concatenate([np.asarray(values, np.float64), np.asarray(weights, np.float64)[:, None]], axis=1)
        blocks, unit = _blocks(table, speakers)
        drawn = self._sums(blocks)
        drawn = drawn[drawn[:, -1] > 0]
        return Resampled(drawn[:, :-1] / drawn[:, -1:], len(blocks), unit)

    def _sums(self, blocks: _Array) -> _Array:
        """Returns the sums `[draws, columns]` of as many blocks as there are, drawn with replacement."""
        count = len(blocks)
        if not count:
            return np.zeros((0, blocks.shape[1]))
        if count * self._resamples <= _CHUNK:
            if count not in self._kept:
                self._kept[count] = next(self._times_drawn(count, self._resamples))
            return self._kept[count] @ blocks
        rows = max(1, _CHUNK // count)
        return np.concatenate([times @ blocks for times in self._times_drawn(count, rows)])

    def _times_drawn(self, count: int, rows: int) -> Any:
        """Yields how often each block was drawn, float64 `[rows, count]`, until all draws are made."""
        random = np.random.default_rng([self._seed, count])
        for start in range(0, self._resamples, rows):
            size = min(rows, self._resamples - start)
            indices = random.integers(0, count, size=(size, count))
            indices += np.arange(size)[:, None] * count
            yield np.bincount(indices.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)


def rate_interval(counts: Sequence[Counts], speakers: Sequence[str], resamples: int, seed: int) -> Interval:
    """Returns the 95 % interval of the error rate.

    Args:
      counts: Of each utterance.
      speakers: Who spoke each; drawn as in `Bootstrap.ratios`, and the interval says what was drawn.
      resamples: How often to draw.
      seed: Of the draws.
    """
    errors, references = [one.errors for one in counts], [one.reference for one in counts]
    return ratio_interval(errors, references, speakers, resamples, seed)


def ratio_interval(
    values: Sequence[float], weights: Sequence[float], speakers: Sequence[str], resamples: int, seed: int
) -> Interval:
    """Returns the 95 % interval of the sum of `values` over that of `weights`, such as errors over words.

    Args:
      values: Of each utterance.
      weights: Of each utterance.
      speakers: Who spoke each; drawn as in `Bootstrap.ratios`.
      resamples: How often to draw.
      seed: Of the draws.
    """
    table = np.asarray(values, np.float64)[:, None]
    return Bootstrap(resamples, seed).ratios(table, np.asarray(weights, np.float64), speakers).interval()


def _blocks(table: _Array, speakers: Sequence[str] | _Array) -> tuple[_Array, str]:
    """Sums the rows of `table` by speaker, or leaves them where there are too few speakers."""
    names, positions = np.unique(np.asarray(speakers), return_inverse=True)
    if len(names) < MIN_BLOCKS:
        return table, "utterance"
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, positions, table)
    return sums, "speaker"


def _expansion(blocks: int) -> float:
    """Returns by how much the spread of a bootstrap over so many blocks is too small."""
    return math.sqrt(blocks / (blocks - 1)) if blocks > 1 else 1.0


def _expanded(probability: float, blocks: int) -> float:
    """Returns the quantile of the draws that stands for `probability`."""
    if blocks < MIN_BLOCKS:
        # Of so few blocks nothing better than the draws themselves can be had.
        return probability
    return _NORMAL.cdf(_expansion(blocks) * _student_quantile(probability, blocks - 1))


def _student_quantile(probability: float, freedom: int) -> float:
    """Returns the quantile of Student's t: Abramowitz and Stegun 26.7.5, to 0.1 % from 4 degrees of freedom on."""
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
