"""Whether an ONNX file in int8 computes what was measured of it, also on a processor of another kind.

Products of integers are exact everywhere. What stands between them is float32, whose last digit depends on the
processor; before the next product it is rounded to 8 bits, and where a value lies between two steps, the last digit
decides to which. One whole step then goes on to the next layer, and decides more of them. So two machines that are both
right may differ by about as much as rounding itself moves the logits: by less than √2 times that, where the roundings
have nothing in common any more. That is the measure here, and the release brings it along: the difference of its own
logits in int8 and in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from model.errors import ReleaseError

MAX_SHARE_OF_ROUNDING = 1.5
"""How far the logits may be from those that were measured, as a share of what int8 changes: √2, and a little room."""

_Logits = np.ndarray[Any, Any]


def require_int8_agreement(
    what: str,
    found: tuple[_Logits, str],
    measured: tuple[_Logits, str],
    exact: _Logits,
    max_difference: float,
    where: str,
) -> None:
    """Compares what a copy gives in int8 with what was measured of the release in int8.

    Its logits must be as far from the measured ones as rounding explains, root mean square against root mean square.
    Its text must be the measured one, unless each frame that says another letter was undecided: one whose two letters
    scored nearer to each other than rounding moved any two logits.

    Args:
      what: Which probe, for messages.
      found: What the copy gives: logits float32 `[frames, vocab]`, and the text.
      measured: The same as it was measured.
      exact: The logits of float32 as they were measured.
      max_difference: What float32 may differ by; so may int8, where it changes less than that.
      where: The file.

    Raises:
      ReleaseError: the copy computes something else.
    """
    (logits, text), (expected, expected_text) = found, measured
    if logits.shape != expected.shape or not np.isfinite(logits).all():
        raise ReleaseError(
            f"The int8 logits of {what} must be numbers in the shape {list(expected.shape)} that was measured; those of"
            f" {where} have {list(logits.shape)}, or are none."
        )
    rounding = expected - exact
    difference = _root_mean_square(logits - expected)
    limit = max(MAX_SHARE_OF_ROUNDING * _root_mean_square(rounding), max_difference)
    if not difference <= limit:
        raise ReleaseError(
            f"The int8 logits of {what} must be within {limit:.2g} of what was measured (root mean square;"
            f" {MAX_SHARE_OF_ROUNDING:g} times what int8 changes); those of {where} differ by {difference:.2g}."
        )
    if text == expected_text:
        return
    best, expected_best = logits.argmax(axis=-1), expected.argmax(axis=-1)
    frames = np.flatnonzero(best != expected_best)
    lead = expected[frames, expected_best[frames]] - expected[frames, best[frames]]
    if not len(frames) or not lead.max() <= 2 * max(float(np.abs(rounding).max()), max_difference):
        raise ReleaseError(
            f"The int8 text of {what} must be {expected_text!r}, as was measured; {where} gives {text!r}, by letters"
            " that were not nearly as good."
        )


def _root_mean_square(values: np.ndarray[Any, Any]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
