"""Parts of a test set: by subset, speaker, gender, duration and speaking rate."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence

from model.settings import require

KINDS = ("subset", "speaker", "gender", "duration", "speaking_rate")
"""Every kind of slice, in the order of a report."""

UNKNOWN = "unknown"
"""The slice of the utterances for which a kind that others have is not known."""


@dataclasses.dataclass(frozen=True)
class SliceSettings:
    """How utterances are parted.

    Attributes:
      duration_edges_seconds: Where one bin of durations ends and the next begins.
      rate_edges_words_per_second: Likewise for the words of the reference in a second.
      min_words: Slices with fewer words are shown, and cannot be the worst.
    """

    duration_edges_seconds: tuple[float, ...] = (2.0, 5.0, 10.0, 15.0, 20.0)
    rate_edges_words_per_second: tuple[float, ...] = (2.0, 2.5, 3.0, 3.5)
    min_words: int = 500

    def __post_init__(self) -> None:
        for name in ("duration_edges_seconds", "rate_edges_words_per_second"):
            edges = getattr(self, name)
            ascend = all(left < right for left, right in zip((0.0, *edges), edges, strict=False))
            require(ascend, f"slices.{name} must be above 0 and ascend, not {edges}.")
        require(self.min_words >= 1, f"slices.min_words must be at least 1, not {self.min_words}.")


def slice_keys(
    words: int,
    *,
    subset: str | None = None,
    speaker: str | None = None,
    gender: str | None = None,
    seconds: float | None = None,
    settings: SliceSettings,
) -> dict[str, str]:
    """Returns the slices that an utterance belongs to, by kind; what is not known of it is left out.

    Args:
      words: In its reference.
      subset: Such as `test-clean`.
      speaker: Who speaks.
      gender: `F`, `M`, or another word.
      seconds: How long it is.
      settings: How durations and rates are parted.
    """
    keys = {"subset": subset, "speaker": speaker, "gender": gender}
    if seconds is not None:
        keys["duration"] = _bin(seconds, settings.duration_edges_seconds, "s")
        if seconds > 0:
            keys["speaking_rate"] = _bin(words / seconds, settings.rate_edges_words_per_second, "words/s")
    return {kind: key for kind, key in keys.items() if key}


def members(keys: Sequence[dict[str, str]]) -> list[tuple[str, str, list[int]]]:
    """Returns kind, value and the utterances' positions of every slice.

    A kind that no utterance has gives no slice; utterances without a kind that others have are in the slice `unknown`.

    Args:
      keys: Of each utterance, from `slice_keys`.
    """
    found: list[tuple[str, str, list[int]]] = []
    for kind in KINDS:
        if not any(kind in one for one in keys):
            continue
        positions: dict[str, list[int]] = {}
        for position, one in enumerate(keys):
            positions.setdefault(one.get(kind, UNKNOWN), []).append(position)
        ordered = sorted(positions.items(), key=lambda item: _order(kind, item[0]))
        found.extend((kind, value, indices) for value, indices in ordered)
    return found


def _bin(value: float, edges: Sequence[float], unit: str) -> str:
    """Returns the name of a value's bin; an edge belongs to the bin above it."""
    place = bisect.bisect_right(edges, value)
    if not edges:
        return f"any {unit}"
    if place == 0:
        return f"under {edges[0]:g} {unit}"
    if place == len(edges):
        return f"from {edges[-1]:g} {unit}"
    return f"{edges[place - 1]:g} to {edges[place]:g} {unit}"


def _order(kind: str, value: str) -> tuple[int, float, str]:
    """Bins by their size, other slices by name, and what is not known last."""
    if value == UNKNOWN:
        return (2, 0.0, value)
    if kind not in ("duration", "speaking_rate"):
        return (1, 0.0, value)
    first, second = value.split(" ")[:2]
    if first in ("under", "any"):
        return (0, 0.0, value)
    return (1, float(second if first == "from" else first), value)
