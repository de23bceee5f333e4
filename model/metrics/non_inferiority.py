"""Whether a system is not worse than a baseline by more than a margin: the rule of the gate. Pure.

The system passes where the upper bound of the one-sided 95 % interval of the difference is within the margin; the point
estimate alone would pass every second system that is worse by the margin. So a system whose true regression is the
margin is caught in 95 of 100 test sets, and a worse one more often. Not to reject equal systems needs a test set that
is large enough: with the standard error s of the difference, an equal system is rejected where the difference, by
chance, is above margin − 1.645 s, so at most 5 times in 100 where the margin is at least 2 × 1.645 s. To keep both
promises for a regression r, the margin must lie between 2 × 1.645 s and r.

On LibriSpeech's test-clean (52,576 words, 40 speakers) with the errors of two real systems, of which the labels are
swapped at random, s is 0.07 points of WER, and the margin may be 0.23 to 0.5 points. Measured by simulation (2,000
draws; the regression is 0.5 points; in the last column, speakers are drawn anew each time, too):

    margin   equal systems rejected   regression caught   with new speakers
    0.25     2.5 %                    100 %               100 %
    0.35     0.1 %                    100 %               100 %
    0.45     0.0 %                    99.9 %              98.9 %
    0.50     0.0 %                    98.9 %              94.8 %

A margin in the middle, 0.35 points, leaves room on both sides. `tests/model/metrics/test_gate_simulation.py` holds the
promises. Where the labels of whole speakers are swapped at once, s is 0.17 points, and no margin keeps both: at 0.5
points, 8.9 % of equal systems are rejected. That is more than systems differ by chance, but a system may suit some
speakers and not others; `smallest_margin` says what the test set bears in the case at hand.
"""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

from model.metrics.comparison import Difference

_NORMAL = NormalDist()
# Of the one-sided 95 % interval, and of the 5 and 95 % that are promised.
_Z = _NORMAL.inv_cdf(0.95)
_Z_POWER = _NORMAL.inv_cdf(0.8)


@dataclasses.dataclass(frozen=True)
class NonInferiority:
    """The decision, and what the test set is good for.

    Attributes:
      is_non_inferior: Whether the upper bound is within the margin; False where it is no number.
      margin: How much worse the system may be.
      difference: Error rate of the system minus that of the baseline.
      upper_bound: Of the one-sided 95 % interval of the difference.
      smallest_detectable: The smallest true regression that is rejected in 80 % of such test sets; one of the size of
        the margin is in 95 %. Below 0, even better systems are rejected, and the margin is too narrow.
      equal_rejected: Share of such test sets that would reject a system that is truly equal.
      smallest_margin: With a margin below this, equal systems are rejected more often than 5 %.
    """

    is_non_inferior: bool
    margin: float
    difference: float
    upper_bound: float
    smallest_detectable: float
    equal_rejected: float
    smallest_margin: float


def judge_non_inferiority(difference: Difference, margin: float) -> NonInferiority:
    """Judges a system by its difference from a baseline.

    Args:
      difference: From the paired bootstrap.
      margin: How much worse the system may be, in the unit of the difference; 0.005 for half a point of WER.

    Raises:
      ValueError: the margin is below 0, or no number.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"A margin must be a number of at least 0, not {margin}.")
    error = difference.standard_error
    bound = difference.upper_bound
    return NonInferiority(
        is_non_inferior=math.isfinite(difference.value) and math.isfinite(bound) and bound <= margin,
        margin=margin,
        difference=difference.value,
        upper_bound=bound,
        smallest_detectable=smallest_detectable(margin, error),
        equal_rejected=_equal_rejected(error, margin),
        smallest_margin=smallest_margin(error),
    )


def smallest_margin(error: float) -> float:
    """Returns the margin below which equal systems are rejected more often than 5 %, given the standard error."""
    return 2 * _Z * error


def smallest_detectable(margin: float, error: float) -> float:
    """Returns the smallest true regression that is rejected in 80 % of test sets with this standard error."""
    return margin - (_Z - _Z_POWER) * error


def _equal_rejected(error: float, margin: float) -> float:
    if not math.isfinite(error):
        return math.nan
    return 1.0 - _NORMAL.cdf(margin / error - _Z) if error else 0.0
