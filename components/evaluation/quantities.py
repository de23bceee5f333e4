"""How measured numbers are told to people: with their unit, and with as many digits as are needed to tell two apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

Unit = Literal["", "count", "fraction", "points", "nats", "seconds", "bytes", "times"]
"""Of a number: a plain one; a whole one; a share, told in per cent; a difference of shares, told in points; a loss;
a time; a size; and how many times as fast as it is spoken."""

MINUS = "−"
"""What stands before a number below 0, for people."""

_MAX_MORE_DIGITS = 6
_BYTES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def is_number(value: Any) -> bool:
    """Tells whether a value is a number, and no NaN or infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def tell(value: float | None, unit: Unit = "", more_digits: int = 0) -> str:
    """Returns a number in words, such as `8.6 %`; nothing for None, and `no number` for what is none.

    Args:
      value: What to tell.
      unit: What it counts.
      more_digits: How many digits it has beyond those that are usual.
    """
    if value is None:
        return ""
    if not is_number(value):
        return "no number"
    if value < 0:
        return MINUS + tell(-value, unit, more_digits)
    value = abs(value)  # also of a zero below zero
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "fraction":
        return f"{100 * value:.{1 + more_digits}f} %"
    if unit == "points":
        return f"{100 * value:.{2 + more_digits}f} points"
    if unit == "nats":
        return f"{value:.{3 + more_digits}f} nats"
    if unit == "bytes":
        name, size = next(((name, size) for name, size in _BYTES if value >= size), ("bytes", 1.0))
        return f"{value / size:.{(1 if size > 1 else 0) + more_digits}f} {name}"
    digits = 3 + more_digits
    text = f"{value:,.0f}" if value >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    return {"seconds": f"{text} s", "times": f"{text} ×"}.get(unit, text)


def tell_both(value: float, bound: float, unit: Unit = "") -> tuple[str, str]:
    """Returns two numbers in words; where they differ, so do the words.

    Args:
      value: What was measured.
      bound: What it is held against.
      unit: What both count.
    """
    for more_digits in range(_MAX_MORE_DIGITS + 1):
        told = tell(value, unit, more_digits), tell(bound, unit, more_digits)
        if value == bound or told[0] != told[1]:
            return told
    return repr(value), repr(bound)


def name_some(names: Sequence[Any], most: int) -> str:
    """Returns the first of some names, and how many more there are.

    Args:
      names: All of them.
      most: How many are named.
    """
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more:,} more" if more > 0 else "")
