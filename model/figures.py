"""Pictures of what was measured and heard, for notebooks; they need matplotlib, of the extra `notebooks`.

Each function returns a figure that nothing else holds: as the last line of a cell it is shown once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, to_float
from model.metrics import Score
from model.word import Word

_INK, _MARK, _SECOND, _FAINT = "#333333", "#1f6f8b", "#c8553d", "#bbbbbb"
_WIDTH_INCHES = 8.0
_DOTS_PER_INCH = 80
# What is drawn of a waveform: the lowest and the highest sample of so many pieces.
_WAVEFORM_PIECES = 1_200
# So many words stand beside one another before they need another line.
_WORD_LINES = 3
_ROUGH_WORD_WIDTH = 0.011


@dataclasses.dataclass(frozen=True)
class Rate:
    """A rate with its interval, a line of `draw_rates`.

    Attributes:
      name: What stands beside it.
      rate: A fraction, such as a WER.
      low: The lower end of its interval; NaN where there is none.
      high: The upper end.
    """

    name: str
    rate: float
    low: float = float("nan")
    high: float = float("nan")

    @classmethod
    def of(cls, name: str, score: Score) -> Rate:
        """Returns the WER of a system, with its interval."""
        system = score.system
        return cls(name, system.words.rate, system.interval.low, system.interval.high)


def draw_rates(rates: Sequence[Rate], title: str, label: str = "WER, %") -> Any:
    """Draws rates one below another, each a point on its interval.

    Args:
      rates: From top to bottom.
      title: Of the picture.
      label: Of the axis; rates are drawn as percentages.
    """
    figure, axes = _figure(0.9 + 0.36 * max(len(rates), 1))
    places = np.arange(len(rates))
    values = 100 * np.array([one.rate for one in rates], np.float64)
    lows, highs = (100 * np.array([getattr(one, end) for one in rates], np.float64) for end in ("low", "high"))
    axes.hlines(places, lows, highs, color=_FAINT, linewidth=5)
    axes.plot(values, places, "o", color=_MARK)
    for place, value, high in zip(places, values, highs, strict=True):
        axes.annotate(
            f"{value:.1f} %", (np.nanmax([value, high]), place), xytext=(7, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(places, [one.name for one in rates])
    axes.set_ylim(len(rates) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.18)
    return _finished(figure, axes, title, label, "")


def draw_bars(values: Mapping[str, float], title: str, label: str, digits: int = 3) -> Any:
    """Draws values as bars one below another, each with its number.

    Args:
      values: By name, from top to bottom.
      title: Of the picture.
      label: Of the axis, with the unit.
      digits: Of the numbers, behind the point.
    """
    figure, axes = _figure(0.9 + 0.42 * max(len(values), 1))
    places = np.arange(len(values))
    bars = axes.barh(places, list(values.values()), color=_MARK, height=0.6)
    axes.bar_label(bars, fmt=f"%.{digits}f", padding=5)
    axes.set_yticks(places, list(values))
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.margins(x=0.15)
    return _finished(figure, axes, title, label, "")


def draw_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, across: str, up: str) -> Any:
    """Draws curves over one axis.

    Args:
      curves: By name: the places across, and the values.
      title: Of the picture.
      across: What the axis across is.
      up: What the axis up is.
    """
    figure, axes = _figure(2.9)
    for (name, (places, values)), colour in zip(curves.items(), (_MARK, _SECOND, _INK, _FAINT) * 9, strict=False):
        axes.plot(places, values, color=colour, label=name, marker="o" if len(values) < 30 else None, markersize=4)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return _finished(figure, axes, title, across, up)


def draw_words(samples: np.ndarray[Any, Any], words: Iterable[Word], title: str) -> Any:
    """Draws the waveform of a recording, and below it the words where they were heard.

    Args:
      samples: `[samples]` at 16 kHz, float32 with full scale 1, or int16.
      words: With their times, as `Transcriber` gives them.
      title: Of the picture.
    """
    waveform = to_float(samples) if samples.dtype == np.int16 else samples
    seconds = len(waveform) / SAMPLE_RATE_HZ
    figure, axes = _figure(2.8)
    pieces = np.array_split(waveform, min(_WAVEFORM_PIECES, max(len(waveform), 1)))
    lows, highs = (np.array([end(piece) if len(piece) else 0.0 for piece in pieces]) for end in (np.min, np.max))
    axes.fill_between(np.linspace(0, seconds, len(pieces)), lows, highs, color=_MARK, linewidth=0.4)
    loudest = max(float(np.max(np.abs([lows, highs]))), 1e-3)
    ends = [-np.inf] * _WORD_LINES
    for word in words:
        # The highest line that has room; where none has, the one that ends first.
        free = [line for line, end in enumerate(ends) if end <= word.start_seconds]
        line = free[0] if free else int(np.argmin(ends))
        ends[line] = word.start_seconds + len(word.text) * _ROUGH_WORD_WIDTH * seconds
        axes.axvspan(word.start_seconds, word.end_seconds, color=_FAINT, alpha=0.35, linewidth=0)
        axes.text(word.start_seconds, -loudest * (1.25 + 0.28 * line), word.text, va="top", fontsize=8, color=_INK)
    axes.set_ylim(-loudest * (1.3 + 0.28 * _WORD_LINES), loudest * 1.05)
    axes.set_xlim(0, max(seconds, 1e-3))
    axes.set_yticks([])
    return _finished(figure, axes, title, "seconds", "")


def _figure(height_inches: float) -> tuple[Any, Any]:
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(_WIDTH_INCHES, height_inches), dpi=_DOTS_PER_INCH, layout="constrained")


def _finished(figure: Any, axes: Any, title: str, across: str, up: str) -> Any:
    from matplotlib import pyplot as plt

    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    # What pyplot holds, a notebook would show a second time.
    plt.close(figure)
    return figure
