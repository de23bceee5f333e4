"""Durations as people say them."""

from __future__ import annotations


def format_seconds(seconds: float | None) -> str:
    """Returns a duration as people say it: `0.4 s`, `12 s`, `4 min 05 s`, `1 h 02 min`."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
